//! The metadata of a checkpoint of heads.

use serde::{Deserialize, Serialize};
use twist_run::Standing;

use super::{HeadConfig, HeadPlan};
use crate::resume;

/// The metadata of a checkpoint of heads: everything that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadFacts {
    /// Where the run stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// Finished steps in epochs.
    pub epoch: f64,
    /// Steps of the whole run.
    pub total_steps: u64,
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
    /// The facts of a run of this plan that stands there.
    pub(super) fn of(plan: &HeadPlan, recipe_name: &str, standing: &Standing) -> Self {
        Self {
            standing: standing.clone(),
            epoch: plan.run.epoch_of(standing.step),
            total_steps: plan.run.total_steps,
            recipe_name: recipe_name.into(),
            head_recipe: plan.config.clone(),
            batch_size: Some(plan.run.batch_size),
            rows: Some(plan.features.rows),
            feature_dim: plan.features.width,
            data_fingerprint: plan.features.fingerprint.clone(),
            twist: env!("CARGO_PKG_VERSION").into(),
            libtorch: torch_ext::version(),
        }
    }

    /// What became of the features since the checkpoint, in words; `None` where they are the same.
    pub(super) fn other_features(&self, plan: &HeadPlan) -> Option<String> {
        let features = &plan.features;
        let ended = self.standing.step >= plan.run.total_steps;
        (self.data_fingerprint != features.fingerprint)
            .then(|| resume::other_data("row", self.rows, features.rows, ended))
    }
}
