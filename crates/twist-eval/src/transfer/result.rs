//! What a transfer evaluation found.

use serde_json::{Value, json};
use twist_data::{OfficialKind, TransferMetric};

use super::linear::LinearTransferProtocol;

/// The figure of one data set, with the values that define it.
#[derive(Clone, Debug)]
pub struct TransferResult {
    /// Which data set.
    pub set: OfficialKind,
    /// Its classes.
    pub classes: usize,
    /// How its images are divided, in words.
    pub split: String,
    /// What [`OfficialKind::metric`] says, measured on the test images: a fraction.
    pub figure: f64,
    /// Accuracy over all test images, where an image is of one class.
    pub top1: Option<f64>,
    /// What was chosen, and on what.
    pub selection: Selection,
    /// Whether the last fit ended because nothing was left to gain.
    pub converged: bool,
    /// Readable training images, validation images among them.
    pub train_images: usize,
    /// Readable test images.
    pub test_images: usize,
    /// Images that could not be read.
    pub unreadable: usize,
    /// Length of the feature vector.
    pub feature_dim: i64,
    /// How the classifier was fitted.
    pub protocol: LinearTransferProtocol,
}

/// What was chosen before the test images were looked at.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Strength of the regularisation.
    pub l2: f64,
    /// The figure that it reached on the validation images.
    pub validation_figure: f64,
    /// Which images those were, in words.
    pub validated_on: String,
    /// How many.
    pub validation_images: usize,
}

impl TransferResult {
    /// The key of the figure in JSON.
    pub fn key(&self) -> &'static str {
        match self.set.metric() {
            TransferMetric::Top1 => "linear_top1",
            TransferMetric::MeanPerClass => "linear_mean_per_class",
            TransferMetric::Voc11PointMap => "linear_map_11_point",
        }
    }

    /// As one JSON object: the figure by its key, and the part of `protocol` that is this set's own.
    pub fn json(&self) -> Value {
        let mut object = serde_json::Map::new();
        object.insert("set".into(), self.set.name().into());
        object.insert(self.key().into(), self.figure.into());
        if let Some(top1) = self.top1 {
            object.insert("linear_top1".into(), top1.into());
        }
        object.insert("protocol".into(), self.protocol_json());
        object.into()
    }

    /// Every value that defines the figure beside the model and its input.
    fn protocol_json(&self) -> Value {
        let (selection, fit) = (&self.selection, &self.protocol);
        let classifier = match self.set.metric() {
            TransferMetric::Voc11PointMap => "logistic regression of each class against the rest",
            _ => "multinomial logistic regression",
        };
        json!({
            "classifier": classifier,
            "objective": "sum of the losses + l2 / 2 * |W|^2, biases without",
            "solver": "L-BFGS",
            "iterations_at_most": fit.iterations,
            "gradient_tolerance": fit.tolerance,
            "converged": self.converged,
            "l2": selection.l2,
            "l2_candidates": { "from": fit.l2.0, "to": fit.l2.1, "count": fit.candidates, "spacing": "logarithmic" },
            "l2_chosen_on": selection.validated_on,
            "validation_images": selection.validation_images,
            "validation_figure": selection.validation_figure,
            "final_fit": "all training images, validation images among them",
            "test_images_used_to_choose": 0,
            "split": self.split,
            "seed": fit.seed,
            "classes": self.classes,
            "train_images": self.train_images,
            "test_images": self.test_images,
            "unreadable_images": self.unreadable,
            "features": "backbone, as they are",
            "feature_dim": self.feature_dim,
        })
    }
}
