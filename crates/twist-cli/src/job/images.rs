//! A run of a network on images.

use std::time::Duration;

use twist_eval::{EvalData, Evaluated, OnlineEvaluator, RunFigures, final_evaluation, is_evaluated};
use twist_run::{Recorder, RunFolder, Sources};
use twist_train::run::Run;
use twist_train::{
    Beginning, Outcome, Pretraining, Recipe, RunPlan, StopFlag, TrainImages, TrainOptions, TrainPlan,
};

use super::{Begun, Job, Ready, tell_names, tell_results, write_report};
use crate::progress;
use crate::sources;
use crate::talk::Talk;

/// Everything that is decided before anything is written.
pub(crate) struct ImageJob {
    pub(crate) recipe: Recipe,
    pub(crate) plan: TrainPlan,
    pub(crate) sources: Sources,
    pub(crate) data: EvalData,
    /// The training images of `data`.
    pub(crate) images: TrainImages,
    pub(crate) max_time: Option<Duration>,
    /// The time that the number of epochs was chosen for.
    pub(crate) fitted_to: Option<Duration>,
    pub(crate) strict: bool,
    pub(crate) beginning: Beginning,
}

/// A network that is ready for its next step.
pub(crate) struct BegunImages {
    run: Run<Pretraining>,
    max_time: Option<Duration>,
    data: EvalData,
}

impl Job for ImageJob {
    type Begun = BegunImages;

    fn begin(self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<Option<Ready<BegunImages>>> {
        let Self { recipe, plan, sources, data, images, max_time, fitted_to, strict, beginning } = self;
        let options = TrainOptions { recipe_name: sources.recipe.clone(), strict, beginning };
        let run = Run::of_network(plan, images, folder, options)?;
        run.task().init_report().into_iter().for_each(|report| talk.say(report.to_string()));
        let step = run.step();
        if run.is_finished() && folder.says_done(step)? {
            // Nothing is trained that would record them.
            run.warnings().iter().for_each(|note| talk.warn(note));
            if is_evaluated(folder.path(), step) {
                return Ok(None);
            }
        }
        folder.describe(&recipe.text, run.task().plan())?.iter().for_each(|aside| talk.say(aside));
        sources::write(&sources, folder.path())?;
        talk.say(format!("run folder {}", folder.path().display()));
        Ok(Some(Ready { begun: BegunImages { run, max_time, data }, fitted_to, told: Vec::new() }))
    }
}

impl Begun for BegunImages {
    const EVALUATED_EARLY: bool = true;

    fn plan(&self) -> &RunPlan {
        &self.run.task().plan().run
    }

    fn step(&self) -> u64 {
        self.run.step()
    }

    fn train(&mut self, recorders: &mut [Box<dyn Recorder>], stop: &StopFlag) -> anyhow::Result<Outcome> {
        let mut evaluator = OnlineEvaluator::new(self.data.clone());
        Ok(self.run.run(Some(&mut evaluator), recorders, stop, self.max_time)?)
    }

    fn finish(self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<()> {
        let (task, step) = (self.run.task(), self.run.step());
        let plan = task.plan();
        let watch = progress::watch(talk, &plan.run.machine);
        let run = RunFigures::of(folder.path(), step, plan.run.machine.device)?;
        let Evaluated { metrics, names } =
            final_evaluation(task.net(), plan, &self.data, folder.path(), run, &watch)?;
        drop(watch);
        tell_names(names.as_ref(), folder.path(), talk);
        tell_results(&metrics, &write_report(folder.path(), talk)?)
    }
}
