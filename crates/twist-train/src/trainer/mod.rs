//! The loop around the step: batches in, events out, and every reason to stop.

mod feed;
mod measure;
mod progress;
mod vague;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use twist_data::Dataset;
use twist_io::LoadReport;
use twist_nn::TwistNet;
use twist_run::{Event, Recorder, RunFolder, What, files, says_saved};

use self::feed::Feed;
pub use self::measure::seconds_per_step;
use self::progress::Progress;
use crate::checkpoint::{CheckpointFacts, CheckpointStore, Measured, capture, restore};
use crate::evaluator::{EvalContext, Evaluator};
use crate::guard::{self, CollapseKind, Guard, SavedStep, Streaks};
use crate::init::init_from;
use crate::normalize::DeviceNormalize;
use crate::outcome::{Outcome, StopReason};
use crate::start::start_figures;
use crate::step::{TrainState, train_step};
use crate::stop::StopFlag;
use crate::{TrainError, TrainPlan, memory, resume};

/// Odd images that are named one by one; of more, the number is told at the end.
const ODD_NAMED: usize = 3;

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
    plan: TrainPlan,
    options: TrainOptions,
    dataset: Arc<dyn Dataset>,
    run: PathBuf,
    store: CheckpointStore,
    state: TrainState,
    /// Finished steps.
    step: u64,
    /// What the guard has counted up to the last reading.
    guard_streaks: Streaks,
    /// Sum and number of the losses that no checkpoint was measured by yet.
    losses: (f64, u64),
    /// What the checkpoint that the run goes on from was measured by.
    measured: Option<Measured>,
    resumed_from: Option<PathBuf>,
    notes: Vec<String>,
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
        let state = TrainState::new(&plan).map_err(|error| memory::explain(error, &plan))?;
        let store = CheckpointStore::new(folder.checkpoints(), plan.checkpoint().keep);
        let run = folder.path().to_path_buf();
        let mut trainer = Self {
            plan,
            options,
            dataset,
            run,
            store,
            state,
            step: 0,
            guard_streaks: Streaks::default(),
            losses: (0.0, 0),
            measured: None,
            resumed_from: None,
            notes: Vec::new(),
            init_report: None,
        };
        let loaded = if folder.resume() { trainer.store.newest_good()? } else { None };
        if let Some(loaded) = loaded {
            resume::check(&loaded, &trainer.plan)?;
            trainer.notes = resume::warnings(&loaded, &trainer.plan);
            trainer.notes.extend(trainer.store.recall_best().as_ref().map(resume::unreadable_best));
            trainer.step = loaded.facts.step;
            (trainer.losses, trainer.measured) = (loaded.facts.losses, loaded.facts.measured);
            // Whoever changes the recipe of a run that went wrong gets the whole of the guard's patience.
            if resume::changes(&loaded.facts.recipe, trainer.plan.config()).is_empty() {
                trainer.guard_streaks = loaded.facts.guard_streaks;
            }
            restore(&mut trainer.state, &loaded.path, loaded.state)?;
            trainer.resumed_from = Some(loaded.path);
        } else if let Some(weights) = &trainer.options.init {
            trainer.init_report = Some(init_from(&trainer.state.net, weights)?);
            trainer.state.teach_again(&trainer.plan)?;
        }
        Ok(trainer)
    }

    /// The plan.
    pub fn plan(&self) -> &TrainPlan {
        &self.plan
    }

    /// The network as it is now.
    pub fn net(&self) -> &TwistNet {
        &self.state.net
    }

    /// Finished steps: more than 0 before [`Trainer::run`] when a checkpoint was found.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whether all steps are done: running would do nothing.
    pub fn is_finished(&self) -> bool {
        self.step >= self.plan.total_steps()
    }

    /// What is not as it was at the checkpoint that the run goes on from, one sentence each; [`Trainer::run`] records them.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What `--init` applied, when it was used.
    pub fn init_report(&self) -> Option<&LoadReport> {
        self.init_report.as_ref()
    }

    /// Trains to the end of the plan, or to the first reason to stop.
    ///
    /// After every step, in this order: figures are recorded (every `log_every` steps, when they are read from the
    /// device), the guard judges them, the network is evaluated, a checkpoint is written, and the reasons to stop are
    /// looked at. A run that is finished already makes up for what a kill kept it from doing after its last checkpoint.
    ///
    /// # Errors
    /// The first error of data, network, evaluator, recorder or disk; out of memory comes with advice. The last
    /// checkpoint stays what it is.
    pub fn run(
        &mut self,
        mut evaluator: Option<&mut dyn Evaluator>,
        recorders: &mut [Box<dyn Recorder + '_>],
        stop: &StopFlag,
    ) -> Result<Outcome, TrainError> {
        let (began, first) = (Instant::now(), self.step);
        self.announce(recorders)?;
        self.make_up(recorders)?;
        if self.is_finished() {
            return self.finish(recorders, began, first);
        }
        let config = self.plan.config();
        let (data, device) = (config.data, self.plan.machine().device);
        let normalize = DeviceNormalize::new(data.mean, data.std, self.plan.channels_last(), device)?;
        let temperature = config.loss.temperature;
        let clusters = self.plan.net().head.dim;
        let guard = Guard::new(self.plan.guard(), clusters, self.plan.batch_size(), temperature)
            .after(self.guard_streaks);
        let mut feed = Feed::start(&self.plan, Arc::clone(&self.dataset), self.step, self.options.strict)?;
        let mut progress = Progress::new(guard, &self.state, self.step, self.losses)?;
        let by_knn = evaluator.as_ref().is_some_and(|evaluator| evaluator.measures_knn())
            && self.plan.eval().every_steps.is_some();
        let (mut warned, mut odd) = (HashSet::new(), HashSet::new());

        while self.step < self.plan.total_steps() {
            if feed.is_over(self.step) {
                feed.restart(&self.plan, self.step)?;
            }

            // The step.
            let batch = feed.next(self.step, device)?;
            for (path, reason) in &batch.skipped {
                self.record(recorders, What::SkippedImage { path: path.clone(), reason: reason.clone() })?;
            }
            for (path, what) in batch.odd {
                odd.insert(path.clone());
                if odd.len() <= ODD_NAMED {
                    self.record(recorders, What::Warning { message: format!("{path}: {what}") })?;
                }
            }
            let metrics = train_step(&mut self.state, &self.plan, &normalize, self.step, &batch.pixels)
                .map_err(|error| memory::explain(error, &self.plan))?;
            self.step += 1;
            progress.push(metrics, batch.indices);

            // Figures, and the guard's verdict on them.
            let last = self.step == self.plan.total_steps();
            let reason = self.reason_to_stop(stop, began);
            let due = self.is_due(self.plan.checkpoint().every_steps) || last || self.begins_self_label();
            let saving = due || reason.is_some();
            // An evaluation ends in a checkpoint, and that knows what the guard has counted.
            let evaluating =
                evaluator.is_some() && self.plan.eval().every_steps.is_some_and(|every| self.is_due(every));
            if self.is_due(self.plan.log_every()) || saving || evaluating {
                let figures = progress.read(self.plan.batch_size())?;
                self.guard_streaks = progress.guard_streaks();
                self.record(recorders, What::Step(figures))?;
                if let Some((kind, step)) = progress.collapsed() {
                    return self.collapse(recorders, &progress, kind, step);
                }
                let warning = vague::warning(&self.plan, progress.readings());
                if let Some(message) = warning.filter(|message| warned.insert(message.clone())) {
                    self.record(recorders, What::Warning { message })?;
                }
                progress.keep_weights(&self.state, self.step)?;
            }

            // Evaluation.
            let score = self.evaluate(&mut evaluator, recorders, &progress)?;

            // Checkpoint. One that is only there because the run was asked to stop is not measured by its loss: without the
            // stop it would not be there.
            if saving || score.is_some() {
                let loss = if due || score.is_some() { progress.take_mean_loss() } else { None };
                let measured = if by_knn { score.map(knn) } else { loss.map(|loss| self.by_loss(loss)) };
                self.losses = progress.losses();
                self.save(recorders, measured.filter(|measured| measured.value.is_finite()))?;
            }
            progress.restart_clock();

            // Stop.
            if let (Some(reason), false) = (reason, last) {
                self.count_odd(recorders, odd.len())?;
                self.record(recorders, What::Stopped { reason: reason.to_string() })?;
                return Ok(Outcome::Stopped { reason, step: self.step });
            }
        }
        self.count_odd(recorders, odd.len())?;
        self.finish(recorders, began, first)
    }

    /// Says how many odd images were met, where not all were named.
    fn count_odd(&self, recorders: &mut [Box<dyn Recorder + '_>], odd: usize) -> Result<(), TrainError> {
        if odd <= ODD_NAMED {
            return Ok(());
        }
        let message = format!(
            "{odd} images were read although something is odd about them: `twist data verify` lists them all"
        );
        self.record(recorders, What::Warning { message })
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

    fn announce(&self, recorders: &mut [Box<dyn Recorder + '_>]) -> Result<(), TrainError> {
        self.record(
            recorders,
            What::Start(Box::new(start_figures(&self.plan, &self.options.recipe_name, &self.state))),
        )?;
        if let Some(path) = &self.resumed_from {
            self.record(recorders, What::Resumed { path: self.relative(path) })?;
        }
        for message in &self.notes {
            self.record(recorders, What::Warning { message: message.clone() })?;
        }
        Ok(())
    }

    /// Does what follows a checkpoint, for the one that the run goes on from: the process may have been killed before it did.
    fn make_up(&mut self, recorders: &mut [Box<dyn Recorder + '_>]) -> Result<(), TrainError> {
        let Some(path) = self.resumed_from.clone() else { return Ok(()) };
        if let Some(measured) = &self.measured {
            self.store.offer_best(&path, measured)?;
        }
        if self.begins_self_label() {
            self.store.keep_before_self_label(&path)?;
        }
        self.store.retire(self.step)?;
        if says_saved(&self.run, self.step)? {
            return Ok(());
        }
        self.record(recorders, What::Checkpoint { path: self.relative(&path) })
    }

    /// Runs the evaluator when it is due; returns `knn_top1` when it is among the scores.
    fn evaluate(
        &self,
        evaluator: &mut Option<&mut dyn Evaluator>,
        recorders: &mut [Box<dyn Recorder + '_>],
        progress: &Progress,
    ) -> Result<Option<f64>, TrainError> {
        let (Some(evaluator), Some(every)) = (evaluator, self.plan.eval().every_steps) else {
            return Ok(None);
        };
        if !self.is_due(every) {
            return Ok(None);
        }
        let epoch = self.plan.epoch_of(self.step);
        let context = EvalContext { plan: &self.plan, step: self.step, epoch, last: progress.last() };
        let scores = evaluator
            .evaluate(&self.state.net, &context)
            .map_err(|source| TrainError::Evaluation { step: self.step, source })?;
        let fields = scores.iter().map(|(name, value)| (name.clone(), (*value).into())).collect();
        self.record(recorders, What::Eval(fields))?;
        Ok(scores.iter().find(|(name, _)| name == "knn_top1").map(|(_, value)| *value))
    }

    /// Writes a checkpoint and offers it as the best one, if it was measured.
    fn save(
        &mut self,
        recorders: &mut [Box<dyn Recorder + '_>],
        measured: Option<Measured>,
    ) -> Result<(), TrainError> {
        let facts = CheckpointFacts::of(&self.plan, &self.options.recipe_name, self.step, self.guard_streaks);
        let facts = CheckpointFacts { measured, losses: self.losses, ..facts };
        let path = self.store.save(&facts, &capture(&self.state)?)?;
        if let Some(measured) = &facts.measured {
            self.store.offer_best(&path, measured)?;
        }
        if self.begins_self_label() {
            self.store.keep_before_self_label(&path)?;
        }
        self.record(recorders, What::Checkpoint { path: self.relative(&path) })
    }

    /// The mean loss since the last checkpoint, where nothing else is measured. Losses of two stages cannot be compared.
    fn by_loss(&self, loss: f64) -> Measured {
        let metric = match self.plan.self_label() {
            Some(stage) if self.step > stage.first_step => "self_label_loss",
            _ => "loss",
        };
        Measured { metric: metric.into(), value: loss, higher: false }
    }

    fn collapse(
        &self,
        recorders: &mut [Box<dyn Recorder + '_>],
        progress: &Progress,
        kind: CollapseKind,
        step: u64,
    ) -> Result<Outcome, TrainError> {
        let (readings, indices) = progress.until(step);
        let saved = SavedStep {
            kind: kind.name(),
            advice: kind.advice(),
            step,
            weights_before_step: progress.weights_step(),
            seed: self.plan.seed(),
            epoch: step / self.plan.steps_per_epoch(),
            indices,
            logits: progress.logit_statistics()?,
            readings,
        };
        guard::save(&self.run, &saved, &progress.weights(&self.state)?)?;
        let (kind_name, advice) = (kind.name().into(), kind.advice().into());
        self.record(recorders, What::Collapse { kind: kind_name, advice, saved: files::COLLAPSE.into() })?;
        Ok(Outcome::Collapsed { kind, step, saved: self.run.join(files::COLLAPSE) })
    }

    fn reason_to_stop(&self, stop: &StopFlag, began: Instant) -> Option<StopReason> {
        let out_of_time = self.options.max_time.is_some_and(|limit| began.elapsed() >= limit);
        stop.signal().map(StopReason::Signal).or(out_of_time.then_some(StopReason::MaxTime))
    }

    /// Whether the next step is the first of self-labelling.
    fn begins_self_label(&self) -> bool {
        self.plan.self_label().is_some_and(|stage| self.step == stage.first_step)
    }

    fn is_due(&self, every: u64) -> bool {
        self.step.is_multiple_of(every)
    }

    fn relative(&self, path: &std::path::Path) -> String {
        path.strip_prefix(&self.run).unwrap_or(path).display().to_string()
    }

    fn record(&self, recorders: &mut [Box<dyn Recorder + '_>], what: What) -> Result<(), TrainError> {
        let event = Event { step: self.step, epoch: self.plan.epoch_of(self.step), what };
        Ok(recorders.iter_mut().try_for_each(|recorder| recorder.record(&event))?)
    }
}

fn knn(score: f64) -> Measured {
    Measured { metric: "knn_top1".into(), value: score, higher: true }
}
