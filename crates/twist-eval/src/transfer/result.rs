//! What a transfer evaluation found.

use serde_json::{Value, json};
use twist_data::{OfficialKind, OfficialSet, TransferMetric};
use twist_run::Metrics;
use twist_run::figure::{self, Figure, Tested};
use twist_train::labels::SupervisedConfig;

use super::finetune::FinetuneTransferProtocol;
use super::holdout::HoldOut;
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
    /// What was chosen by, before the test images were looked at; `None` if nothing was chosen.
    pub selection: Option<Selection>,
    /// Training images, validation images among them.
    pub train_images: usize,
    /// Readable test images.
    pub test_images: usize,
    /// Images that could not be read.
    pub unreadable: usize,
    /// Length of the feature vector.
    pub feature_dim: i64,
    /// How the classifier was trained.
    pub method: TransferMethod,
}

/// How a setting was chosen.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The figure that it reached on the validation images.
    pub validation_figure: f64,
    /// Which images those were, in words.
    pub validated_on: String,
    /// How many.
    pub validation_images: usize,
}

/// How a classifier was trained, with the settings that were chosen.
#[derive(Clone, Debug)]
pub enum TransferMethod {
    /// Logistic regression on frozen features.
    Linear {
        /// What was tried, and how.
        protocol: LinearTransferProtocol,
        /// Strength of the regularisation.
        l2: f64,
        /// Whether the last fit ended because nothing was left to gain.
        converged: bool,
    },
    /// All weights learned.
    Finetune {
        /// What was tried, and how.
        protocol: FinetuneTransferProtocol,
        /// Weight decay before it is divided by the rate.
        weight_decay: f64,
        /// The last training.
        plan: Box<SupervisedConfig>,
        /// Its updates.
        updates: u64,
    },
}

impl Selection {
    pub(super) fn new(validation_figure: f64, held: HoldOut) -> Self {
        let validation_images = held.validating.len();
        Self { validation_figure, validated_on: held.how, validation_images }
    }
}

impl TransferMethod {
    /// `linear` or `finetune`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Finetune { .. } => "finetune",
        }
    }

    /// The figures of such a classifier.
    fn figures(&self) -> &'static Tested {
        match self {
            Self::Linear { .. } => figure::LINEAR,
            Self::Finetune { .. } => figure::FINETUNE,
        }
    }

    /// The chosen settings in a few characters.
    pub fn setting(&self) -> String {
        match self {
            Self::Linear { l2, .. } => format!("l2 {l2:.1e}"),
            Self::Finetune { plan, weight_decay, .. } => {
                format!("rate {:.1e}, decay {weight_decay:.1e}", plan.classifier_lr)
            }
        }
    }

    /// The part of `protocol` that says how was trained and what was chosen.
    fn json(&self, set: OfficialKind) -> Value {
        let tags = set.metric() == TransferMetric::Voc11PointMap;
        match self {
            Self::Linear { protocol, l2, converged } => json!({
                "classifier": if tags {
                    "logistic regression of each class against the rest"
                } else {
                    "multinomial logistic regression"
                },
                "objective": "sum of the losses + l2 / 2 * |W|^2, biases without",
                "solver": "L-BFGS",
                "iterations_at_most": protocol.iterations,
                "gradient_tolerance": protocol.tolerance,
                "converged": converged,
                "l2": l2,
                "l2_candidates": {
                    "from": protocol.l2.0, "to": protocol.l2.1, "count": protocol.candidates, "spacing": "logarithmic",
                },
                "features": "backbone, as they are",
                "seed": protocol.seed,
            }),
            Self::Finetune { protocol, weight_decay, plan, updates } => {
                let mut json = plan.protocol(*updates);
                json["loss"] = if tags { "logistic, summed over classes" } else { "cross entropy" }.into();
                json["rates_tried"] = json!(protocol.lr);
                json["weight_decays_tried"] = json!(protocol.weight_decay);
                json["weight_decay_before_division"] = json!(weight_decay);
                json["weight_decay_is"] = "divided by the rate".into();
                json["begins_with"] =
                    if protocol.from_scratch { "random weights" } else { "the model" }.into();
                json
            }
        }
    }
}

impl TransferResult {
    /// Everything but what was measured, for a set.
    pub(super) fn new(set: &OfficialSet, feature_dim: i64, method: TransferMethod) -> Self {
        Self {
            set: set.kind,
            classes: set.classes().len(),
            split: set.split.clone(),
            figure: 0.0,
            top1: None,
            selection: None,
            train_images: 0,
            test_images: 0,
            unreadable: 0,
            feature_dim,
            method,
        }
    }

    /// The figure that the set is measured by.
    pub fn metric(&self) -> &'static Figure {
        let of = self.method.figures();
        match self.set.metric() {
            TransferMetric::Top1 => of.top1,
            TransferMetric::MeanPerClass => of.mean_per_class,
            TransferMetric::Voc11PointMap => of.map_11_point,
        }
    }

    /// As one JSON object: the set, the figures, and the part of `protocol` that is this set's own.
    pub fn json(&self) -> Value {
        let top1 = self.top1.map(|top1| (self.method.figures().top1, top1));
        let figures = std::iter::once((self.metric(), self.figure)).chain(top1).collect();
        let metrics = Metrics { figures, protocol: self.protocol_json(), ..Metrics::default() };
        let mut object = json!({ "set": self.set.name() });
        object.as_object_mut().into_iter().for_each(|object| object.extend(metrics.fields()));
        object
    }

    /// Every value that defines the figure beside the model and its input.
    fn protocol_json(&self) -> Value {
        let mut protocol = self.method.json(self.set);
        if let Some(selection) = &self.selection {
            protocol["chosen_on"] = selection.validated_on.clone().into();
            protocol["validation_images"] = selection.validation_images.into();
            protocol["validation_figure"] = selection.validation_figure.into();
        }
        protocol["final_fit"] = "all training images, validation images among them".into();
        protocol["test_images_used_to_choose"] = 0.into();
        protocol["split"] = self.split.clone().into();
        protocol["classes"] = self.classes.into();
        protocol["train_images"] = self.train_images.into();
        protocol["test_images"] = self.test_images.into();
        protocol["unreadable_images"] = self.unreadable.into();
        protocol["feature_dim"] = self.feature_dim.into();
        protocol
    }
}
