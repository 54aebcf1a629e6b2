//! Training a network on images without labels: a task of the [loop](crate::run) and what feeds it.

mod task;

mod early_labels;
mod feed;
mod images;
mod views;

use twist_model::{Model, ReleasedCheckpoint};
use twist_run::RunFolder;

pub use self::images::TrainImages;
pub use self::task::Pretraining;
pub use self::views::{held, load_views};
use crate::continued::continue_from;
use crate::init::{init_from, other_pixels};
use crate::run::{Place, Run, World};
use crate::{TrainError, TrainPlan};

/// Everything about a run that is neither recipe nor derived from it.
#[derive(Debug, Default)]
pub struct TrainOptions {
    /// Name of the recipe, for log and checkpoints.
    pub recipe_name: String,
    /// An unreadable image stops the run instead of being replaced.
    pub strict: bool,
    /// Where the run begins; of no meaning to a run that is resumed.
    pub beginning: Beginning,
}

/// Where a run begins.
#[derive(Debug, Default)]
pub enum Beginning {
    /// Random weights, which depend on the seed.
    #[default]
    Seed,
    /// What fits of these weights.
    Weights(Box<Model>),
    /// Weights, optimizer and epoch of a run of the released code.
    Released(Box<ReleasedCheckpoint>),
}

impl Run<Pretraining> {
    /// Builds the network and its optimizer, and takes their state from the newest good checkpoint when the folder is
    /// to be resumed, else from `options.beginning`.
    ///
    /// # Errors
    /// A checkpoint that does not fit the recipe, weights that fit nothing, or no memory.
    pub fn of_network(
        plan: TrainPlan,
        images: impl Into<TrainImages>,
        folder: &RunFolder,
        options: TrainOptions,
    ) -> Result<Self, TrainError> {
        let TrainOptions { recipe_name, strict, beginning } = options;
        let (numbers, place) = (plan.run.clone(), Place::folder(folder, plan.run.checkpoint.keep));
        let mut run = Run::open(
            Pretraining::new(plan, images.into(), recipe_name, strict)?,
            numbers,
            place,
            World::one(),
        )?;
        if run.is_resumed() {
            return Ok(run);
        }
        let Pretraining { plan, state, init_report, .. } = run.task_mut();
        match beginning {
            Beginning::Seed => {}
            Beginning::Weights(model) => {
                *init_report = Some(init_from(&state.net, &model)?);
                state.teach_again(plan)?;
                other_pixels(&model, plan).into_iter().for_each(|warning| run.warn(warning));
            }
            Beginning::Released(checkpoint) => {
                let step = continue_from(state, plan, &checkpoint)?;
                let ReleasedCheckpoint { path, network, notes, .. } = *checkpoint;
                *init_report = Some(network.report);
                run.begin_at(step, path);
                notes.into_iter().for_each(|note| run.warn(note));
            }
        }
        Ok(run)
    }

    /// A run of `plan` that has no folder, for [`Run::rehearse`].
    ///
    /// # Errors
    /// No memory.
    pub fn stand_in_for(plan: &TrainPlan, images: impl Into<TrainImages>) -> Result<Self, TrainError> {
        let task = Pretraining::new(plan.clone(), images.into(), String::new(), false)?;
        Run::open(task, plan.run.clone(), Place::default(), World::one())
    }
}
