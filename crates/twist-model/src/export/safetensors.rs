//! Weights and card in one safetensors file: the format of Twist's own models.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::exporter::{ExportOptions, Exporter};
use crate::model::CARD_KEY;
use crate::{Model, ModelError};

pub(super) struct Safetensors;

impl Exporter for Safetensors {
    fn name(&self) -> &'static str {
        "twist"
    }

    fn ending(&self) -> &'static str {
        "safetensors"
    }

    fn write(&self, model: &Model, _: &ExportOptions, path: &Path) -> Result<Vec<PathBuf>, ModelError> {
        let card = json!({ CARD_KEY: model.card });
        twist_io::save_safetensors(path, &model.store.state_dict()?, Some(&card))?;
        Ok(vec![path.to_owned()])
    }
}
