//! What the probabilities of a classifier rest on that learned from few labels.

use serde::{Deserialize, Serialize};

/// The part `calibration` of `metrics.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Part of the held-out labels that a linear classifier on the features before the training gets right.
    pub cross_validated_top1: f64,
    /// Labels that were held out in turn: those of classes with two labels or more.
    pub labels: usize,
    /// Parts of the labels.
    pub folds: usize,
    /// What logits are divided by.
    pub temperature: f64,
    /// Mean probability of the most probable class before …
    pub mean_probability_before: f64,
    /// … and after it.
    pub mean_probability: f64,
    /// Images of that mean.
    pub images: usize,
    /// Whether the labelled images are among them, because there are too few others.
    pub labelled_among_them: bool,
}
