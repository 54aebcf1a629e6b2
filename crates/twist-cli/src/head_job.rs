//! A run of heads on frozen features, from its folder to its report.

use std::path::PathBuf;

use twist_eval::{ChosenHead, guides, head_evaluation, head_scores, is_evaluated, neighbourhood, with_head};
use twist_model::export;
use twist_run::{OnExisting, Recorder, RunFolder, files};
use twist_train::frozen::{FeatureFacts, HeadOptions, HeadPlan, HeadRecipe, HeadTrainer};
use twist_train::{Outcome, StopFlag};

use crate::estimate::{self, Estimate, TimeAsked};
use crate::exit::Exit;
use crate::head_source::{HeadSource, Tables};
use crate::job::{already_finished, early_exit, tell_results, write_report};
use crate::progress::{self, Counting, Progress};
use crate::sources::Sources;
use crate::talk::Talk;
use crate::{signals, timing};

/// Everything that is decided before anything is written.
pub(crate) struct HeadJob<'a> {
    pub(crate) recipe: HeadRecipe,
    /// Made as if every image could be read.
    pub(crate) plan: HeadPlan,
    pub(crate) source: HeadSource,
    pub(crate) sources: Sources,
    pub(crate) folder: PathBuf,
    pub(crate) on_existing: OnExisting,
    pub(crate) time: TimeAsked,
    /// The recipe for another number of epochs.
    pub(crate) make: Box<dyn Fn(u64) -> anyhow::Result<HeadRecipe> + 'a>,
    pub(crate) strict: bool,
}

impl HeadJob<'_> {
    /// Trains to the end (or to the first reason to stop), keeps the head with the least loss, evaluates, and writes the
    /// report. A run that was finished and evaluated before is left alone. A signal leaves the rest to the process that
    /// resumes.
    pub(crate) fn run(mut self, talk: &Talk) -> anyhow::Result<Exit> {
        let folder = RunFolder::open(&self.folder, self.on_existing)?;
        folder.warnings().iter().for_each(|sentence| talk.warn(sentence));
        if folder.resume() && self.is_finished(&folder, talk)? {
            return already_finished(folder.path(), talk);
        }
        let (tables, facts) = self.source.tables(self.strict, talk)?;
        let plan = HeadPlan::new(self.recipe.config(), &facts, self.plan.machine())?;
        let mut trainer = self.trainer(plan, &tables, &folder, talk)?;
        if estimate::begins(&self.folder, self.on_existing) && self.time.wants_to_know(talk) {
            trainer = self.timed(trainer, &facts, talk)?;
        }
        folder.describe(self.recipe.text(), trainer.plan())?.iter().for_each(|aside| talk.say(aside));
        self.sources.write(folder.path())?;
        talk.say(format!("run folder {}", folder.path().display()));
        warn_of_few_steps(trainer.plan(), talk);

        let outcome = train(&mut trainer, &tables, &folder, talk)?;
        let (total, again) = (trainer.plan().total_steps(), "twist train --resume --out");
        if let Some(exit) = early_exit(outcome, total, again, &self.folder, talk)? {
            return Ok(exit);
        }
        self.finish(&mut trainer, &tables, &folder, talk)
    }

    /// Whether nothing is left to train and evaluate, found out without making the features.
    fn is_finished(&self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<bool> {
        let (path, (steps, changed)) = (folder.path(), HeadTrainer::state_of(folder, &self.plan)?);
        let trained = steps >= self.plan.total_steps() && folder.says_done(steps)?;
        if let (true, Some(changed)) = (trained, changed) {
            talk.warn(changed);
        }
        Ok(trained && path.join(files::MODEL).is_file() && is_evaluated(path, steps))
    }

    /// Says how long the run takes, and shortens it to `--max-time` where nobody said how many epochs it has.
    fn timed(
        &mut self,
        mut trainer: HeadTrainer,
        facts: &FeatureFacts,
        talk: &Talk,
    ) -> anyhow::Result<HeadTrainer> {
        let pace = trainer.seconds_per_step()?;
        let plan = trainer.plan();
        let estimate = Estimate { pace, per_epoch: plan.steps_per_epoch(), epochs: plan.epochs(), fixed: 0 };
        let Some(epochs) = estimate.tell(self.time, talk) else { return Ok(trainer) };
        self.recipe = (self.make)(epochs)?;
        let plan = HeadPlan::new(self.recipe.config(), facts, plan.machine())?;
        Ok(trainer.replanned(plan))
    }

    fn trainer(
        &self,
        plan: HeadPlan,
        tables: &Tables,
        folder: &RunFolder,
        talk: &Talk,
    ) -> anyhow::Result<HeadTrainer> {
        let (pairs, device) = (plan.config().pairs, plan.machine().device);
        let rows = &tables.train.features.rows;
        let mut counting = Counting::new(talk, "neighbours");
        let mut progress = |done, all| counting.at(done, all);
        let neighbours = neighbourhood(rows, plan.neighbours(), pairs.mutual, device, &mut progress)?;
        drop(counting);
        let mut counting = Counting::new(talk, "k-means that lead");
        let guides = guides(rows, &plan, &mut |done, all| counting.at(done, all))?;
        drop(counting);
        let options = HeadOptions { recipe_name: self.sources.recipe.clone(), max_time: self.time.limit };
        Ok(HeadTrainer::new(plan, rows.shallow_clone(), neighbours, &guides, folder, options)?)
    }

    /// The head with the least loss becomes the run's model; figures and report.
    fn finish(
        &self,
        trainer: &mut HeadTrainer,
        tables: &Tables,
        folder: &RunFolder,
        talk: &Talk,
    ) -> anyhow::Result<Exit> {
        talk.say("evaluating");
        let losses = trainer.losses()?;
        let number = HeadTrainer::best(&losses);
        if let [_, _, ..] = losses.as_slice() {
            let each: Vec<String> = losses.iter().map(|loss| format!("{loss:.4}")).collect();
            talk.say(format!("head {number} has the least loss and is kept: {}", each.join("  ")));
        }
        let chosen = ChosenHead { number, losses };
        let (plan, device) = (trainer.plan(), trainer.plan().machine().device);
        let head = trainer.head_state(number)?;
        let model = with_head(self.source.backbone(), plan, head, &self.sources.recipe, device)?;
        export(&model, &folder.path().join(files::MODEL))?;
        let run = timing::of_run(folder.path(), trainer.step(), plan.machine());
        let both = (&tables.train, tables.held_out.as_ref());
        let watch = progress::watch(talk, plan.machine());
        let metrics = head_evaluation(&model, plan, &chosen, both, folder.path(), run, &watch)?;
        drop(watch);
        let report = write_report(folder.path(), talk)?;
        tell_results(&metrics, &report)?;
        Ok(Exit::Done)
    }
}

/// A head needs some hundred updates, whatever the number of rows.
fn warn_of_few_steps(plan: &HeadPlan, talk: &Talk) {
    const ENOUGH: u64 = 200;
    let steps = plan.total_steps();
    if steps < ENOUGH {
        talk.warn(format!(
            "only {steps} steps in {} epochs of {} rows: a head needs about {ENOUGH}; use more --epochs or a smaller --batch-size",
            plan.epochs(),
            plan.features().rows
        ));
    }
}

fn train(
    trainer: &mut HeadTrainer,
    tables: &Tables,
    folder: &RunFolder,
    talk: &Talk,
) -> anyhow::Result<Outcome> {
    if trainer.is_finished() && folder.says_done(trainer.step())? {
        return Ok(Outcome::Finished { steps: 0 }); // only the evaluation is missing
    }
    let stop = StopFlag::new();
    let _signals = signals::handle(&stop, talk)?;
    let mut recorders: Vec<Box<dyn Recorder>> = folder.recorders()?;
    recorders.push(Box::new(Progress::new(talk)));
    let table = tables.held_out.as_ref().unwrap_or(&tables.train);
    let (unit_length, device) =
        (trainer.plan().config().features.unit_length, trainer.plan().machine().device);
    let mut evaluate = |head: &_| Ok(head_scores(head, table, unit_length, device)?);
    Ok(trainer.run(Some(&mut evaluate), &mut recorders, &stop)?)
}
