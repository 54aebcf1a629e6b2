//! A run of heads on frozen features.

use std::path::Path;
use std::time::{Duration, Instant};

use torch_ext::{DeviceRequest, Machine};
use twist_eval::{
    ChosenHead, Evaluated, RunFigures, guides, head_evaluation, head_scores, is_evaluated, neighbourhood,
    with_head,
};
use twist_io::Refused;
use twist_model::{Model, export};
use twist_report::FEW_UPDATES;
use twist_run::{Figures, Recorder, RunFolder, Sources, files};
use twist_train::frozen::{FeatureFacts, HeadPlan, HeadRecipe, Heads};
use twist_train::run::Run;
use twist_train::{EvalError, Moment, Outcome, Pace, RunPlan, StopFlag};

use super::{Begun, Job, Ready, tell_names, tell_results, write_report};
use crate::estimate::{self, Estimate, TimeAsked};
use crate::head_source::{HeadSource, Tables};
use crate::progress::{self, Counting};
use crate::sources;
use crate::talk::Talk;

/// Makes the recipe of a run with so many epochs.
pub(crate) type RecipeOfEpochs<'a> = dyn Fn(u64, &Talk) -> anyhow::Result<HeadRecipe> + 'a;

/// Everything that is decided before anything is written.
pub(crate) struct HeadJob<'a> {
    pub(crate) recipe: HeadRecipe,
    /// Made as if every image could be read.
    pub(crate) plan: HeadPlan,
    pub(crate) source: HeadSource,
    pub(crate) sources: Sources,
    pub(crate) time: TimeAsked,
    /// The recipe for another number of epochs.
    pub(crate) make: Box<RecipeOfEpochs<'a>>,
    /// The time that the number of epochs was chosen for.
    pub(crate) fitted_to: Option<Duration>,
    pub(crate) strict: bool,
}

/// Heads that are ready for their next step.
pub(crate) struct BegunHeads {
    run: Run<Heads>,
    max_time: Option<Duration>,
    tables: Tables,
    source: HeadSource,
    recipe_name: String,
}

impl Job for HeadJob<'_> {
    type Begun = BegunHeads;

    fn begin(mut self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<Option<Ready<BegunHeads>>> {
        if folder.resume() && self.is_finished(folder, talk)? {
            return Ok(None);
        }
        self.keeps_splits(folder)?;
        let (tables, facts) = self.source.tables(self.strict, talk)?;
        let plan = HeadPlan::new(&self.recipe.config, &facts, &self.plan.run.machine)?;
        let mut run = self.run(plan, &tables, folder, talk)?;
        if super::begins(folder) && self.time.wants_to_know(talk) {
            run = self.timed(run, (&tables, &facts), folder, talk)?;
        }
        folder.describe(&self.recipe.text, run.task().plan())?.iter().for_each(|aside| talk.say(aside));
        sources::write(&self.sources, folder.path())?;
        talk.say(format!("run folder {}", folder.path().display()));
        warn_of_few_steps(run.task().plan(), talk);
        let Self { source, sources, time, fitted_to, .. } = self;
        let (max_time, recipe_name) = (time.limit, sources.recipe);
        let begun = BegunHeads { run, max_time, tables, source, recipe_name };
        Ok(Some(Ready { begun, fitted_to, told: Vec::new() }))
    }
}

impl HeadJob<'_> {
    /// Whether nothing is left to train and evaluate, found out without making the features.
    fn is_finished(&self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<bool> {
        let (path, (steps, changed)) = (folder.path(), self.plan.standing_in(folder)?);
        let trained = steps >= self.plan.run.total_steps && folder.says_done(steps)?;
        if let (true, Some(changed)) = (trained, changed) {
            talk.warn(changed);
        }
        Ok(trained && path.join(files::MODEL).is_file() && is_evaluated(path, steps))
    }

    /// Refuses to train further where classes were split: a split divides the class of the head that there was.
    fn keeps_splits(&self, folder: &RunFolder) -> anyhow::Result<()> {
        let trains =
            || Ok::<bool, anyhow::Error>(self.plan.standing_in(folder)?.0 < self.plan.run.total_steps);
        if folder.resume() && split_model(folder.path())?.is_some() && trains()? {
            let run = folder.path().display();
            let what = format!("{run} cannot be trained further");
            let why = "classes of it were split, and training changes what the classes are";
            let remedy = "undo the splits with `twist clusters RUN unsplit CLASS`, or train another run with another --out";
            return Err(Refused::new(what).because(why).remedy(remedy).into());
        }
        Ok(())
    }

    /// Says how long the run takes, and shortens it to `--max-time` where nobody said how many epochs it has.
    fn timed(
        &mut self,
        run: Run<Heads>,
        (tables, facts): (&Tables, &FeatureFacts),
        folder: &RunFolder,
        talk: &Talk,
    ) -> anyhow::Result<Run<Heads>> {
        let busy = estimate::measuring(talk);
        let evaluate = |task: &mut Heads| {
            let clock = Instant::now();
            scores(task, tables, 0)?;
            Ok(Pace::constant(clock.elapsed().as_secs_f64()))
        };
        let costs = run.stand_in()?.rehearse(self.time.patience(), Some(folder.path()), evaluate)?;
        drop(busy);
        let numbers = &run.task().plan().run;
        let make = |epochs: u64, talk: &Talk| {
            let recipe = (self.make)(epochs, talk)?;
            let plan = HeadPlan::new(&recipe.config, facts, &numbers.machine)?;
            Ok((plan.run.work(), (recipe, plan)))
        };
        let estimate = Estimate { costs, work: numbers.work(), fixed: 0 };
        let Some((recipe, plan)) = estimate.tell(self.time, talk, make)? else { return Ok(run) };
        (self.recipe, self.fitted_to) = (recipe, self.time.limit);
        Ok(run.of_plan(plan))
    }

    fn run(
        &self,
        plan: HeadPlan,
        tables: &Tables,
        folder: &RunFolder,
        talk: &Talk,
    ) -> anyhow::Result<Run<Heads>> {
        let (pairs, device) = (plan.config.pairs, plan.run.machine.device);
        let rows = &tables.train.features.rows;
        let mut counting = Counting::new(talk, "neighbours");
        let mut progress = |done, all| counting.at(done, all);
        let neighbours = neighbourhood(rows, plan.neighbours, pairs.mutual, device, &mut progress)?;
        drop(counting);
        let mut counting = Counting::new(talk, "guides");
        let guides = guides(rows, &plan, &mut |done, all| counting.at(done, all))?;
        drop(counting);
        let name = self.sources.recipe.clone();
        Ok(Run::of_heads(plan, rows.shallow_clone(), neighbours, &guides, Some(folder), name)?)
    }
}

impl Begun for BegunHeads {
    const EVALUATED_EARLY: bool = true;

    fn plan(&self) -> &RunPlan {
        &self.run.task().plan().run
    }

    fn step(&self) -> u64 {
        self.run.step()
    }

    fn train(&mut self, recorders: &mut [Box<dyn Recorder>], stop: &StopFlag) -> anyhow::Result<Outcome> {
        let Self { run, tables, max_time, .. } = self;
        let mut evaluate = |task: &mut Heads, moment: &Moment| scores(task, tables, moment.leader);
        Ok(run.run(Some(&mut evaluate), recorders, stop, *max_time)?)
    }

    /// The head with the lowest loss becomes the run's model; figures and report.
    fn finish(mut self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<()> {
        let losses = self.run.task_mut().losses()?;
        let number = Heads::best(&losses);
        if let [_, _, ..] = losses.as_slice() {
            let each = losses.iter().enumerate().map(|(head, loss)| match head == number {
                true => format!("[{loss:.4}]"),
                false => format!("{loss:.4}"),
            });
            let each: Vec<String> = each.collect();
            talk.say(format!(
                "losses of the heads: {}; the one in brackets is the lowest, and its head is kept",
                each.join("  ")
            ));
        }
        let chosen = ChosenHead { number, losses };
        let (heads, step) = (self.run.task(), self.run.step());
        let (plan, head) = (heads.plan(), heads.head_state(number)?);
        let device = plan.run.machine.device;
        let model = with_head(self.source.backbone(), plan, head, &self.recipe_name, device)?;
        let model = with_splits(model, folder)?;
        export(&model, &folder.path().join(files::MODEL))?;
        let run = RunFigures::of(folder.path(), step, device)?;
        let both = (&self.tables.train, self.tables.held_out.as_ref());
        let watch = progress::watch(talk, &plan.run.machine);
        let Evaluated { metrics, names } =
            head_evaluation(&model, plan, &chosen, both, folder.path(), run, &watch)?;
        drop(watch);
        tell_names(names.as_ref(), folder.path(), talk);
        tell_results(&metrics, &write_report(folder.path(), talk)?)
    }
}

/// The model of the run in `folder`, where classes of it were split.
fn split_model(folder: &Path) -> anyhow::Result<Option<Model>> {
    let file = folder.join(files::MODEL);
    if !file.is_file() {
        return Ok(None);
    }
    let model = Model::load(&file, Machine::detect(DeviceRequest::Cpu, None)?.device).map_err(|error| {
        let what = format!("{} cannot be read, and classes of it may have been split", file.display());
        let remedy = "move it away, and --resume writes it again, without splits";
        Refused::new(what).caused_by(error).remedy(remedy)
    })?;
    let is_split = model.card.head.as_ref().is_some_and(|head| !head.splits.is_empty());
    Ok(is_split.then_some(model))
}

/// The same model with the splits that the run in `folder` has: a run that is only evaluated again keeps them.
fn with_splits(model: Model, folder: &RunFolder) -> anyhow::Result<Model> {
    let known = if folder.resume() { split_model(folder.path())? } else { None };
    let Some(known) = known else { return Ok(model) };
    let split = model.with_splits_of(&known)?;
    Ok(split.ok_or_else(|| {
        let what = format!("{} cannot be evaluated again", folder.path().display());
        let why = "classes of it were split, and the head that is kept now is another one";
        Refused::new(what).because(why).remedy("undo the splits first: `twist clusters RUN unsplit CLASS`")
    })?)
}

/// The figures of one of the heads that are trained.
fn scores(task: &Heads, tables: &Tables, head: usize) -> Result<Figures, EvalError> {
    let table = tables.held_out.as_ref().unwrap_or(&tables.train);
    let plan = task.plan();
    let (unit_length, device) = (plan.config.features.unit_length, plan.run.machine.device);
    Ok(head_scores(task.head(head), table, unit_length, device)?)
}

/// A head needs some hundred updates, whatever the number of rows.
fn warn_of_few_steps(plan: &HeadPlan, talk: &Talk) {
    let steps = plan.run.total_steps;
    if steps < FEW_UPDATES {
        talk.warn(format!(
            "only {steps} steps in {} epochs of {} rows: a head needs about {FEW_UPDATES}; use more --epochs or a smaller --batch-size",
            plan.run.epochs,
            plan.features.rows
        ));
    }
}
