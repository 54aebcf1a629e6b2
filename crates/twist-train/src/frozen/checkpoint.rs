//! What a checkpoint of heads holds: `heads.N.model.*` and `heads.N.optim.*`, with [`HeadFacts`] as metadata.

use std::path::Path;

use serde::{Deserialize, Serialize};
use twist_io::{StateDict, match_names};

use super::step::HeadState;
use super::{HeadConfig, HeadPlan};
use crate::checkpoint::Loaded;
use crate::guard::Streaks;
use crate::{TrainError, resume};

/// The metadata of a checkpoint of heads: everything that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadFacts {
    /// Number of finished steps; the run continues with the step of this number.
    pub step: u64,
    /// The same in epochs.
    pub epoch: f64,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// What the guard had counted; checkpoints of older versions do not say it.
    #[serde(default)]
    pub guard_streaks: Streaks,
    /// Name of the recipe.
    pub recipe_name: String,
    /// The recipe with its defaults.
    pub head_recipe: HeadConfig,
    /// Rows of one update: fewer than the recipe says where there were fewer. Checkpoints of older versions do not say it.
    #[serde(default)]
    pub batch_size: Option<usize>,
    /// Rows of the features; checkpoints of older versions do not say it.
    #[serde(default)]
    pub rows: Option<usize>,
    /// Width of the features.
    pub feature_dim: i64,
    /// Identity of the features.
    pub data_fingerprint: String,
    /// Twist's version.
    pub twist: String,
    /// libtorch's version.
    pub libtorch: String,
}

impl HeadFacts {
    /// The facts of a plan after `step` steps that left the guard with these streaks.
    pub fn of(plan: &HeadPlan, recipe_name: &str, step: u64, guard_streaks: Streaks) -> Self {
        Self {
            step,
            epoch: plan.epoch_of(step),
            total_steps: plan.total_steps(),
            guard_streaks,
            recipe_name: recipe_name.into(),
            head_recipe: plan.config().clone(),
            batch_size: Some(plan.batch_size()),
            rows: Some(plan.features().rows),
            feature_dim: plan.features().width,
            data_fingerprint: plan.features().fingerprint.clone(),
            twist: env!("CARGO_PKG_VERSION").into(),
            libtorch: torch_ext::version(),
        }
    }
}

/// Copies heads and optimizers to the host.
pub(super) fn capture(heads: &[HeadState]) -> Result<StateDict, TrainError> {
    let mut all = StateDict::default();
    for (number, head) in heads.iter().enumerate() {
        all.extend_prefixed(&format!("heads.{number}.model."), head.store.state_dict()?);
        all.extend_prefixed(&format!("heads.{number}.optim."), head.optimizer.state_dict()?);
    }
    Ok(all)
}

/// Copies a captured state back, head by head, after checking that it fits.
pub(super) fn restore(heads: &mut [HeadState], path: &Path, mut saved: StateDict) -> Result<(), TrainError> {
    let wrong = |reason: String| TrainError::WrongCheckpoint { path: path.into(), reason };
    for (number, head) in heads.iter_mut().enumerate() {
        let model = saved.split_prefix(&format!("heads.{number}.model."));
        let report = match_names(&head.store.shapes(), &model.shapes());
        if !report.is_complete() {
            return Err(wrong(format!("head {number}: {report}")));
        }
        let optim = saved.split_prefix(&format!("heads.{number}.optim."));
        head.optimizer.load(&optim).map_err(|error| wrong(format!("head {number}: {error}")))?;
        head.store.load(&model)?;
    }
    Ok(())
}

/// Refuses what would put the run at another place than it was: a step counts batches, whatever their size.
///
/// # Errors
/// [`TrainError::WrongCheckpoint`] for another batch size.
pub(super) fn check_place(loaded: &Loaded<HeadFacts>, plan: &HeadPlan) -> Result<(), TrainError> {
    let facts = &loaded.facts;
    let (before, now) = (facts.batch_size.unwrap_or(facts.head_recipe.train.batch_size), plan.batch_size());
    if before == now || (facts.batch_size.is_none() && now == plan.features().rows) {
        return Ok(());
    }
    let reason = format!(
        "a batch had {before} rows and has {now} now, and steps are counted in batches: keep --batch-size and the \
         features, or begin another run with another --out"
    );
    Err(TrainError::WrongCheckpoint { path: loaded.path.clone(), reason })
}

/// What a resumed run begins with: checkpoints left out, and everything that is not as it was.
pub(super) fn warnings(loaded: &Loaded<HeadFacts>, plan: &HeadPlan) -> Vec<String> {
    let mut warnings = resume::left_out(loaded);
    let changes = resume::changes(&loaded.facts.head_recipe, plan.config());
    if !changes.is_empty() {
        warnings.push(format!("the recipe changed since the checkpoint: {}", changes.join(", ")));
    }
    warnings.extend(other_features(&loaded.facts, plan));
    warnings
}

/// What became of the features since the checkpoint, in words; `None` where they are the same.
pub(super) fn other_features(facts: &HeadFacts, plan: &HeadPlan) -> Option<String> {
    let features = plan.features();
    let ended = facts.step >= plan.total_steps();
    (facts.data_fingerprint != features.fingerprint)
        .then(|| resume::other_data("row", facts.rows, features.rows, ended))
}
