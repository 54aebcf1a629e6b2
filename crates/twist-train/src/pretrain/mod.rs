//! Training a network on images without labels: a task of the [loop](crate::run) and what feeds it.

mod task;

mod early_labels;
mod feed;

use std::path::PathBuf;
use std::sync::Arc;

use twist_data::Dataset;
use twist_run::RunFolder;

pub use self::task::Pretraining;
use crate::init::init_from;
use crate::run::{Place, Run, World};
use crate::{TrainError, TrainPlan};

/// Everything about a run that is neither recipe nor derived from it.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// Name of the recipe, for log and checkpoints.
    pub recipe_name: String,
    /// An unreadable image stops the run instead of being replaced.
    pub strict: bool,
    /// Weights to begin from instead of random ones; ignored by a run that continues.
    pub init: Option<PathBuf>,
}

impl Run<Pretraining> {
    /// Builds the network and its optimizer, and takes their state from the newest good checkpoint when the folder is
    /// to be resumed, else from `options.init`, else from the seed.
    ///
    /// # Errors
    /// A checkpoint that does not fit the recipe, weights that fit nothing, or no memory.
    pub fn of_network(
        plan: TrainPlan,
        dataset: Arc<dyn Dataset>,
        folder: &RunFolder,
        options: TrainOptions,
    ) -> Result<Self, TrainError> {
        let TrainOptions { recipe_name, strict, init } = options;
        let (numbers, place) = (plan.run.clone(), Place::folder(folder, plan.run.checkpoint.keep));
        let mut run =
            Run::open(Pretraining::new(plan, dataset, recipe_name, strict)?, numbers, place, World::one())?;
        if let (Some(weights), false) = (&init, run.is_resumed()) {
            let Pretraining { plan, state, init_report, .. } = run.task_mut();
            *init_report = Some(init_from(&state.net, weights)?);
            state.teach_again(plan)?;
        }
        Ok(run)
    }

    /// A run of `plan` that has no folder, for [`Run::rehearse`].
    ///
    /// # Errors
    /// No memory.
    pub fn stand_in_for(plan: &TrainPlan, dataset: &Arc<dyn Dataset>) -> Result<Self, TrainError> {
        let task = Pretraining::new(plan.clone(), Arc::clone(dataset), String::new(), false)?;
        Run::open(task, plan.run.clone(), Place::default(), World::one())
    }
}
