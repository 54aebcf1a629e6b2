//! The loop around the step of heads: pairs in, events out, and every reason to stop.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tch::Tensor;
use twist_io::StateDict;
use twist_nn::ProjectionHead;
use twist_run::{Event, Recorder, RunFolder, StartFigures, What, files, says_saved};

use super::checkpoint::{capture, check_place, other_features, restore, warnings};
use super::progress::{Progress, least};
use super::step::{HeadState, head_step, mean_loss};
use super::{HeadFacts, HeadPlan, Neighbourhood, Pairs};
use crate::checkpoint::CheckpointStore;
use crate::evaluator::EvalError;
use crate::guard::{self, CollapseKind, Guard, SavedStep, Streaks};
use crate::machine::device_name;
use crate::metrics::StepMetrics;
use crate::outcome::{Outcome, StopReason};
use crate::stop::StopFlag;
use crate::{Pace, TrainError, pace, resume};

/// Measures a head while the run goes on: named scores as fractions, in the order in which they are shown.
pub type HeadEvaluator<'a> = dyn FnMut(&ProjectionHead) -> Result<Vec<(String, f64)>, EvalError> + 'a;

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
    plan: HeadPlan,
    options: HeadOptions,
    pairs: Pairs,
    heads: Vec<HeadState>,
    run: PathBuf,
    store: CheckpointStore,
    /// Finished steps.
    step: u64,
    /// What the guard has counted up to the last reading.
    guard_streaks: Streaks,
    resumed_from: Option<PathBuf>,
    notes: Vec<String>,
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
        plan.machine().prepare()?;
        let order = (plan.batch_size(), plan.seed());
        let unit_length = plan.config().features.unit_length;
        let pairs = Pairs::new(rows, neighbourhood, order, unit_length, plan.machine().device)?;
        let led = check_guides(guides, &plan)?;
        let guide = |number: usize| Some(guides[number.checked_sub(led)?].as_slice());
        let heads = (0..plan.heads()).map(|number| HeadState::new(&plan, number, guide(number)));
        let heads = heads.collect::<Result<Vec<_>, _>>()?;
        let store = CheckpointStore::new(folder.checkpoints(), plan.checkpoint().keep);
        let run = folder.path().to_path_buf();
        let mut trainer = Self {
            plan,
            options,
            pairs,
            heads,
            run,
            store,
            step: 0,
            guard_streaks: Streaks::default(),
            resumed_from: None,
            notes: Vec::new(),
        };
        let loaded = if folder.resume() { trainer.store.newest::<HeadFacts>()? } else { None };
        if let Some(loaded) = loaded {
            let clusters = loaded.facts.head_recipe.model.dim;
            resume::same_clusters(&loaded.path, clusters, trainer.plan.net().dim)?;
            check_place(&loaded, &trainer.plan)?;
            trainer.notes = warnings(&loaded, &trainer.plan);
            trainer.step = loaded.facts.step;
            if resume::changes(&loaded.facts.head_recipe, trainer.plan.config()).is_empty() {
                trainer.guard_streaks = loaded.facts.guard_streaks;
            }
            restore(&mut trainer.heads, &loaded.path, loaded.state)?;
            trainer.resumed_from = Some(loaded.path);
        }
        Ok(trainer)
    }

    /// The finished steps of the run in `folder`, and what became of the features of `plan` since, without reading them.
    ///
    /// # Errors
    /// None of its checkpoints can be read.
    pub fn state_of(folder: &RunFolder, plan: &HeadPlan) -> Result<(u64, Option<String>), TrainError> {
        let newest = CheckpointStore::new(folder.checkpoints(), 1).newest::<HeadFacts>()?;
        Ok(newest.map_or((0, None), |loaded| (loaded.facts.step, other_features(&loaded.facts, plan))))
    }

    /// The plan.
    pub fn plan(&self) -> &HeadPlan {
        &self.plan
    }

    /// Finished steps: more than 0 before [`HeadTrainer::run`] when a checkpoint was found.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whether all steps are done: running would do nothing.
    pub fn is_finished(&self) -> bool {
        self.step >= self.plan.total_steps()
    }

    /// Seconds that a step takes on this machine, measured with heads that are thrown away; see
    /// [`crate::seconds_per_step`].
    ///
    /// # Errors
    /// libtorch's.
    pub fn seconds_per_step(&mut self) -> Result<Pace, TrainError> {
        let heads = (0..self.plan.heads()).map(|number| HeadState::new(&self.plan, number, None));
        let mut heads = heads.collect::<Result<Vec<_>, _>>()?;
        let (seconds, _) = pace::seconds_of(self.plan.total_steps(), |step| {
            let (figures, _) = head_step(&mut heads, &self.plan, &mut self.pairs, step)?;
            StepMetrics::read(&figures)?; // waits for the device
            Ok(())
        })?;
        Ok(Pace { first: seconds, later: seconds })
    }

    /// The same run, before its first step, under a plan with another number of epochs and no other difference.
    pub fn replanned(self, plan: HeadPlan) -> Self {
        Self { plan, ..self }
    }

    /// The mean loss of each head, in evaluation mode, over one pass through the data with pairs of their own. Labels
    /// have no part in it. The head with the least is the one to keep: [`HeadTrainer::best`].
    ///
    /// # Errors
    /// libtorch's.
    pub fn losses(&mut self) -> Result<Vec<f64>, TrainError> {
        let first = self.plan.total_steps();
        let steps = first..first + self.plan.steps_per_epoch();
        let each = self.heads.iter().map(|head| mean_loss(head, &self.plan, &mut self.pairs, steps.clone()));
        each.collect()
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
        Ok(self.heads[number].store.state_dict()?)
    }

    /// Trains to the end of the plan, or to the first reason to stop; see [`crate::Trainer::run`] for the order of what
    /// happens after a step.
    ///
    /// # Errors
    /// The first error of a head, the evaluator, a recorder or the disk. The last checkpoint stays what it is.
    pub fn run(
        &mut self,
        mut evaluator: Option<&mut HeadEvaluator<'_>>,
        recorders: &mut [Box<dyn Recorder + '_>],
        stop: &StopFlag,
    ) -> Result<Outcome, TrainError> {
        let (began, first) = (Instant::now(), self.step);
        self.announce(recorders)?;
        self.make_up(recorders)?;
        if self.is_finished() {
            return self.finish(recorders, began, first);
        }
        let (clusters, temperature) = (self.plan.net().dim, self.plan.config().loss.temperature);
        let guard = Guard::new(self.plan.guard(), clusters, self.plan.batch_size(), temperature)
            .after(self.guard_streaks);
        let mut progress = Progress::new(guard, &self.heads, self.step)?;

        while self.step < self.plan.total_steps() {
            // The step.
            let (metrics, indices) = head_step(&mut self.heads, &self.plan, &mut self.pairs, self.step)?;
            self.step += 1;
            progress.push(metrics, indices);

            // Figures, and the guard's verdict on them.
            let last = self.step == self.plan.total_steps();
            let reason = self.reason_to_stop(stop, began);
            let evaluating = self.plan.eval_every_steps().is_some_and(|every| self.is_due(every));
            let saving = self.is_due(self.plan.checkpoint().every_steps) || last || reason.is_some();
            if self.is_due(self.plan.log_every()) || saving || evaluating {
                let figures = progress.read(self.plan.batch_size())?;
                self.guard_streaks = progress.guard_streaks();
                self.record(recorders, What::Step(figures))?;
                if let Some((kind, step)) = progress.collapsed() {
                    return self.collapse(recorders, &progress, kind, step);
                }
                progress.keep_weights(&self.heads, self.step)?;
            }

            // Evaluation of the head that leads by its loss.
            if let (Some(evaluator), true) = (&mut evaluator, evaluating) {
                let scores = evaluator(&self.heads[progress.leader()].head)
                    .map_err(|source| TrainError::Evaluation { step: self.step, source })?;
                let fields = scores.into_iter().map(|(name, value)| (name, value.into())).collect();
                self.record(recorders, What::Eval(fields))?;
            }

            // Checkpoint.
            if saving {
                let facts =
                    HeadFacts::of(&self.plan, &self.options.recipe_name, self.step, self.guard_streaks);
                let path = self.store.write(self.step, &facts, &capture(&self.heads)?)?;
                self.record(recorders, What::Checkpoint { path: self.relative(&path) })?;
            }
            progress.restart_clock();

            // Stop.
            if let (Some(reason), false) = (reason, last) {
                self.record(recorders, What::Stopped { reason: reason.to_string() })?;
                return Ok(Outcome::Stopped { reason, step: self.step });
            }
        }
        self.finish(recorders, began, first)
    }

    fn finish(
        &self,
        recorders: &mut [Box<dyn Recorder + '_>],
        began: Instant,
        first: u64,
    ) -> Result<Outcome, TrainError> {
        self.record(recorders, What::Done { seconds: began.elapsed().as_secs_f64() })?;
        Ok(Outcome::Finished { steps: self.step - first })
    }

    /// Does what follows a checkpoint, for the one that the run goes on from: the process may have been killed before it did.
    fn make_up(&self, recorders: &mut [Box<dyn Recorder + '_>]) -> Result<(), TrainError> {
        let Some(path) = &self.resumed_from else { return Ok(()) };
        self.store.retire(self.step)?;
        if says_saved(&self.run, self.step)? {
            return Ok(());
        }
        self.record(recorders, What::Checkpoint { path: self.relative(path) })
    }

    fn announce(&self, recorders: &mut [Box<dyn Recorder + '_>]) -> Result<(), TrainError> {
        self.record(recorders, What::Start(Box::new(self.start_figures())))?;
        if let Some(path) = &self.resumed_from {
            self.record(recorders, What::Resumed { path: self.relative(path) })?;
        }
        for message in &self.notes {
            self.record(recorders, What::Warning { message: message.clone() })?;
        }
        Ok(())
    }

    fn start_figures(&self) -> StartFigures {
        let (plan, machine) = (&self.plan, self.plan.machine());
        let parameters = self.heads.iter().flat_map(|head| head.store.parameters());
        StartFigures {
            version: env!("CARGO_PKG_VERSION").into(),
            libtorch: torch_ext::version(),
            recipe_name: self.options.recipe_name.clone(),
            device: device_name(machine.device),
            precision: "fp32".into(),
            channels_last: false,
            threads: machine.threads,
            loader_threads: 0,
            images: plan.features().rows,
            classes: plan.features().classes.len(),
            seed: plan.seed(),
            batch_size: plan.batch_size(),
            total_steps: plan.total_steps(),
            steps_per_epoch: plan.steps_per_epoch(),
            parameters: parameters.map(|tensor| tensor.numel() as u64).sum(),
            clusters: plan.net().dim,
        }
    }

    fn collapse(
        &self,
        recorders: &mut [Box<dyn Recorder + '_>],
        progress: &Progress,
        kind: CollapseKind,
        step: u64,
    ) -> Result<Outcome, TrainError> {
        let (readings, indices) = progress.until(step);
        let (weights, weights_before_step) = progress.weights(&self.heads)?;
        let saved = SavedStep {
            kind: kind.name(),
            advice: kind.advice(),
            step,
            weights_before_step,
            seed: self.plan.seed(),
            epoch: step / self.plan.steps_per_epoch(),
            indices,
            logits: progress.logit_statistics()?,
            readings,
        };
        guard::save(&self.run, &saved, &weights)?;
        let (kind_name, advice) = (kind.name().into(), kind.advice().into());
        self.record(recorders, What::Collapse { kind: kind_name, advice, saved: files::COLLAPSE.into() })?;
        Ok(Outcome::Collapsed { kind, step, saved: self.run.join(files::COLLAPSE) })
    }

    fn reason_to_stop(&self, stop: &StopFlag, began: Instant) -> Option<StopReason> {
        let out_of_time = self.options.max_time.is_some_and(|limit| began.elapsed() >= limit);
        stop.signal().map(StopReason::Signal).or(out_of_time.then_some(StopReason::MaxTime))
    }

    fn is_due(&self, every: u64) -> bool {
        self.step.is_multiple_of(every)
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.run).unwrap_or(path).display().to_string()
    }

    fn record(&self, recorders: &mut [Box<dyn Recorder + '_>], what: What) -> Result<(), TrainError> {
        let event = Event { step: self.step, epoch: self.plan.epoch_of(self.step), what };
        Ok(recorders.iter_mut().try_for_each(|recorder| recorder.record(&event))?)
    }
}

/// The number of the first head that is led, after checking that each has a cluster of the plan for every row.
fn check_guides(guides: &[Vec<u32>], plan: &HeadPlan) -> Result<usize, TrainError> {
    let (rows, clusters) = (plan.features().rows, plan.net().dim);
    let fits = |guide: &Vec<u32>| guide.len() == rows && guide.iter().all(|&one| i64::from(one) < clusters);
    if guides.len() != plan.guided() || !guides.iter().all(fits) {
        let reason =
            format!("{} heads are led to {clusters} clusters of {rows} rows: other guides", plan.guided());
        return Err(tch::TchError::Shape(reason).into());
    }
    Ok(plan.heads() - plan.guided())
}
