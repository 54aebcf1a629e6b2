//! A run of heads, from neighbours and guides to the head with the lowest loss.

use tch::Tensor;
use twist_run::{CheckpointStore, RunFolder};

use super::{HeadFacts, HeadPlan, Heads, Neighbourhood, Pairs};
use crate::TrainError;
use crate::run::{Place, Run, World};

impl Run<Heads> {
    /// Builds the heads, and takes their state from the newest good checkpoint when the folder is to be resumed; without a folder
    /// nothing is kept.
    ///
    /// `rows` `[N, D]` (float32, CPU) are the features that the plan was made for, `guides` the clusters of all rows for each
    /// head that is led, and `recipe_name` stands in log and checkpoints.
    ///
    /// # Errors
    /// A checkpoint that does not fit the recipe, neighbours or guides that do not fit the rows, or no memory.
    pub fn of_heads(
        plan: HeadPlan,
        rows: Tensor,
        neighbourhood: Neighbourhood,
        guides: &[Vec<u32>],
        folder: Option<&RunFolder>,
        recipe_name: String,
    ) -> Result<Self, TrainError> {
        let numbers = plan.run.clone();
        numbers.machine.prepare()?;
        let order = (numbers.batch_size, numbers.seed);
        let unit_length = plan.config.features.unit_length;
        let pairs = Pairs::new(rows, neighbourhood, order, unit_length, numbers.machine.device)?;
        let task = Heads::new(plan, pairs, guides, recipe_name)?;
        let place =
            folder.map_or_else(Place::default, |folder| Place::folder(folder, numbers.checkpoint.keep));
        Run::open(task, numbers, place, World::one())
    }

    /// A run of the same plan on the same rows that has no folder, with heads that are thrown away, for [`Run::rehearse`].
    ///
    /// # Errors
    /// libtorch's.
    pub fn stand_in(&self) -> Result<Self, TrainError> {
        let task = self.task().stand_ins()?;
        let numbers = task.plan().run.clone();
        Run::open(task, numbers, Place::default(), World::one())
    }

    /// The same run, before its first step, under a plan with another number of epochs and no other difference.
    pub fn of_plan(mut self, plan: HeadPlan) -> Self {
        let numbers = plan.run.clone();
        self.task_mut().plan = plan;
        self.replanned(numbers)
    }
}

impl HeadPlan {
    /// The finished steps of the run in `folder`, and what became of the features of this plan since, without reading them.
    ///
    /// # Errors
    /// None of its checkpoints can be read.
    pub fn standing_in(&self, folder: &RunFolder) -> Result<(u64, Option<String>), TrainError> {
        let newest = CheckpointStore::new(folder.checkpoints(), 1).newest::<HeadFacts>()?;
        let state = |facts: HeadFacts| (facts.standing.step, facts.other_features(self));
        Ok(newest.map_or((0, None), |loaded| state(loaded.facts)))
    }
}
