//! Training heads on rows of features, as a task of the loop.

use std::path::Path;

use tch::Tensor;
use twist_io::{StateDict, match_names};
use twist_nn::ProjectionHead;
use twist_run::{Standing, StartFigures};

use super::step::{HeadState, head_step, mean_loss};
use super::{HeadFacts, HeadPlan, Pairs};
use crate::run::{Restored, Taken, Task, least};
use crate::{TrainError, resume};

/// Heads that learn side by side from the same pairs of rows.
pub struct Heads {
    pub(super) plan: HeadPlan,
    recipe_name: String,
    pairs: Pairs,
    heads: Vec<HeadState>,
}

impl Heads {
    /// The heads of `plan` as they begin; `guides` are the clusters of all rows for each head that is led.
    ///
    /// # Errors
    /// Guides that do not fit the rows, or no memory.
    pub(super) fn new(
        plan: HeadPlan,
        pairs: Pairs,
        guides: &[Vec<u32>],
        recipe_name: String,
    ) -> Result<Self, TrainError> {
        let led = check_guides(guides, &plan)?;
        let guide = |number: usize| Some(guides[number.checked_sub(led)?].as_slice());
        let heads = (0..plan.heads).map(|number| HeadState::new(&plan, number, guide(number)));
        let heads = heads.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { plan, recipe_name, pairs, heads })
    }

    /// The plan.
    pub fn plan(&self) -> &HeadPlan {
        &self.plan
    }

    /// One head as it is now.
    pub fn head(&self, number: usize) -> &ProjectionHead {
        &self.heads[number].head
    }

    /// Its tensors under the names of a model, `projection_heads.*`.
    ///
    /// # Errors
    /// Copying from the device fails.
    pub fn head_state(&self, number: usize) -> Result<StateDict, TrainError> {
        Ok(self.heads[number].store.state_dict()?)
    }

    /// The mean loss of each head, in evaluation mode, over one pass through the data with pairs that no step of the run has.
    /// Labels have no part in it. The head with the least is the one to keep: [`Heads::best`].
    ///
    /// # Errors
    /// libtorch's.
    pub fn losses(&mut self) -> Result<Vec<f64>, TrainError> {
        let first = self.plan.run.total_steps;
        let steps = first..first + self.plan.run.steps_per_epoch;
        let each = self.heads.iter().map(|head| mean_loss(head, &self.plan, &mut self.pairs, steps.clone()));
        each.collect()
    }

    /// Which of `losses` is the least.
    pub fn best(losses: &[f64]) -> usize {
        least(losses.iter().copied())
    }

    /// Other heads of the same plan on the same rows, none of them led.
    pub(super) fn stand_ins(&self) -> Result<Self, TrainError> {
        let heads = (0..self.plan.heads).map(|number| HeadState::new(&self.plan, number, None));
        let heads = heads.collect::<Result<Vec<_>, _>>()?;
        let (plan, pairs) = (self.plan.clone(), self.pairs.shared());
        Ok(Self { plan, recipe_name: String::new(), pairs, heads })
    }

    /// Refuses what would put the run at another place than it was: a step counts batches, whatever their size.
    fn check(&self, path: &Path, facts: &HeadFacts) -> Result<(), TrainError> {
        resume::same_clusters(path, facts.head_recipe.model.dim, self.plan.net.dim)?;
        let now = self.plan.run.batch_size;
        let before = facts.batch_size.unwrap_or(facts.head_recipe.train.batch_size);
        if before == now || (facts.batch_size.is_none() && now == self.plan.features.rows) {
            return Ok(());
        }
        let reason = format!(
            "a batch had {before} rows and has {now} now, and steps are counted in batches: keep --batch-size and the \
             features, or begin another run with another --out"
        );
        Err(TrainError::wrong_checkpoint(path, reason))
    }
}

impl Task for Heads {
    type Facts = HeadFacts;

    fn step(&mut self, step: u64) -> Result<Taken, TrainError> {
        let (metrics, indices) = head_step(&mut self.heads, &self.plan, &mut self.pairs, step)?;
        Ok(Taken { metrics, indices, events: Vec::new() })
    }

    /// `heads.N.model.*` and `heads.N.optim.*`.
    fn capture(&self) -> Result<StateDict, TrainError> {
        let mut all = StateDict::default();
        for (number, head) in self.heads.iter().enumerate() {
            all.extend_prefixed(&format!("heads.{number}.model."), head.store.state_dict()?);
            all.extend_prefixed(&format!("heads.{number}.optim."), head.optimizer.state_dict()?);
        }
        Ok(all)
    }

    fn restore(
        &mut self,
        path: &Path,
        facts: &HeadFacts,
        mut state: StateDict,
    ) -> Result<Restored, TrainError> {
        self.check(path, facts)?;
        let wrong = |reason: String| TrainError::wrong_checkpoint(path, reason);
        for (number, head) in self.heads.iter_mut().enumerate() {
            let model = state.split_prefix(&format!("heads.{number}.model."));
            let report = match_names(&head.store.shapes(), &model.shapes());
            if !report.is_complete() {
                return Err(wrong(format!("head {number}: {report}")));
            }
            let optim = state.split_prefix(&format!("heads.{number}.optim."));
            head.optimizer.load(&optim).map_err(|error| wrong(format!("head {number}: {error}")))?;
            head.store.load(&model)?;
        }
        let changes = resume::changes(&facts.head_recipe, &self.plan.config);
        let warnings = facts
            .other_features(&self.plan)
            .into_iter()
            .chain(resume::other_libtorch(&facts.libtorch))
            .collect();
        Ok(Restored { changes, warnings })
    }

    fn facts(&self, standing: &Standing) -> HeadFacts {
        HeadFacts::of(&self.plan, &self.recipe_name, standing)
    }

    fn figures(&self) -> StartFigures {
        let parameters = self.heads.iter().flat_map(|head| head.store.parameters());
        StartFigures {
            recipe_name: self.recipe_name.clone(),
            precision: "fp32".into(),
            channels_last: false,
            loader_threads: 0,
            images: self.plan.features.rows,
            classes: self.plan.features.classes.len(),
            parameters: parameters.map(|tensor| tensor.numel() as u64).sum(),
            clusters: self.plan.net.dim,
            ..StartFigures::default()
        }
    }

    fn weights(&self) -> Vec<(String, Tensor)> {
        let of_head = |(number, head): (usize, &HeadState)| {
            let entries = head.store.entries().iter();
            let named = entries
                .map(|entry| (format!("heads.{number}.model.{}", entry.name), entry.tensor.shallow_clone()));
            named.collect::<Vec<_>>()
        };
        self.heads.iter().enumerate().flat_map(of_head).collect()
    }
}

/// The number of the first head that is led, after checking that each has a cluster of the plan for every row.
fn check_guides(guides: &[Vec<u32>], plan: &HeadPlan) -> Result<usize, TrainError> {
    let (rows, clusters) = (plan.features.rows, plan.net.dim);
    let fits = |guide: &Vec<u32>| guide.len() == rows && guide.iter().all(|&one| i64::from(one) < clusters);
    if guides.len() != plan.guided() || !guides.iter().all(fits) {
        let reason =
            format!("{} heads are led to {clusters} clusters of {rows} rows: other guides", plan.guided());
        return Err(tch::TchError::Shape(reason).into());
    }
    Ok(plan.heads - plan.guided())
}
