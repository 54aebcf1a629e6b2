//! What a checkpoint of a network holds.

use std::path::Path;

use twist_io::StateDict;
use twist_model::CheckpointFacts;
use twist_run::Standing;

use crate::step::TrainState;
use crate::{TrainConfig, TrainError, TrainPlan};

impl TrainPlan {
    /// The metadata of the checkpoint of a run of this plan that stands there.
    pub fn checkpoint_facts(&self, recipe_name: &str, standing: &Standing) -> CheckpointFacts<TrainConfig> {
        let (data, transform) = (self.config.data, &self.eval.transform);
        let Standing { step, guard_streaks, measured, losses } = standing.clone();
        CheckpointFacts {
            step,
            epoch: self.run.epoch_of(step),
            total_steps: self.run.total_steps,
            recipe_name: recipe_name.into(),
            recipe: self.config.clone(),
            precision: Some(self.precision),
            guard_streaks,
            measured,
            losses,
            class_names: self.classes.to_vec(),
            data_fingerprint: self.data_fingerprint.clone(),
            images: Some(self.images),
            mean: data.mean,
            std: data.std,
            resize: transform.resize,
            crop: transform.crop,
            twist: env!("CARGO_PKG_VERSION").into(),
            libtorch: torch_ext::version(),
        }
    }
}

/// Copies network, optimizer and teacher to the host.
///
/// # Errors
/// libtorch's own.
pub fn capture(state: &TrainState) -> Result<StateDict, TrainError> {
    let mut all = StateDict::default();
    all.extend_prefixed("model.", state.net.store.state_dict()?);
    all.extend_prefixed("optim.", state.optimizer.state_dict()?);
    if let Some(teacher) = &state.teacher {
        all.extend_prefixed("teacher.", teacher.net.store.state_dict()?);
    }
    Ok(all)
}

/// Copies a captured state back, after checking that all of it fits.
///
/// # Errors
/// Network or optimizer differ from the checkpoint's.
pub fn restore(state: &mut TrainState, path: &Path, mut saved: StateDict) -> Result<(), TrainError> {
    let wrong = |reason: String| TrainError::wrong_checkpoint(path, reason);
    let model = saved.split_prefix("model.");
    let optim = saved.split_prefix("optim.");
    let teacher = saved.split_prefix("teacher.");
    let expected = state.net.store.state_dict()?.shapes();
    let report = twist_io::match_names(&expected, &model.shapes());
    if !report.is_complete() {
        return Err(wrong(report.to_string()));
    }
    if let Some(own) = &state.teacher {
        let report = twist_io::match_names(&expected, &teacher.shapes());
        if !report.is_complete() {
            return Err(wrong(format!("the teacher: {report}")));
        }
        own.net.store.load(&teacher)?;
    }
    state.optimizer.load(&optim).map_err(|error| wrong(error.to_string()))?;
    state.net.store.load(&model)?;
    Ok(())
}
