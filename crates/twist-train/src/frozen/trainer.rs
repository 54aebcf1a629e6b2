//! A run of heads, from neighbours and guides to the head with the least loss.

use std::time::Duration;

use tch::Tensor;
use twist_io::StateDict;
use twist_run::{CheckpointStore, Recorder, RunFolder};

use super::{HeadFacts, HeadPlan, Heads, Neighbourhood, Pairs};
use crate::run::{Evaluator, Outcome, Place, Run, StopFlag, World, least};
use crate::{Pace, TrainError};

/// Everything about a run that is neither recipe nor derived from it.
#[derive(Clone, Debug, Default)]
pub struct HeadOptions {
    /// Name of the recipe, for log and checkpoints.
    pub recipe_name: String,
    /// Stop (resumably) after this time.
    pub max_time: Option<Duration>,
}

/// A run of heads that is ready to begin or to continue.
pub struct HeadTrainer {
    run: Run<Heads>,
    max_time: Option<Duration>,
}

impl HeadTrainer {
    /// Builds the heads, and takes their state from the newest good checkpoint when the folder is to be resumed.
    ///
    /// `rows` `[N, D]` (float32, CPU) are the features that the plan was made for, `guides` the clusters of all rows for each
    /// head that is led.
    ///
    /// # Errors
    /// A checkpoint that does not fit the recipe, neighbours or guides that do not fit the rows, or no memory.
    pub fn new(
        plan: HeadPlan,
        rows: Tensor,
        neighbourhood: Neighbourhood,
        guides: &[Vec<u32>],
        folder: &RunFolder,
        options: HeadOptions,
    ) -> Result<Self, TrainError> {
        let numbers = plan.run.clone();
        numbers.machine.prepare()?;
        let order = (numbers.batch_size, numbers.seed);
        let unit_length = plan.config().features.unit_length;
        let pairs = Pairs::new(rows, neighbourhood, order, unit_length, numbers.machine.device)?;
        let task = Heads::new(plan, pairs, guides, options.recipe_name)?;
        let place = Place::folder(folder, numbers.checkpoint.keep);
        Ok(Self { run: Run::open(task, numbers, place, World::one())?, max_time: options.max_time })
    }

    /// The finished steps of the run in `folder`, and what became of the features of `plan` since, without reading them.
    ///
    /// # Errors
    /// None of its checkpoints can be read.
    pub fn state_of(folder: &RunFolder, plan: &HeadPlan) -> Result<(u64, Option<String>), TrainError> {
        let newest = CheckpointStore::new(folder.checkpoints(), 1).newest::<HeadFacts>()?;
        let state = |facts: HeadFacts| (facts.standing.step, facts.other_features(plan));
        Ok(newest.map_or((0, None), |loaded| state(loaded.facts)))
    }

    /// The plan.
    pub fn plan(&self) -> &HeadPlan {
        self.run.task().plan()
    }

    /// Finished steps: more than 0 before [`HeadTrainer::run`] when a checkpoint was found.
    pub fn step(&self) -> u64 {
        self.run.step()
    }

    /// Seconds that a step takes on this machine, measured with heads that are thrown away; see
    /// [`crate::seconds_per_step`].
    ///
    /// # Errors
    /// libtorch's.
    pub fn seconds_per_step(&mut self) -> Result<Pace, TrainError> {
        self.run.task_mut().seconds_per_step()
    }

    /// The same run, before its first step, under a plan with another number of epochs and no other difference.
    pub fn replanned(mut self, plan: HeadPlan) -> Self {
        let numbers = plan.run.clone();
        self.run.task_mut().plan = plan;
        Self { run: self.run.replanned(numbers), ..self }
    }

    /// The mean loss of each head, in evaluation mode, over one pass through the data with pairs of their own. Labels
    /// have no part in it. The head with the least is the one to keep: [`HeadTrainer::best`].
    ///
    /// # Errors
    /// libtorch's.
    pub fn losses(&mut self) -> Result<Vec<f64>, TrainError> {
        self.run.task_mut().losses()
    }

    /// Which of `losses` is the least.
    pub fn best(losses: &[f64]) -> usize {
        least(losses.iter().copied())
    }

    /// The tensors of one head under the names of a model, `projection_heads.*`.
    ///
    /// # Errors
    /// Copying from the device fails.
    pub fn head_state(&self, number: usize) -> Result<StateDict, TrainError> {
        self.run.task().head_state(number)
    }

    /// Trains to the end of the plan, or to the first reason to stop; see [`Run::run`].
    ///
    /// # Errors
    /// As [`Run::run`].
    pub fn run(
        &mut self,
        evaluator: Option<&mut dyn Evaluator<Heads>>,
        recorders: &mut [Box<dyn Recorder + '_>],
        stop: &StopFlag,
    ) -> Result<Outcome, TrainError> {
        self.run.run(evaluator, recorders, stop, self.max_time)
    }
}
