//! `metrics.json`: the figures of a finished run, with the protocol that defines them.

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use twist_io::{read_if_there, write_json};

use crate::samples::STEPS;
use crate::{Calibration, ClassTree, Figures, NamedWeights, RunError, files};

/// Keys of the file that are not figures.
const BASELINES: &str = "baselines";
const CALIBRATION: &str = "calibration";
const PROTOCOL: &str = "protocol";
/// Of the protocol, why there is no merge tree.
const NO_TREE: &str = "no_tree";
/// Of the protocol, which classes were split after training, and how many classes there are then.
const SPLITS: &str = "splits";
const CLASSES: &str = "/clusters";
/// Of the protocol, the hash of the weights that were evaluated.
const WEIGHTS_HASH: &str = "weights_hash";

/// What an evaluation measured: that at the end of a run, or another one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// The figures.
    pub figures: Figures,
    /// What is reached without learning, or by k-means on the same features.
    pub baselines: Figures,
    /// What the probabilities of a classifier rest on, where it learned from few labels.
    pub calibration: Option<Calibration>,
    /// What is not a figure, such as the figures of each of several trainings.
    pub more: Map<String, Value>,
    /// Every value that defines the figures; `null` where nothing says it.
    pub protocol: Value,
}

impl Metrics {
    /// Those of the run in `folder`; `None` where it was not evaluated.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>, RunError> {
        let path = folder.join(files::METRICS);
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let damaged = |error: serde_json::Error| RunError::Damaged { path, reason: error.to_string() };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Writes the file of the run in `folder`, atomically.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        Ok(write_json(folder.join(files::METRICS), self)?)
    }

    /// Says which weights were evaluated.
    pub fn set_weights(&mut self, weights: &NamedWeights) {
        let (step, hash) = match weights {
            NamedWeights::Step { step, hash } => (Some(*step), hash.as_deref()),
            NamedWeights::Sha256(hash) => (None, Some(hash.as_str())),
        };
        if let Some(step) = step {
            self.protocol[STEPS] = step.into();
        }
        if let Some(hash) = hash {
            self.protocol[WEIGHTS_HASH] = hash.into();
        }
    }

    /// The weights that were evaluated; old versions did not say it.
    pub fn weights(&self) -> Option<NamedWeights> {
        let hash = self.protocol[WEIGHTS_HASH].as_str().map(str::to_owned);
        match self.steps() {
            Some(step) => Some(NamedWeights::Step { step, hash }),
            None => hash.map(NamedWeights::Sha256),
        }
    }

    /// Says which classes were split after training: each class, and the numbers of its children.
    pub fn set_splits<'a>(&mut self, splits: impl Iterator<Item = (u32, &'a [u32])>) {
        let splits: Vec<Value> =
            splits.map(|(class, children)| json!({ "class": class, "children": children })).collect();
        if !splits.is_empty() {
            self.protocol[SPLITS] = splits.into();
        }
    }

    /// How many classes there are, where some were split after training.
    pub fn classes_after_splits(&self) -> Option<u64> {
        self.protocol[SPLITS].as_array().filter(|splits| !splits.is_empty())?;
        self.count(CLASSES)
    }

    /// Writes the merge tree of the classes of the run in `folder`. Where there is none, these figures say why, and an older tree
    /// is removed.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn set_tree(&mut self, folder: &Path, tree: Result<ClassTree, String>) -> Result<(), RunError> {
        match tree {
            Ok(tree) => tree.save(folder),
            Err(why) => {
                self.protocol[NO_TREE] = why.into();
                ClassTree::remove(folder)
            }
        }
    }

    /// Why the run has no merge tree, where its evaluation left it out.
    pub fn no_tree(&self) -> Option<&str> {
        self.protocol[NO_TREE].as_str()
    }

    /// How many steps the evaluated network had made; old versions did not say it.
    pub fn steps(&self) -> Option<u64> {
        self.protocol[STEPS].as_u64()
    }

    /// Whether these are of the network after `steps` steps: a run that was stopped, evaluated and resumed has older ones until
    /// it is evaluated again. Those of old versions do not say it, and are believed.
    pub fn are_of(&self, steps: u64) -> bool {
        self.steps().is_none_or(|known| known == steps)
    }

    /// A count of the protocol by its place in it, such as `/knn/queries`.
    pub fn count(&self, place: &str) -> Option<u64> {
        self.protocol.pointer(place)?.as_u64()
    }

    /// The fields of the JSON object: the figures first, the protocol last.
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = self.measured();
        fields.insert(PROTOCOL.into(), self.protocol.clone());
        fields
    }

    /// The same without the protocol.
    pub fn measured(&self) -> Map<String, Value> {
        let mut fields = self.figures.fields();
        if !self.baselines.is_empty() {
            fields.insert(BASELINES.into(), self.baselines.fields().into());
        }
        if let Some(Ok(calibration)) = self.calibration.as_ref().map(serde_json::to_value) {
            fields.insert(CALIBRATION.into(), calibration);
        }
        fields.extend(self.more.clone());
        fields
    }
}

impl From<Map<String, Value>> for Metrics {
    fn from(mut fields: Map<String, Value>) -> Self {
        let protocol = fields.shift_remove(PROTOCOL).unwrap_or_default();
        let baselines = match fields.shift_remove(BASELINES) {
            Some(Value::Object(baselines)) => Figures::of_fields(&baselines),
            _ => Figures::default(),
        };
        let calibration = fields.shift_remove(CALIBRATION);
        let calibration = calibration.and_then(|found| serde_json::from_value(found).ok());
        let figures = Figures::of_fields(&fields);
        fields.retain(|key, value| figures.by_key(key).is_none() && !value.is_null());
        Self { figures, baselines, calibration, more: fields, protocol }
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fields().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Map::deserialize(deserializer)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure;

    #[test]
    fn metrics_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Metrics::read(folder.path()).unwrap(), None);
        let mut metrics = Metrics {
            figures: [(figure::NMI, 0.5), (figure::CLASSES_IN_USE, 9.0)].into_iter().collect(),
            baselines: [(figure::KMEANS_PIXELS, 0.25)].into_iter().collect(),
            calibration: None,
            more: json!({"runs": [{"seed": 2}]}).as_object().unwrap().clone(),
            protocol: json!({"knn": {"queries": 4}}),
        };
        let weights = NamedWeights::Step { step: 8, hash: Some("ab".into()) };
        metrics.set_weights(&weights);
        metrics.write(folder.path()).unwrap();
        let read = Metrics::read(folder.path()).unwrap().unwrap();
        assert_eq!(read.weights(), Some(weights));
        assert_eq!(read, metrics);
        assert!(read.are_of(8) && !read.are_of(9) && Metrics::default().are_of(9));
        assert_eq!((read.count("/knn/queries"), read.count("/knn")), (Some(4), None));
        let text = fs_err::read_to_string(folder.path().join(files::METRICS)).unwrap();
        let keys: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&keys["classes_in_use"], &keys["protocol"]["steps"]), (&json!(9), &json!(8)));
    }

    #[test]
    fn splits_say_how_many_classes_there_are() {
        let mut metrics = Metrics { protocol: json!({ "clusters": 7 }), ..Metrics::default() };
        metrics.set_splits(std::iter::empty());
        assert_eq!(metrics.classes_after_splits(), None, "no class was split");
        metrics.set_splits([(3, &[5, 3, 6][..])].into_iter());
        assert_eq!(metrics.classes_after_splits(), Some(7));
        assert_eq!(metrics.protocol["splits"], json!([{ "class": 3, "children": [5, 3, 6] }]));
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join(files::METRICS), "[1]").unwrap();
        let message = Metrics::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("metrics.json") && message.contains("damaged"), "{message}");
    }
}
