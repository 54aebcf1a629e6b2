//! The discovered classes of a run, against the labels where there are any.
//!
//! Classes are those that a user sees: merged ones are one, named ones have their name, and images below the threshold of
//! sureness belong to none.

use std::collections::{BTreeMap, HashMap};

use twist_metrics::Contingency;

use crate::run::{Naming, Samples};

/// Classes with a colour of their own; further ones share gray.
pub(crate) const MOST_COLORS: usize = 100;

#[derive(Clone, Debug)]
pub(crate) struct Class {
    /// Its number: the output of the network, of merged ones the one that they were merged into.
    pub(crate) number: u32,
    /// What it is called: the name that a user gave it, else "class 7".
    pub(crate) name: String,
    /// The outputs that were merged into it, itself included.
    pub(crate) parts: Vec<u32>,
    /// Its images, the most confident first, unsure ones left out.
    pub(crate) rows: Vec<usize>,
    /// How many unsure images would be in it.
    pub(crate) unsure: usize,
    /// The most frequent label and its share of the labelled images.
    pub(crate) majority: Option<(u32, f64)>,
    /// The label that the one-to-one assignment gives it.
    pub(crate) assigned: Option<u32>,
    /// Its colour slot; `None` is gray.
    pub(crate) color: Option<usize>,
}

/// Every class that has an image, and every label.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    /// Largest first.
    pub(crate) classes: Vec<Class>,
    /// The labels that occur, ascending.
    pub(crate) labels: Vec<u32>,
    pub(crate) labelled: usize,
    /// Images of each label by class: positions in the two vectors above, classes without such an image left out.
    pub(crate) counts: Vec<BTreeMap<usize, u64>>,
    /// Images that are in no class, the least sure first.
    pub(crate) unsure: Vec<usize>,
    naming: Naming,
}

impl Classes {
    /// Counts, assigns and colours.
    pub(crate) fn of(samples: &Samples, naming: &Naming) -> Self {
        let confidence = &samples.merged.confidence;
        let (mut unsure, sure): (Vec<usize>, Vec<usize>) =
            (0..samples.len()).partition(|row| samples.unsure[*row]);
        unsure.sort_by(|a, b| confidence[*a].total_cmp(&confidence[*b]).then(a.cmp(b)));
        let mut unsure_of: BTreeMap<u32, usize> = BTreeMap::new();
        unsure.iter().for_each(|row| *unsure_of.entry(samples.merged.cluster[*row]).or_default() += 1);
        let mut rows: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for row in sure {
            rows.entry(samples.merged.cluster[row]).or_default().push(row);
        }
        let mut groups: Vec<(u32, Vec<usize>)> = rows.into_iter().collect();
        groups.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(&b.0)));

        let mut labels: Vec<u32> = samples.label.iter().flatten().copied().collect();
        let labelled =
            groups.iter().flat_map(|(_, rows)| rows).filter(|row| samples.label[**row].is_some()).count();
        labels.sort_unstable();
        labels.dedup();
        let place: HashMap<u32, usize> = labels.iter().enumerate().map(|(at, label)| (*label, at)).collect();
        let mut counts = vec![BTreeMap::new(); labels.len()];
        let mut majorities = Vec::with_capacity(groups.len());
        for (at, (_, rows)) in groups.iter().enumerate() {
            let mut own: BTreeMap<u32, u64> = BTreeMap::new();
            rows.iter()
                .filter_map(|row| samples.label[*row])
                .for_each(|label| *own.entry(label).or_default() += 1);
            for (label, count) in &own {
                counts[place[label]].insert(at, *count);
            }
            majorities.push(majority(&own));
        }

        let assigned = assign(samples);
        let color = |at: usize, assigned: Option<u32>| match (labels.is_empty(), assigned) {
            (true, _) => Some(at),
            (false, Some(label)) => place.get(&label).copied(),
            (false, None) => None,
        };
        let classes = groups
            .into_iter()
            .zip(majorities)
            .enumerate()
            .map(|(at, ((number, mut rows), majority))| {
                rows.sort_by(|a, b| confidence[*b].total_cmp(&confidence[*a]).then(a.cmp(b)));
                let assigned = assigned.get(&number).copied();
                let color = color(at, assigned).filter(|slot| *slot < MOST_COLORS);
                let (name, parts) = (naming.title(number), naming.parts(number));
                let unsure = unsure_of.get(&number).copied().unwrap_or(0);
                Class { number, name, parts, majority, assigned, color, rows, unsure }
            })
            .collect();
        Self { classes, labels, labelled, counts, unsure, naming: naming.clone() }
    }

    /// What class `number` is called, whether or not it has images.
    pub(crate) fn title(&self, number: u32) -> String {
        self.naming.title(number)
    }

    pub(crate) fn colors(&self) -> usize {
        let needed = if self.labels.is_empty() { self.classes.len() } else { self.labels.len() };
        needed.min(MOST_COLORS)
    }

    /// How the figures, which are of the network as it is, count otherwise than these classes do; empty when they do not.
    pub(crate) fn figures_count(&self) -> &'static str {
        match (self.naming.has_merges(), self.unsure.is_empty()) {
            (false, true) => "",
            (false, false) => "with unsure images",
            (true, true) => "before merging",
            (true, false) => "before merging, with unsure images",
        }
    }

    /// How many images of the label at position `label` the class at position `class` has.
    pub(crate) fn count(&self, label: usize, class: usize) -> u64 {
        self.counts[label].get(&class).copied().unwrap_or(0)
    }

    pub(crate) fn find(&self, number: u32) -> Option<&Class> {
        self.classes.iter().find(|class| class.number == number)
    }

    pub(crate) fn label_color(&self, label: u32) -> Option<usize> {
        self.labels.binary_search(&label).ok().filter(|slot| *slot < MOST_COLORS)
    }
}

impl Class {
    /// Its images, so that the first ones show every part of a merged class: the parts take turns, each with its most
    /// confident image.
    pub(crate) fn rows_by_turns(&self, samples: &Samples) -> Vec<usize> {
        if self.parts.len() < 2 {
            return self.rows.clone();
        }
        let mut turns: BTreeMap<u32, usize> = BTreeMap::new();
        let mut ordered: Vec<(usize, usize)> = self
            .rows
            .iter()
            .map(|row| {
                let turn = turns.entry(samples.said.cluster[*row]).or_default();
                *turn += 1;
                (*turn, *row)
            })
            .collect();
        // The order of the rows, by confidence, decides within a turn.
        ordered.sort_by_key(|(turn, _)| *turn);
        ordered.into_iter().map(|(_, row)| row).collect()
    }
}

/// The most frequent label of a class, of equally frequent ones the smallest, with its share.
fn majority(counts: &BTreeMap<u32, u64>) -> Option<(u32, f64)> {
    let total: u64 = counts.values().sum();
    let (label, count) = counts.iter().rev().max_by_key(|(_, count)| **count)?;
    Some((*label, *count as f64 / total as f64))
}

/// Class number → label, by the assignment that makes most labelled images right. Without labels it is empty; lists of
/// different length, the other error, cannot come from one table.
fn assign(samples: &Samples) -> HashMap<u32, u32> {
    let (labels, clusters): (Vec<u32>, Vec<u32>) = samples
        .label
        .iter()
        .zip(&samples.merged.cluster)
        .zip(&samples.unsure)
        .filter_map(|((label, cluster), unsure)| (!unsure).then_some(((*label)?, *cluster)))
        .unzip();
    Contingency::new(&labels, &clusters)
        .map(|table| table.one_to_one_assignment().into_iter().collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Verdicts;

    fn samples(pairs: &[(Option<u32>, u32)]) -> Samples {
        let n = pairs.len();
        let mut samples = Samples {
            index: (0..n as u32).collect(),
            label: pairs.iter().map(|pair| pair.0).collect(),
            said: Verdicts {
                cluster: pairs.iter().map(|pair| pair.1).collect(),
                confidence: (0..n).map(|i| i as f32 / n as f32).collect(),
                second_cluster: vec![0; n],
                second_confidence: vec![0.0; n],
            },
            embedding: vec![0.0; n].into(),
            width: 1,
            path: vec![String::new(); n],
            ..Samples::default()
        };
        samples.merge(&Naming::default());
        samples
    }

    #[test]
    fn classes_get_their_labels() {
        let pairs =
            [(Some(0), 5), (Some(0), 5), (Some(1), 5), (Some(1), 2), (Some(1), 2), (None, 5), (Some(1), 9)];
        let found = Classes::of(&samples(&pairs), &Naming::default());
        assert_eq!(found.classes.iter().map(|class| class.number).collect::<Vec<_>>(), [5, 2, 9]);
        assert_eq!((found.labels.as_slice(), found.labelled), ([0, 1].as_slice(), 6));
        assert_eq!(found.counts, [BTreeMap::from([(0, 2)]), BTreeMap::from([(0, 1), (1, 2), (2, 1)])]);
        let first = &found.classes[0];
        assert_eq!((first.majority, first.assigned, first.color), (Some((0, 2.0 / 3.0)), Some(0), Some(0)));
        assert_eq!(first.rows, [5, 2, 1, 0]);
        let last = found.find(9).unwrap();
        assert_eq!((last.majority, last.assigned, last.color), (Some((1, 1.0)), None, None));
    }

    /// All images of one part are surer than those of the other; both are seen.
    #[test]
    fn every_part_of_a_merged_class_is_shown() {
        let mut samples = samples(&[(None, 1), (None, 0), (None, 0), (None, 0), (None, 0)]);
        let mut names = twist_run::ClusterNames::new(2);
        names.merge(&[0, 1], None).unwrap();
        let naming = Naming::from(names);
        samples.merge(&naming);
        let found = Classes::of(&samples, &naming);
        assert_eq!(found.classes[0].rows, [4, 3, 2, 1, 0]);
        assert_eq!(found.classes[0].rows_by_turns(&samples), [4, 0, 3, 2, 1]);
    }

    #[test]
    fn without_labels_classes_have_colours_of_their_own() {
        let found = Classes::of(&samples(&[(None, 4), (None, 4), (None, 1)]), &Naming::default());
        assert_eq!(found.classes.iter().map(|class| class.color).collect::<Vec<_>>(), [Some(0), Some(1)]);
        assert!(found.classes.iter().all(|class| class.majority.is_none() && class.assigned.is_none()));
        assert_eq!((found.labels.len(), found.colors()), (0, 2));
    }
}
