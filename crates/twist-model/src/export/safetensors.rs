//! Weights and card in one safetensors file: the format of Twist's own models.

use std::path::{Path, PathBuf};

use serde_json::json;
use twist_io::StateDict;

use super::exporter::ExportOptions;
use crate::model::CARD_KEY;
use crate::{Model, ModelCard, ModelError};

pub(super) fn write(model: &Model, _: &ExportOptions, path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    save(path, &model.card, &model.store.state_dict()?)?;
    Ok(vec![path.to_owned()])
}

/// Writes the model of these tensors.
pub(super) fn save(path: &Path, card: &ModelCard, state: &StateDict) -> Result<(), ModelError> {
    Ok(twist_io::save_safetensors(path, state, Some(&json!({ CARD_KEY: card })))?)
}
