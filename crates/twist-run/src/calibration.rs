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

impl Calibration {
    /// What to say where no allowed temperature gives probabilities whose mean is the accuracy.
    pub fn limit(&self) -> Option<String> {
        const NEAR: f64 = 0.01;
        let Self { cross_validated_top1: top1, temperature, mean_probability: mean, .. } = self;
        let said = if mean < top1 { "too low" } else { "too high" };
        ((mean - top1).abs() > NEAR).then(|| {
            format!(
                "The probabilities are {said}: their mean is {mean:.2}, the cross-validated accuracy is {top1:.2}, and T = {temperature:.2} is \
                 the limit of the scaling."
            )
        })
    }
}
