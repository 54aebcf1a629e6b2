//! Training a network on images without labels: a task of the [loop](crate::run) and what feeds it.

mod task;

mod early_labels;
mod feed;

mod measure;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use twist_data::Dataset;
use twist_io::LoadReport;
use twist_nn::TwistNet;
use twist_run::{Recorder, RunFolder};

pub use self::measure::seconds_per_step;
pub use self::task::Pretraining;
use crate::init::init_from;
use crate::run::{Evaluator, Outcome, Place, Run, StopFlag, World};
use crate::{TrainError, TrainPlan};

/// Everything about a run that is neither recipe nor derived from it.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// Name of the recipe, for log and checkpoints.
    pub recipe_name: String,
    /// An unreadable image stops the run instead of being replaced.
    pub strict: bool,
    /// Stop (resumably) after this time.
    pub max_time: Option<Duration>,
    /// Weights to begin from instead of random ones; ignored by a run that continues.
    pub init: Option<PathBuf>,
}

/// A run that is ready to begin or to continue.
pub struct Trainer {
    run: Run<Pretraining>,
    max_time: Option<Duration>,
    init_report: Option<LoadReport>,
}

impl Trainer {
    /// Builds the network and its optimizer, and takes their state from the newest good checkpoint when the folder is
    /// to be resumed, else from `options.init`, else from the seed.
    ///
    /// # Errors
    /// A checkpoint that does not fit the recipe, weights that fit nothing, or no memory.
    pub fn new(
        plan: TrainPlan,
        dataset: Arc<dyn Dataset>,
        folder: &RunFolder,
        options: TrainOptions,
    ) -> Result<Self, TrainError> {
        let TrainOptions { recipe_name, strict, max_time, init } = options;
        let (numbers, place) = (plan.run.clone(), Place::folder(folder, plan.run.checkpoint.keep));
        let task = Pretraining::new(plan, dataset, recipe_name, strict)?;
        let mut run = Run::open(task, numbers, place, World::one())?;
        let mut init_report = None;
        if let (Some(weights), false) = (&init, run.is_resumed()) {
            let Pretraining { plan, state, .. } = run.task_mut();
            init_report = Some(init_from(&state.net, weights)?);
            state.teach_again(plan)?;
        }
        Ok(Self { run, max_time, init_report })
    }

    /// The plan.
    pub fn plan(&self) -> &TrainPlan {
        self.run.task().plan()
    }

    /// The network as it is now.
    pub fn net(&self) -> &TwistNet {
        self.run.task().net()
    }

    /// Finished steps: more than 0 before [`Trainer::run`] when a checkpoint was found.
    pub fn step(&self) -> u64 {
        self.run.step()
    }

    /// Whether all steps are done: running would do nothing.
    pub fn is_finished(&self) -> bool {
        self.run.is_finished()
    }

    /// What `--init` applied, when it was used.
    pub fn init_report(&self) -> Option<&LoadReport> {
        self.init_report.as_ref()
    }

    /// What is not as it was at the checkpoint that the run goes on from, one sentence each; [`Trainer::run`] records them.
    pub fn notes(&self) -> &[String] {
        self.run.warnings()
    }

    /// Trains to the end of the plan, or to the first reason to stop; see [`Run::run`].
    ///
    /// # Errors
    /// As [`Run::run`]; out of memory comes with advice.
    pub fn run(
        &mut self,
        evaluator: Option<&mut dyn Evaluator<Pretraining>>,
        recorders: &mut [Box<dyn Recorder + '_>],
        stop: &StopFlag,
    ) -> Result<Outcome, TrainError> {
        let outcome = self.run.run(evaluator, recorders, stop, self.max_time);
        self.run.task_mut().put_down();
        outcome
    }
}
