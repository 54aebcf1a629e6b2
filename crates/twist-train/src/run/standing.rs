//! Where a run stands: the part of a checkpoint's metadata that is the loop's own.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::checkpoint::Measured;
use crate::guard::Streaks;

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

/// A checkpoint's metadata, read as the loop's part and as that of a task.
#[derive(Debug)]
pub(super) struct Facts<F> {
    pub(super) standing: Standing,
    pub(super) of_task: F,
}

impl<'de, F: DeserializeOwned> Deserialize<'de> for Facts<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let metadata = Value::deserialize(deserializer)?;
        let standing = serde_json::from_value(metadata.clone()).map_err(D::Error::custom)?;
        let of_task = serde_json::from_value(metadata).map_err(D::Error::custom)?;
        Ok(Self { standing, of_task })
    }
}
