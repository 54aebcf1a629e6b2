//! `embeddings.parquet` with what people made of its classes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use twist_io::printable;
use twist_run::RunError;

use super::names::Naming;
use super::notes::Notes;

/// One entry per evaluated image in each vector, in file order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// The image's index in the evaluation data.
    pub(crate) index: Vec<u32>,
    pub(crate) label: Vec<Option<u32>>,
    /// What the network said, class by class as it numbers them.
    pub(crate) said: Verdicts,
    /// Its most probable classes with their probabilities, best first: as many of each image.
    pub(crate) ranked: Vec<(u32, f32)>,
    /// The same with merged classes as one; equal to `said` until [`Samples::merge`].
    pub(crate) merged: Verdicts,
    /// Whether the probability of the class is below the threshold that a user set.
    pub(crate) unsure: Vec<bool>,
    /// `[N, width]`, row-major; shared with whoever draws the map beside the page.
    pub(crate) embedding: Arc<Vec<f32>>,
    /// Numbers per embedding.
    pub(crate) width: usize,
    /// The image's path; empty when no file names it.
    pub(crate) path: Vec<String>,
    /// Names of the classes, by label.
    pub(crate) class_names: HashMap<u32, String>,
}

/// The two most probable classes of every image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdicts {
    pub(crate) cluster: Vec<u32>,
    pub(crate) confidence: Vec<f32>,
    pub(crate) second_cluster: Vec<u32>,
    pub(crate) second_confidence: Vec<f32>,
}

impl Verdicts {
    /// Adds an image with its two most probable classes.
    fn push(&mut self, first: (u32, f32), second: (u32, f32)) {
        self.cluster.push(first.0);
        self.confidence.push(first.1);
        self.second_cluster.push(second.0);
        self.second_confidence.push(second.1);
    }
}

impl Samples {
    /// Puts merged classes together and marks the unsure images. Any earlier merge is taken back first.
    pub(crate) fn merge(&mut self, naming: &Naming) {
        (self.merged, self.unsure) = self.under(naming);
    }

    /// The classes under `naming`, and which images are unsure then. A merged class is as probable as its parts together, and
    /// may so be more probable than the class that was.
    pub(crate) fn under(&self, naming: &Naming) -> (Verdicts, Vec<bool>) {
        let mut merged = self.said.clone();
        let Verdicts { cluster, confidence, second_cluster, second_confidence } = &mut merged;
        let each = self.ranked.len() / self.index.len().max(1);
        for i in 0..cluster.len() {
            let two = [(cluster[i], confidence[i]), (second_cluster[i], second_confidence[i])];
            let known = if each == 0 { &two } else { &self.ranked[i * each..(i + 1) * each] };
            let [first, second] = naming.best_two(known);
            (cluster[i], confidence[i]) = first;
            (second_cluster[i], second_confidence[i]) = second;
        }
        let threshold = naming.unsure_below();
        let unsure = confidence.iter().map(|p| f64::from(*p) < threshold).collect();
        (merged, unsure)
    }

    /// One more than the highest output that the table names: what the network has at least.
    pub(crate) fn most_outputs(&self) -> u64 {
        let ranked = self.ranked.iter().map(|(class, _)| class);
        let named = self.said.cluster.iter().chain(&self.said.second_cluster).chain(ranked);
        named.max().map_or(0, |highest| u64::from(*highest) + 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether labels tell images apart: one class does not.
    pub(crate) fn has_labels(&self) -> bool {
        let mut labels = self.label.iter().flatten();
        labels.next().is_some_and(|first| labels.any(|label| label != first))
    }

    /// The name of a label; "label 3" where it has none.
    pub(crate) fn class_name(&self, label: u32) -> String {
        self.class_names
            .get(&label)
            .map_or_else(|| format!("label {label}"), |name| printable(name).into_owned())
    }

    /// How much more probable the discovered class is than the runner-up: small at the border of a class.
    pub(crate) fn margin(&self, i: usize) -> f32 {
        self.merged.confidence[i] - self.merged.second_confidence[i]
    }

    /// The class of image `i`, its probability, the runner-up, and its probability.
    pub(crate) fn verdict(&self, i: usize) -> (u32, f32, u32, f32) {
        let Verdicts { cluster, confidence, second_cluster, second_confidence } = &self.merged;
        (cluster[i], confidence[i], second_cluster[i], second_confidence[i])
    }

    /// A name of image `i`: its path, or its index.
    pub(crate) fn title(&self, i: usize) -> String {
        match self.path[i].as_str() {
            "" => format!("image {}", self.index[i]),
            path => printable(path).into_owned(),
        }
    }
}

/// Reads the table from the run folder; damage becomes a note.
pub(super) fn read(folder: &Path, notes: &mut Notes) -> Option<Samples> {
    match twist_run::Samples::read(folder, true) {
        Ok(Some(read)) => {
            let mut samples = Samples::from(read);
            samples.merge(&Naming::default());
            return Some(samples);
        }
        Ok(None) => notes.missing(
            "The run folder has no embeddings (embeddings.parquet) yet, so the report has no gallery, no \
             confusion, no neighbours and no map: they are written by the final evaluation, when training ends."
                .into(),
        ),
        Err(error) => {
            let reason = match error {
                RunError::Damaged { reason, .. } => reason,
                other => other.to_string(),
            };
            notes.damaged(format!(
                "embeddings.parquet could not be read ({reason}), so the report has no gallery, no confusion, no \
                 neighbours and no map: `twist train … --resume` writes it again."
            ));
        }
    }
    None
}

impl From<twist_run::Samples> for Samples {
    fn from(read: twist_run::Samples) -> Self {
        let mut said = Verdicts::default();
        (0..read.len()).map(|row| read.clusters(row)).for_each(|best| said.push(best[0], best[1]));
        let mut class_names = HashMap::new();
        for (label, name) in read.label.iter().zip(&read.label_name) {
            if let (Some(label), Some(name)) = (label, name) {
                class_names.entry(*label).or_insert_with(|| name.clone());
            }
        }
        let twist_run::Samples { index, path, label, ranked, embedding, width, .. } = read;
        let embedding = Arc::new(embedding);
        Self { index, path, label, said, ranked, embedding, width, class_names, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use twist_run::ClusterNames;

    use super::*;

    #[test]
    fn merged_classes_win_together_and_lose_apart() {
        let mut samples = Samples {
            index: vec![0, 1],
            said: Verdicts {
                cluster: vec![4, 0],
                confidence: vec![0.4, 0.9],
                second_cluster: vec![1, 4],
                second_confidence: vec![0.3, 0.1],
            },
            ranked: vec![(4, 0.4), (1, 0.3), (2, 0.2), (0, 0.9), (4, 0.1), (3, 0.0)],
            ..Samples::default()
        };
        let mut names = ClusterNames::new(5);
        names.merge(&[1, 2], None).unwrap();
        samples.merge(&Naming::from(names));
        assert_eq!(samples.verdict(0), (1, 0.3 + 0.2, 4, 0.4), "the class that was first is second now");
        assert_eq!(samples.verdict(1), (0, 0.9, 4, 0.1));
        assert_eq!(samples.most_outputs(), 5);
        samples.merge(&Naming::default());
        assert_eq!(samples.verdict(0), (4, 0.4, 1, 0.3));
    }
}
