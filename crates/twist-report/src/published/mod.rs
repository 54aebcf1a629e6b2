//! Published numbers, with the protocol that each was measured by.
//!
//! A number beside another says nothing unless both were measured alike. So every row here carries the values that define it,
//! and [`Published::differences`] says in words where a measurement of ours departs from them. Rows whose source was not read
//! are not here, however well known the number is.

mod data_set;
mod tables;

pub(crate) use self::data_set::DataSet;

use serde::Deserialize;
use twist_run::Compared;

use crate::text::number;

#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) data: DataSet,
    /// `knn`, `linear`, `cluster`, `finetune`, `transfer` or `classifier`.
    pub(crate) evaluation: String,
    pub(crate) method: String,
    pub(crate) arch: String,
    /// How long it was trained; empty when the source does not say.
    pub(crate) training: String,
    /// Keys as in our reports, fractions.
    pub(crate) figures: Vec<(String, f64)>,
    /// What defines the number.
    pub(crate) protocol: Protocol,
    pub(crate) source: String,
}

/// What defines a published number; what is `None` is not known or plays no part.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Protocol {
    /// Neighbours that vote.
    pub(crate) k: Option<f64>,
    /// Temperature of their weights.
    pub(crate) temperature: Option<f64>,
    /// Side of the images in pixels.
    pub(crate) size: Option<f64>,
    /// Percent of the labels used.
    pub(crate) percent: Option<f64>,
    /// Whether the classifier on frozen features was trained on random crops.
    pub(crate) augmented: bool,
    /// Whether there were as many discovered classes as labels.
    pub(crate) as_many_classes_as_labels: bool,
    /// What no measurement of ours does.
    pub(crate) remarks: Vec<String>,
}

impl Published {
    /// What is different in `ours`, each difference in words; empty when the protocols agree in all that is known.
    pub(crate) fn differences(&self, ours: &Compared) -> Vec<String> {
        let theirs = &self.protocol;
        let mut found: Vec<String> = theirs.remarks.clone();
        let mut compare =
            |name: &str, unit: &str, theirs: Option<f64>, ours: Option<f64>| match (theirs, ours) {
                (Some(theirs), Some(ours)) if (theirs - ours).abs() > 1e-9 => {
                    found.push(format!("{name} {}{unit}, here {}{unit}", number(theirs), number(ours)));
                }
                (Some(theirs), None) => {
                    found.push(format!("{name} {}{unit}, here unknown", number(theirs)));
                }
                _ => {}
            };
        compare("k", "", theirs.k, ours.k);
        compare("T", "", theirs.temperature, ours.temperature);
        compare("images of", " px", theirs.size, ours.size);
        compare("labels:", " %", theirs.percent, ours.percent);
        match (theirs.augmented, ours.augmented) {
            (true, Some(false)) => {
                found.push("classifier trained on random crops, here on features of centre crops".into());
            }
            (true, None) => found.push("classifier trained on random crops, here unknown".into()),
            _ => {}
        }
        if theirs.as_many_classes_as_labels {
            match ours.clusters.zip(ours.classes) {
                Some((classes, labels)) if classes != labels => found.push(format!(
                    "as many classes as labels, here {} classes for {} labels",
                    number(classes),
                    number(labels)
                )),
                Some(_) => {}
                None => found.push("as many classes as labels, here unknown".into()),
            }
        }
        found
    }
}

/// The published rows of an evaluation on a data set, best first by the first figure.
pub(crate) fn rows(data: DataSet, evaluation: &str) -> Vec<Published> {
    let mut rows: Vec<Published> =
        tables::all().into_iter().filter(|row| row.data == data && row.evaluation == evaluation).collect();
    rows.sort_by(|a, b| b.figures[0].1.total_cmp(&a.figures[0].1));
    rows
}

#[cfg(test)]
mod tests {
    use twist_run::Figure;
    use twist_run::evaluations::TRANSFER;

    use super::*;

    #[test]
    fn every_row_is_a_fraction_with_a_source() {
        let all = tables::all();
        assert!(all.len() > 130, "{}", all.len());
        for row in &all {
            assert!(!row.figures.is_empty() && !row.source.is_empty() && !row.method.is_empty(), "{row:?}");
            assert!(row.figures.iter().all(|(_, value)| (0.1..1.0).contains(value)), "{row:?}");
            let known = |key: &str| Figure::of_key(key).is_some() || key == TRANSFER.name;
            assert!(row.figures.iter().all(|(key, _)| known(key)), "{row:?}");
        }
    }

    #[test]
    fn differences_are_said_and_equal_protocols_have_none() {
        let rows = rows(DataSet::ImageNet, "knn");
        let dino = rows.iter().find(|row| row.arch == "ViT-S/16" && row.method == "DINO").unwrap();
        let ours =
            Compared { k: Some(20.0), temperature: Some(0.07), size: Some(224.0), ..Compared::default() };
        assert!(dino.differences(&ours).is_empty());
        let other = Compared { k: Some(200.0), size: None, ..ours };
        assert_eq!(dino.differences(&other), ["k 20, here 200", "images of 224 px, here unknown"]);
    }

    #[test]
    fn a_test_set_selection_is_always_said() {
        let ours =
            Compared { k: Some(200.0), temperature: Some(0.1), size: Some(32.0), ..Compared::default() };
        let rows = rows(DataSet::Cifar10, "knn");
        assert_eq!(rows.len(), 33);
        assert!(
            rows.iter().all(|row| row.differences(&ours) == ["best of all epochs, chosen on the test set"])
        );
        assert!(rows.windows(2).all(|pair| pair[0].figures[0].1 >= pair[1].figures[0].1));
    }

    #[test]
    fn a_classifier_on_kept_features_is_another_protocol_than_one_on_random_crops() {
        let row = &rows(DataSet::ImageNet, "linear")[0];
        let ours = |augmented| Compared { size: Some(224.0), augmented, ..Compared::default() };
        let without = row.differences(&ours(Some(true))).len();
        assert_eq!(row.differences(&ours(Some(false))).len(), without + 1);
        assert!(row.differences(&ours(None)).iter().any(|words| words.contains("here unknown")));
    }

    #[test]
    fn the_percentage_of_labels_is_compared() {
        let row = rows(DataSet::ImageNet, "finetune")
            .into_iter()
            .find(|row| row.protocol.percent == Some(1.0))
            .unwrap();
        let ours = |percent| Compared { size: Some(224.0), percent: Some(percent), ..Compared::default() };
        assert!(row.differences(&ours(10.0)).contains(&"labels: 1 %, here 10 %".to_owned()));
        assert!(!row.differences(&ours(1.0)).iter().any(|words| words.starts_with("labels")));
    }

    #[test]
    fn more_classes_than_labels_are_another_protocol() {
        let scan = &rows(DataSet::Cifar10, "cluster")[0];
        assert!(
            scan.differences(&Compared { clusters: Some(10.0), classes: Some(10.0), ..Compared::default() })
                .is_empty()
        );
        let many =
            scan.differences(&Compared { clusters: Some(128.0), classes: Some(10.0), ..Compared::default() });
        assert_eq!(many, ["as many classes as labels, here 128 classes for 10 labels"]);
    }
}
