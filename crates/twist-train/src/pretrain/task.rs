//! Learning classes from images without labels, as a task of the loop.

use std::collections::HashSet;
use std::path::Path;

use tch::Tensor;
use twist_io::{LoadReport, StateDict};
use twist_model::CheckpointFacts;
use twist_nn::{DeviceNormalize, TwistNet};
use twist_run::{EventKind, Standing, StartFigures};

use super::early_labels;
use super::feed::Feed;
use super::images::TrainImages;
use crate::checkpoint::{capture, restore};
use crate::reading::StepReading;
use crate::run::{Restored, Taken, Task};
use crate::step::{TrainState, train_step};
use crate::{TrainConfig, TrainError, TrainPlan, memory, resume};

/// Odd images that are named one by one; of more, the number is told at the end.
const ODD_NAMED: usize = 3;

/// A network that learns from images.
pub struct Pretraining {
    pub(super) plan: TrainPlan,
    pub(super) state: TrainState,
    recipe_name: String,
    images: TrainImages,
    strict: bool,
    normalize: DeviceNormalize,
    /// From the first step on.
    feed: Option<Feed>,
    /// Images that are odd and were read all the same.
    odd: HashSet<String>,
    pub(super) init_report: Option<LoadReport>,
}

impl Pretraining {
    /// The network with its optimizer as they begin, and the images of the plan. With `strict` an image that cannot be read is an
    /// error.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn new(
        plan: TrainPlan,
        images: TrainImages,
        recipe_name: String,
        strict: bool,
    ) -> Result<Self, TrainError> {
        let state = TrainState::new(&plan).map_err(|error| memory::explain(error, &plan))?;
        let (data, device) = (plan.config.data, plan.run.machine.device);
        let normalize = DeviceNormalize::new(data.mean, data.std, plan.channels_last, device)?;
        let (feed, odd, init_report) = (None, HashSet::new(), None);
        Ok(Self { plan, state, recipe_name, images, strict, normalize, feed, odd, init_report })
    }

    /// The plan.
    pub fn plan(&self) -> &TrainPlan {
        &self.plan
    }

    /// The network as it is now.
    pub fn net(&self) -> &TwistNet {
        &self.state.net
    }

    /// The images, for another run.
    pub fn into_images(self) -> TrainImages {
        self.images
    }

    /// What became of the weights that the run began from, where there were any.
    pub fn init_report(&self) -> Option<&LoadReport> {
        self.init_report.as_ref()
    }

    /// The events of images that are odd and were met for the first time.
    fn odd_images(&mut self, odd: Vec<(String, String)>) -> Vec<EventKind> {
        let mut named = Vec::new();
        for (path, what) in odd {
            self.odd.insert(path.clone());
            if self.odd.len() <= ODD_NAMED {
                named.push(EventKind::Warning { message: format!("{path}: {what}") });
            }
        }
        named
    }
}

impl Task for Pretraining {
    type Facts = CheckpointFacts<TrainConfig>;

    fn step(&mut self, step: u64) -> Result<Taken, TrainError> {
        let feed = match &mut self.feed {
            Some(feed) if feed.is_over(step) => {
                feed.restart(&self.plan, step)?;
                feed
            }
            Some(feed) => feed,
            none => {
                let images = self.images.ready(&self.plan.config);
                none.insert(Feed::start(&self.plan, images, step, self.strict)?)
            }
        };
        let batch = feed.next(step, self.plan.run.machine.device)?;
        let metrics = train_step(&mut self.state, &self.plan, &self.normalize, step, &batch.pixels)
            .map_err(|error| memory::explain(error, &self.plan))?;
        let skipped =
            batch.skipped.into_iter().map(|(path, reason)| EventKind::SkippedImage { path, reason });
        let mut events: Vec<EventKind> = skipped.collect();
        events.extend(self.odd_images(batch.odd));
        Ok(Taken { metrics: vec![metrics], indices: batch.indices, events })
    }

    fn rewind(&mut self, step: u64) -> Result<(), TrainError> {
        self.feed.as_mut().map_or(Ok(()), |feed| feed.restart(&self.plan, step))
    }

    fn put_down(&mut self) {
        self.feed = None;
        self.images.put_down();
    }

    fn capture(&self) -> Result<StateDict, TrainError> {
        capture(&self.state)
    }

    fn restore(
        &mut self,
        path: &Path,
        facts: &CheckpointFacts<TrainConfig>,
        state: StateDict,
    ) -> Result<Restored, TrainError> {
        resume::check(path, facts, &self.plan)?;
        restore(&mut self.state, path, state)?;
        let changes = resume::changes(&facts.recipe, &self.plan.config);
        Ok(Restored { changes, warnings: resume::warnings(facts, &self.plan) })
    }

    fn facts(&self, standing: &Standing) -> CheckpointFacts<TrainConfig> {
        self.plan.checkpoint_facts(&self.recipe_name, standing)
    }

    fn figures(&self) -> StartFigures {
        let plan = &self.plan;
        StartFigures {
            recipe_name: self.recipe_name.clone(),
            precision: plan.precision.name().into(),
            channels_last: plan.channels_last,
            loader_threads: plan.run.machine.loader_threads,
            images: plan.images,
            classes: plan.classes.len(),
            parameters: self.net().store.parameters().iter().map(|tensor| tensor.numel() as u64).sum(),
            clusters: plan.net.head.dim,
            ..StartFigures::default()
        }
    }

    fn weights(&self) -> Vec<(String, Tensor)> {
        let entries = self.net().store.entries().iter();
        entries.map(|entry| (format!("model.{}", entry.name), entry.tensor.shallow_clone())).collect()
    }

    fn watch(&mut self, readings: &[StepReading]) -> Option<String> {
        early_labels::warning(&self.plan, readings)
    }

    fn closing(&self) -> Option<String> {
        let odd = self.odd.len();
        (odd > ODD_NAMED).then(|| {
            format!(
                "{odd} images were read although something is odd about them: `twist data verify` lists them all"
            )
        })
    }
}
