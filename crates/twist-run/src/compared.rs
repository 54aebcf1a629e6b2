//! What the protocol of an evaluation says by which it is compared with others.

use serde_json::Value;

use crate::Evaluation;
use crate::evaluations::{CLASS_NAMES, FAST, RESNET, VIT};

/// What defines a measurement, where it can be compared with one of somebody else; `None` where its protocol does not say it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    /// Neighbours that vote.
    pub k: Option<f64>,
    /// Temperature of their weights.
    pub temperature: Option<f64>,
    /// Side of the images in pixels.
    pub size: Option<f64>,
    /// Percent of the labels used.
    pub percent: Option<f64>,
    /// Whether the classifier on frozen features was trained on random crops.
    pub augmented: Option<bool>,
    /// Discovered classes.
    pub clusters: Option<f64>,
    /// Classes of the labels.
    pub classes: Option<f64>,
}

impl Evaluation {
    /// What it is compared by.
    pub fn compared(&self) -> Compared {
        let first = |places: &[&str]| places.iter().find_map(|place| self.protocol.pointer(place)?.as_f64());
        Compared {
            k: first(&["/knn/k", "/k"]),
            temperature: first(&["/knn/temperature", "/temperature"]),
            size: first(&["/transform/crop", "/crop", "/size"]),
            percent: first(&["/percent", "/labels/percent"]),
            augmented: match self.protocol.get("name").and_then(Value::as_str) {
                Some(FAST) => Some(false),
                Some(RESNET | VIT) => Some(true),
                _ => None,
            },
            clusters: first(&["/clusters"]),
            classes: first(&["/classes"]),
        }
    }

    /// The data set as its protocol calls it.
    pub fn data_set(&self) -> Option<&str> {
        ["data_set", "dataset"].iter().find_map(|key| self.protocol.get(key)?.as_str())
    }

    /// The names of the classes that were measured on.
    pub fn class_names(&self) -> Option<impl Iterator<Item = &str>> {
        let names = [CLASS_NAMES, "classes"].iter().find_map(|key| self.protocol.get(key)?.as_array())?;
        Some(names.iter().filter_map(Value::as_str))
    }
}
