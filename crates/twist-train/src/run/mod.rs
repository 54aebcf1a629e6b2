//! The run: one loop around the steps of everything that is trained, and every reason to stop.
//!
//! A [`Task`] makes steps. [`Run`] makes a run of them: it reads figures now and then and shows them to log and guard, asks an
//! [`Evaluator`], writes checkpoints and keeps the best one, stops when it is asked to or when the time is over, and continues
//! from the last checkpoint as if it had not stopped. What the loop goes by is one [`RunPlan`]; what it remembers is one
//! [`Standing`].
//!
//! ```text
//! plan ─┬─ RunPlan ─ Run ─┬─ Task::step (pretraining, heads, labels)
//!       └─ Task           └─ Readings ─ Guard, Recorder, Evaluator, CheckpointStore
//! ```

mod plan;
mod task;

mod world;

mod facts;
mod place;

mod readings;

mod measure;

mod rehearsal;

mod outcome;
mod stop;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tch::Tensor;
use twist_run::{Event, EventKind, Figure, Loaded, Measured, Recorder, Standing, figure, files};

pub use measure::{EvalError, Evaluator, Moment};
pub use outcome::{Outcome, StopReason};
pub use place::Place;
pub use plan::{CheckpointPlan, RunKeys, RunPlan, RunSettings};
pub(crate) use readings::least;
pub use stop::StopFlag;
pub use task::{Restored, Taken, Task};
pub use world::World;

use self::facts::Facts;
use self::measure::evaluation_failed;
use self::readings::Readings;
use crate::guard::{self, CollapseKind, SavedStep};
use crate::start::start_figures;
use crate::{TrainError, resume};

/// Those who hear of what happens.
type Recorders<'a, 'b> = &'a mut [Box<dyn Recorder + 'b>];

/// A run of a task that is ready to begin or to continue.
pub struct Run<T> {
    task: T,
    plan: RunPlan,
    world: World,
    place: Place,
    /// Where the run stands; what it was measured by is that of the checkpoint that it continues from.
    standing: Standing,
    resumed_from: Option<PathBuf>,
    /// The checkpoint of another program that the run goes on from.
    continued_from: Option<PathBuf>,
    warnings: Vec<String>,
}

impl<T: Task> Run<T> {
    /// Puts the task where the newest good checkpoint of `place` left it, if the run there is to be resumed.
    ///
    /// # Errors
    /// A checkpoint that is not the task's; none of several can be read.
    pub fn open(task: T, plan: RunPlan, place: Place, world: World) -> Result<Self, TrainError> {
        let newest = match &place.store {
            Some(store) if place.resume => store.newest::<Facts<T::Facts>>()?,
            _ => None,
        };
        let (standing, resumed_from, warnings) = (Standing::default(), None, Vec::new());
        let continued_from = None;
        let mut run = Self { task, plan, world, place, standing, resumed_from, continued_from, warnings };
        if let Some(newest) = newest {
            run.restore(newest)?;
        }
        Ok(run)
    }

    fn restore(&mut self, newest: Loaded<Facts<T::Facts>>) -> Result<(), TrainError> {
        self.warnings = resume::left_out(&newest);
        let Loaded { path, state, facts: Facts { standing, of_task }, .. } = newest;
        let restored = self.task.restore(&path, &of_task, state)?;
        self.standing = standing;
        if let [_, ..] = &restored.changes[..] {
            let changes = restored.changes.join(", ");
            self.warnings.push(format!("the recipe changed since the checkpoint: {changes}"));
            // A changed recipe has the whole of the guard's patience.
            self.standing.guard_streaks = Default::default();
        }
        self.warnings.extend(restored.warnings);
        let best = self.place.store.as_mut().and_then(|store| store.recall_best());
        self.warnings.extend(best.as_ref().map(resume::unreadable_best));
        self.resumed_from = Some(path);
        Ok(())
    }

    /// What is trained.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// What is trained, to be used between two runs of the loop.
    pub fn task_mut(&mut self) -> &mut T {
        &mut self.task
    }

    /// What is not as it was at the checkpoint that the run continues from, one sentence each; [`Run::run`] records them.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What was trained.
    pub fn into_task(self) -> T {
        self.task
    }

    /// Adds a warning, which the log has at the beginning of the run.
    pub fn warn(&mut self, message: String) {
        self.warnings.push(message);
    }

    /// Finished steps: more than 0 before [`Run::run`] when a checkpoint was found.
    pub fn step(&self) -> u64 {
        self.standing.step
    }

    /// Whether a checkpoint was found.
    pub fn is_resumed(&self) -> bool {
        self.resumed_from.is_some()
    }

    /// Whether all steps are done: running would do nothing.
    pub fn is_finished(&self) -> bool {
        self.step() >= self.plan.total_steps
    }

    /// Counts the steps before this one as finished, by the program that wrote the checkpoint `path`.
    pub(crate) fn begin_at(&mut self, step: u64, path: PathBuf) {
        self.standing.step = step;
        self.continued_from = Some(path);
    }

    /// The same run, before its first step, under another plan.
    pub(crate) fn replanned(self, plan: RunPlan) -> Self {
        Self { plan, ..self }
    }

    /// Trains to the end of the plan, or to the first reason to stop.
    ///
    /// After every step, in this order: figures are recorded (every `log_every` steps, when they are read from the
    /// device), the guard judges them, the task is evaluated, a checkpoint is written, and the reasons to stop are
    /// looked at. A run that is finished already makes up for what a kill kept it from doing after its last checkpoint.
    ///
    /// # Errors
    /// The first error of task, evaluator, recorder or disk. The last checkpoint stays what it is.
    pub fn run(
        &mut self,
        evaluator: Option<&mut dyn Evaluator<T>>,
        recorders: Recorders<'_, '_>,
        stop: &StopFlag,
        max_time: Option<Duration>,
    ) -> Result<Outcome, TrainError> {
        let outcome = self.train(evaluator, recorders, stop, max_time);
        self.task.put_down();
        outcome
    }

    fn train(
        &mut self,
        mut evaluator: Option<&mut dyn Evaluator<T>>,
        recorders: Recorders<'_, '_>,
        stop: &StopFlag,
        max_time: Option<Duration>,
    ) -> Result<Outcome, TrainError> {
        let (began, first) = (Instant::now(), self.step());
        self.announce(recorders)?;
        self.make_up(recorders)?;
        if self.is_finished() {
            return self.finish(recorders, began, first);
        }
        let guard = self.plan.guard.clone().after(self.standing.guard_streaks);
        let mut readings = Readings::new(guard, self.weights(), self.step(), self.standing.losses)?;
        let decides = evaluator.as_ref().and_then(|evaluator| evaluator.decides());
        let decides = decides.filter(|_| self.plan.eval_every_steps.is_some() && self.place.keeps_best());
        let (mut warned, mut saved) = (HashSet::new(), Instant::now());

        while !self.is_finished() {
            // The step.
            let mut taken = self.task.step(self.step())?;
            for what in taken.events.drain(..) {
                self.record(recorders, what)?;
            }
            self.standing.step += 1;
            readings.push(taken);

            // Figures, and the guard's verdict on them.
            let last = self.is_finished();
            let reason = reason_to_stop(stop, began, max_time);
            let rested = saved.elapsed() >= self.place.pause;
            let due = (self.is_due(self.plan.checkpoint.every_steps) && rested)
                || last
                || self.begins_second_stage();
            let saving = due || reason.is_some();
            // An evaluation may end in a checkpoint, and that knows what the guard has counted.
            let evaluating =
                evaluator.is_some() && self.plan.eval_every_steps.is_some_and(|every| self.is_due(every));
            if self.is_due(self.plan.log_every) || saving || evaluating {
                let figures = readings.read()?;
                self.standing.guard_streaks = readings.guard_streaks();
                self.record(recorders, EventKind::Step(figures))?;
                if let Some(collapsed) = readings.collapsed {
                    return self.collapse(recorders, &readings, collapsed);
                }
                let warning = self.task.watch(&readings.last_read);
                if let Some(message) = warning.filter(|message| warned.insert(message.clone())) {
                    self.record(recorders, EventKind::Warning { message })?;
                }
                readings.keep_weights(&self.weights(), self.step())?;
            }

            // Evaluation.
            let score = match &mut evaluator {
                Some(evaluator) if evaluating => {
                    self.evaluate(&mut **evaluator, decides, recorders, &readings)?
                }
                _ => None,
            };

            // Checkpoint. One that is only there because the run was asked to stop is not measured by its loss: without the
            // stop it would not be there.
            if saving || score.is_some() {
                let loss = if due || score.is_some() { readings.take_mean_loss() } else { None };
                let measured = match decides {
                    Some(_) => score,
                    None => loss.map(|loss| self.by_loss(loss)),
                };
                self.standing.losses = readings.losses();
                self.standing.measured = measured.filter(|measured| measured.value.is_finite());
                self.save(recorders)?;
                saved = Instant::now();
            }
            readings.restart_clock();

            // Stop.
            if let (Some(reason), false) = (reason, last) {
                self.close(recorders)?;
                self.record(recorders, EventKind::Stopped { reason: reason.to_string() })?;
                return Ok(Outcome::Stopped { reason, step: self.step() });
            }
        }
        self.close(recorders)?;
        self.finish(recorders, began, first)
    }

    fn announce(&self, recorders: Recorders<'_, '_>) -> Result<(), TrainError> {
        let figures = start_figures(&self.plan, self.task.figures());
        self.record(recorders, EventKind::Start(Box::new(figures)))?;
        if let Some(path) = self.resumed_from.as_ref().or(self.continued_from.as_ref()) {
            self.record(recorders, EventKind::Resumed { path: self.place.relative(path) })?;
        }
        for message in &self.warnings {
            self.record(recorders, EventKind::Warning { message: message.clone() })?;
        }
        Ok(())
    }

    /// Does what follows a checkpoint, for the one that the run continues from: the process may have been killed before it did.
    fn make_up(&mut self, recorders: Recorders<'_, '_>) -> Result<(), TrainError> {
        let Some(path) = self.resumed_from.clone() else { return Ok(()) };
        self.settle(&path)?;
        if let Some(store) = self.place.store.as_ref().filter(|_| self.world.owns_outputs()) {
            store.retire(self.step())?;
        }
        if self.place.says_saved(self.step())? {
            return Ok(());
        }
        self.record(recorders, EventKind::Checkpoint { path: self.place.relative(&path) })
    }

    /// Runs the evaluator; returns the score that decides which checkpoint is the best, when it is among the scores.
    fn evaluate(
        &mut self,
        evaluator: &mut dyn Evaluator<T>,
        decides: Option<&'static Figure>,
        recorders: Recorders<'_, '_>,
        readings: &Readings,
    ) -> Result<Option<Measured>, TrainError> {
        let step = self.step();
        let moment = Moment { step, leader: readings.leader };
        let scores =
            evaluator.evaluate(&mut self.task, &moment).map_err(|source| evaluation_failed(step, source))?;
        let score = decides.and_then(|figure| Some(Measured::by(figure, scores.get(figure)?)));
        self.record(recorders, EventKind::Eval(scores))?;
        Ok(score)
    }

    /// Writes a checkpoint, and what follows it.
    fn save(&mut self, recorders: Recorders<'_, '_>) -> Result<(), TrainError> {
        let Some(store) = self.place.store.as_ref().filter(|_| self.world.owns_outputs()) else {
            return Ok(());
        };
        let facts = self.task.facts(&self.standing);
        let path = store.write(self.step(), &facts, &self.task.capture()?)?;
        self.settle(&path)?;
        self.record(recorders, EventKind::Checkpoint { path: self.place.relative(&path) })
    }

    /// Offers a written checkpoint as the best one, if it was measured, and keeps the one that a second stage begins with.
    fn settle(&mut self, path: &Path) -> Result<(), TrainError> {
        let begins_second_stage = self.begins_second_stage();
        let Some(store) = self.place.store.as_mut().filter(|_| self.world.owns_outputs()) else {
            return Ok(());
        };
        if let Some(measured) = self.standing.measured.as_ref().filter(|_| self.place.folder.is_some()) {
            store.offer_best(path, measured)?;
        }
        if begins_second_stage {
            store.keep_before_self_label(path)?;
        }
        Ok(())
    }

    /// The mean loss since the last checkpoint, where nothing else is measured. Losses of two stages cannot be compared.
    fn by_loss(&self, loss: f64) -> Measured {
        let metric = match self.plan.second_stage {
            Some(first) if self.step() > first => figure::SELF_LABEL_LOSS,
            _ => figure::LOSS,
        };
        Measured::by(metric, loss)
    }

    fn collapse(
        &self,
        recorders: Recorders<'_, '_>,
        readings: &Readings,
        (kind, step): (CollapseKind, u64),
    ) -> Result<Outcome, TrainError> {
        let advice = self.task.advice(kind);
        let saved = match &self.place.folder {
            Some(folder) if self.world.owns_outputs() => {
                let (last_read, indices) = readings.until(step);
                let saved = SavedStep {
                    kind: kind.name(),
                    advice: &advice,
                    step,
                    weights_before_step: readings.weights_step,
                    seed: self.plan.seed,
                    epoch: step / self.plan.steps_per_epoch,
                    indices,
                    logits: readings.logit_statistics()?,
                    readings: last_read,
                };
                guard::save(folder, &saved, &readings.weights()?)?;
                Some(folder.join(files::COLLAPSE))
            }
            _ => None,
        };
        let (kind_name, place) = (kind.name().into(), files::COLLAPSE.into());
        self.record(
            recorders,
            EventKind::Collapse { kind: kind_name, advice: advice.clone(), saved: place },
        )?;
        Ok(Outcome::Collapsed { kind, step, advice, saved })
    }

    fn close(&self, recorders: Recorders<'_, '_>) -> Result<(), TrainError> {
        self.task.closing().map_or(Ok(()), |message| self.record(recorders, EventKind::Warning { message }))
    }

    fn finish(
        &self,
        recorders: Recorders<'_, '_>,
        began: Instant,
        first: u64,
    ) -> Result<Outcome, TrainError> {
        self.record(recorders, EventKind::Done { seconds: began.elapsed().as_secs_f64() })?;
        Ok(Outcome::Finished { steps: self.step() - first })
    }

    /// The weights that a collapse is saved with; none without a place for them.
    fn weights(&self) -> Vec<(String, Tensor)> {
        if self.place.folder.is_some() { self.task.weights() } else { Vec::new() }
    }

    /// Whether the next step is the first of the second stage.
    fn begins_second_stage(&self) -> bool {
        self.plan.second_stage == Some(self.step())
    }

    fn is_due(&self, every: u64) -> bool {
        self.step().is_multiple_of(every)
    }

    fn record(&self, recorders: Recorders<'_, '_>, kind: EventKind) -> Result<(), TrainError> {
        if !self.world.owns_outputs() {
            return Ok(());
        }
        let step = self.step();
        let event = Event { step, epoch: self.plan.epoch_of(step), kind };
        Ok(recorders.iter_mut().try_for_each(|recorder| recorder.record(&event))?)
    }
}

fn reason_to_stop(stop: &StopFlag, began: Instant, max_time: Option<Duration>) -> Option<StopReason> {
    let out_of_time = max_time.is_some_and(|limit| began.elapsed() >= limit);
    stop.signal().map(StopReason::Signal).or(out_of_time.then_some(StopReason::MaxTime))
}

#[cfg(test)]
mod tests;
