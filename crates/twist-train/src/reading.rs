//! The figures of a step as they are read from the device.

use serde::Serialize;
use twist_run::{Figure, Figures, figure};

/// The figures of a step, read from the device.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StepReading {
    /// The step, from 0.
    pub step: u64,
    /// Those of its objective, and what every step has.
    #[serde(flatten)]
    pub figures: Figures,
    /// The answers of the network, where labels say which are right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
}

/// What a network answers to the images of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// Images whose most probable class was right.
    pub correct: u64,
    /// All images.
    pub images: u64,
}

impl StepReading {
    /// The value of `figure`; NaN where the step has no such figure.
    pub fn get(&self, figure: &Figure) -> f64 {
        self.figures.get(figure).unwrap_or(f64::NAN)
    }

    /// The reading as it stands in the log.
    pub(crate) fn figures(&self, images_per_second: f64) -> Figures {
        let mut figures = self.figures.clone();
        figures.set(figure::IMAGES_PER_SECOND, images_per_second);
        figures
    }
}
