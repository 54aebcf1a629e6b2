//! The model in one weight file, read or refused by what the file says of itself.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tch::Device;
use twist_io::{Refused, StateDict, match_names, shown};

use super::hash::{backbone_hash, hash_beside, hash_of, hex, weights_hash};
use super::{CARD_KEY, Model, ModelCard};
use crate::{CheckpointFacts, ModelError};

/// The model in a file that was read already.
pub(super) fn of_file(
    path: PathBuf,
    folder: Option<PathBuf>,
    state: StateDict,
    metadata: Option<serde_json::Value>,
    teacher: bool,
    device: Device,
) -> Result<Model, ModelError> {
    let unknown = |reason: String| unknown(&path, reason);
    let metadata = metadata.ok_or_else(|| foreign(&path))?;
    if let Some(card) = metadata.get(CARD_KEY) {
        if teacher {
            return Err(no_teacher(&path));
        }
        let card: ModelCard = read(card.clone()).map_err(unknown)?;
        return filled(path, folder, state, card, device);
    }
    let facts: CheckpointFacts = read(metadata).map_err(unknown)?;
    of_run(path, folder, state, &facts, teacher, device)
}

/// The model in a checkpoint, or its teacher.
pub(super) fn of_run(
    path: PathBuf,
    folder: Option<PathBuf>,
    mut state: StateDict,
    facts: &CheckpointFacts,
    teacher: bool,
    device: Device,
) -> Result<Model, ModelError> {
    // How wide its features are is what the head's first layer takes.
    let first = "model.projection_heads.projection_head.0.weight";
    let width = state.get(first).and_then(|weight| weight.shape.get(1).copied());
    let width = width.ok_or_else(|| unknown(&path, format!("it has no tensor `{first}`")))?;
    let mut card = ModelCard::of_run(facts, i64::try_from(width).unwrap_or(i64::MAX))
        .map_err(|error| unknown(&path, error.to_string()))?;
    let step = Some(facts.step);
    let student = state.split_prefix("model.");
    if !teacher {
        let model = filled(path, folder, student, card, device)?;
        return Ok(Model { step, ..model });
    }
    let weights = state.split_prefix("teacher.");
    if weights.is_empty() {
        return Err(no_teacher(&path));
    }
    card.origin.push_str(", momentum teacher");
    let mut model = filled(path, folder, weights, card, device)?;
    model.hash = hex(&Sha256::digest(format!("the teacher in {}", model.hash))[..16]);
    model.weights_hash = weights_hash(&student);
    Ok(Model { step, ..model })
}

/// A model of `card` with the weights of `state`. The two are compared before anything is allocated: a card of a few
/// hundred bytes can describe a network of any size.
fn filled(
    path: PathBuf,
    folder: Option<PathBuf>,
    state: StateDict,
    card: ModelCard,
    device: Device,
) -> Result<Model, ModelError> {
    let unknown = |reason: String| unknown(&path, reason);
    let expected = card.shapes().map_err(|error| unknown(error.to_string()))?;
    let report = match_names(&expected, &state.shapes());
    if !report.is_complete() {
        return Err(unknown(format!(
            "its tensors are not those of the network that it describes\n  {report}"
        )));
    }
    state.check_finite(&path)?;
    let mut model = Model::with_weights(card, device, &state).map_err(|error| unknown(error.to_string()))?;
    model.hash = hash_of(&path)?;
    model.backbone_hash = backbone_hash(&state);
    model.weights_hash = hash_beside(&model.backbone_hash, &state);
    (model.path, model.folder) = (path, folder);
    Ok(model)
}

/// A weight file that does not say what it is.
fn foreign(path: &Path) -> ModelError {
    let remedy = "`twist import` turns foreign weights into a model";
    Refused::new(path.display().to_string()).because("its metadata is not Twist's").remedy(remedy).into()
}

/// A weight file of Twist that says of itself what cannot be.
fn unknown(path: &Path, reason: String) -> ModelError {
    let remedy = "it was changed since Twist wrote it, or another version wrote it: write it again";
    Refused::new(path.display().to_string()).because(reason).remedy(remedy).into()
}

/// What metadata say, or which field of them is wrong.
fn read<T: DeserializeOwned>(metadata: serde_json::Value) -> Result<T, String> {
    serde_path_to_error::deserialize(metadata).map_err(|error| {
        let (field, reason) = (error.path().to_string(), error.inner().to_string());
        // The whole is a dot.
        shown(&if field == "." { reason } else { format!("{field}: {reason}") }).into()
    })
}

/// A momentum teacher was asked for, and the model has none.
fn no_teacher(path: &Path) -> ModelError {
    let what = "has no momentum teacher, which only a recipe with [teacher] trains; leave out --teacher (or `:teacher`)";
    Refused::new(format!("{} {what}", path.display())).into()
}
