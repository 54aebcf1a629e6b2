//! The metadata of a checkpoint, as the loop reads it.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use twist_run::Standing;

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
