//! A folder that `transformers` loads.
//!
//! It has `model.safetensors` and `config.json` of the backbone, `preprocessor_config.json`, and `README.md`, the card of the
//! model. The head and the classifier have no place in the layout. They lie in a file beside it, which import reads.

mod processor;
mod readme;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use twist_io::{Refused, StateDict, save_safetensors, some_of, write_atomic, write_folder};
use twist_nn::HuggingFace;
use twist_run::files;

use self::processor::processor;
use self::readme::readme;
use super::exporter::{BACKBONE, ExportOptions};
use super::safetensors;
use crate::published::{HEADS, files_in};
use crate::{Model, ModelCard, ModelError};

/// The weights of the backbone have the name that a run gives to its model.
const WEIGHTS: &str = files::MODEL;
const CONFIG: &str = "config.json";
const PROCESSOR: &str = "preprocessor_config.json";
const README: &str = "README.md";

/// Every file of the folder.
const FILES: [&str; 5] = [CONFIG, WEIGHTS, PROCESSOR, README, HEADS];

pub(super) fn write(model: &Model, options: &ExportOptions, path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    check_place(path)?;
    let (network, state) = network(model).map_err(|error| {
        Refused::writing(path, error.to_string()).caused_by(error).remedy("use --to onnx or --to pth")
    })?;
    let processor = processor(&model.card).map_err(|why| Refused::writing(path, why))?;
    let readme = readme(model, &network, options, path)?;
    let HuggingFace { class, config, .. } = network;
    let mut described = Map::from_iter([("architectures".to_owned(), json!([class]))]);
    described.extend(config);
    described.insert("dtype".to_owned(), "float32".into());
    write_folder(path, |folder| {
        save_safetensors(folder.join(WEIGHTS), &state, None)?;
        if model.card.head.is_some() || model.card.classifier.is_some() {
            write_heads(model, &folder.join(HEADS))?;
        }
        write_json(&folder.join(CONFIG), &described.into())?;
        write_json(&folder.join(PROCESSOR), &processor)?;
        Ok(write_atomic(folder.join(README), |out| out.write_all(readme.as_bytes()))?)
    })
    .map(|()| FILES.map(|file| path.join(file)).into_iter().filter(|file| file.exists()).collect())
}

/// The backbone as a class of `transformers`, and its tensors.
fn network(model: &Model) -> Result<(HuggingFace, StateDict), ModelError> {
    let Some(card) = &model.card.backbone else {
        let why = "the model has no backbone, and heads alone have no place in other libraries";
        return Err(Refused::new(why).into());
    };
    let state = model.store.state_dict()?.split_prefix(BACKBONE);
    let (arch, side) = (card.arch.kind(), model.card.transform.crop.into());
    Ok((arch.hugging_face(card.width, side)?, arch.hugging_face_state(side, &state)?))
}

/// The model without its backbone.
fn write_heads(model: &Model, path: &Path) -> Result<(), ModelError> {
    let card = ModelCard { backbone: None, ..model.card.clone() };
    let mut state = model.store.state_dict()?;
    state.split_prefix(BACKBONE);
    safetensors::save(path, &card, &state)
}

fn write_json(path: &Path, value: &Value) -> Result<(), ModelError> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(write_atomic(path, |out| writeln!(out, "{text}"))?)
}

/// Whether only what an export wrote would be replaced.
fn check_place(path: &Path) -> Result<(), ModelError> {
    if !path.is_dir() {
        return Ok(());
    }
    let there = files_in(path).map_err(|source| Refused::reading(path, source))?;
    let strangers: Vec<String> = there.into_iter().filter(|file| !FILES.contains(&file.as_str())).collect();
    if strangers.is_empty() {
        return Ok(());
    }
    let why = format!("the folder has files that no export wrote: {}", some_of(&strangers, 5));
    Err(Refused::writing(path, why).remedy("move them away, or give another name").into())
}

#[cfg(test)]
mod tests;
