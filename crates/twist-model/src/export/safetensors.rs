//! Weights and card in one safetensors file: the format of Twist's own models.

use std::path::Path;

use serde_json::json;

use super::Exporter;
use crate::model::CARD_KEY;
use crate::{Model, ModelError};

pub(super) struct Safetensors;

impl Exporter for Safetensors {
    fn ending(&self) -> &'static str {
        "safetensors"
    }

    fn write(&self, model: &Model, path: &Path) -> Result<(), ModelError> {
        let card = json!({ CARD_KEY: model.card });
        Ok(twist_io::save_safetensors(path, &model.store.state_dict()?, Some(&card))?)
    }
}
