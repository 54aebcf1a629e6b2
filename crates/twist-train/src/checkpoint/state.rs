//! What a checkpoint holds.

use std::path::Path;

use serde::{Deserialize, Serialize};
use twist_io::StateDict;
use twist_run::{Figure, figure};

use crate::guard::Streaks;
use crate::step::TrainState;
use crate::{Precision, TrainConfig, TrainError, TrainPlan};

/// The figure that a checkpoint was measured by; by it the best one is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name, such as `knn_top1`. Figures of other names are not compared.
    pub metric: String,
    /// The figure.
    pub value: f64,
    /// Whether more is better.
    pub higher: bool,
}

impl Measured {
    /// What `figure` came to.
    pub fn by(figure: &Figure, value: f64) -> Self {
        Self { metric: figure.key.into(), value, higher: figure.better == figure::Better::Higher }
    }

    /// Whether this beats the best so far. A first figure of another metric always does, one that is not finite never.
    pub fn beats(&self, best: Option<&Measured>) -> bool {
        let better = |best: &Measured| {
            best.metric != self.metric
                || if self.higher { self.value > best.value } else { self.value < best.value }
        };
        self.value.is_finite() && best.is_none_or(better)
    }
}

/// The metadata of a checkpoint: everything that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointFacts {
    /// Number of finished steps; the run continues with the step of this number.
    pub step: u64,
    /// The same in epochs.
    pub epoch: f64,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// Name of the recipe.
    pub recipe_name: String,
    /// The recipe with its defaults.
    pub recipe: TrainConfig,
    /// What the recipe's precision came to on the hardware; checkpoints of older versions do not say it.
    #[serde(default)]
    pub precision: Option<Precision>,
    /// What the guard had counted; checkpoints of older versions do not say it.
    #[serde(default)]
    pub guard_streaks: Streaks,
    /// What it was measured by, so that a run that was killed between this checkpoint and its becoming the best one makes up
    /// for it; `None` when nothing was measured at this step.
    #[serde(default)]
    pub measured: Option<Measured>,
    /// Sum and number of the losses since the last checkpoint that was measured by them.
    #[serde(default)]
    pub losses: (f64, u64),
    /// Names of the training data's classes, empty without labels.
    pub class_names: Vec<String>,
    /// Identity of the training data.
    pub data_fingerprint: String,
    /// Number of training images; checkpoints of older versions do not say it.
    #[serde(default)]
    pub images: Option<usize>,
    /// Mean of each channel that the network expects to be subtracted.
    pub mean: [f64; 3],
    /// Standard deviation of each channel that it expects to be divided by.
    pub std: [f64; 3],
    /// Shorter side to resize to, in pixels.
    pub resize: u32,
    /// Side of the centre crop, in pixels.
    pub crop: u32,
    /// Twist's version.
    pub twist: String,
    /// libtorch's version.
    pub libtorch: String,
}

impl CheckpointFacts {
    /// The facts of a plan after `step` steps that left the guard with these streaks. Nothing was measured yet.
    pub fn of(plan: &TrainPlan, recipe_name: &str, step: u64, guard_streaks: Streaks) -> Self {
        let (data, transform) = (plan.config().data, &plan.eval().transform);
        Self {
            step,
            epoch: plan.run.epoch_of(step),
            total_steps: plan.run.total_steps,
            recipe_name: recipe_name.into(),
            recipe: plan.config().clone(),
            precision: Some(plan.precision()),
            guard_streaks,
            measured: None,
            losses: (0.0, 0),
            class_names: plan.classes().to_vec(),
            data_fingerprint: plan.data_fingerprint().into(),
            images: Some(plan.images()),
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
/// [`TrainError::WrongCheckpoint`] when network or optimizer differ from the checkpoint's.
pub fn restore(state: &mut TrainState, path: &Path, mut saved: StateDict) -> Result<(), TrainError> {
    let wrong = |reason: String| TrainError::WrongCheckpoint { path: path.into(), reason };
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
