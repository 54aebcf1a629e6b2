//! Where a run stands: the part of a checkpoint's metadata that is the same for everything that is trained.

use serde::{Deserialize, Serialize};

use crate::figure::{Better, Figure};

/// What a run has to know of itself to continue, beside the tensors of its task. Every checkpoint says it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Number of finished steps.
    pub step: u64,
    /// What the guard had counted up to the last reading; checkpoints of older versions do not say it.
    #[serde(default)]
    pub guard_streaks: Streaks,
    /// What the checkpoint was measured by, so that a run that was killed between this checkpoint and its becoming the best one
    /// makes up for it; `None` when nothing was measured at this step.
    #[serde(default)]
    pub measured: Option<Measured>,
    /// Sum and number of the losses since the last checkpoint that was measured by them.
    #[serde(default)]
    pub losses: (f64, u64),
}

/// How many steps in a row have shown each sign of collapse that must hold for a window. Checkpoints carry them, so that a run cut
/// into pieces shorter than the window is judged like one in one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streaks {
    /// One class wins everything.
    pub one_hot: u64,
    /// All images look the same.
    pub uniform: u64,
    /// Few of the classes win an image.
    pub dead_classes: u64,
}

/// The figure that a checkpoint was measured by; by it the best one is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name, such as `knn_top1`. Figures of other names are not compared.
    pub metric: String,
    /// The figure.
    pub value: f64,
    /// Whether more is better.
    pub higher: bool,
}

impl Measured {
    /// What `figure` came to.
    pub fn by(figure: &Figure, value: f64) -> Self {
        Self { metric: figure.key.into(), value, higher: figure.better == Better::Higher }
    }

    /// Whether this beats the best so far. A first figure of another metric always does, one that is not finite never.
    pub fn beats(&self, best: Option<&Measured>) -> bool {
        let better = |best: &Measured| {
            best.metric != self.metric
                || if self.higher { self.value > best.value } else { self.value < best.value }
        };
        self.value.is_finite() && best.is_none_or(better)
    }
}
