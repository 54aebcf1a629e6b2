//! Training from labels, as a task of the loop.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};
use torch_ext::Precision;
use twist_data::{Batch, Dataset, Loader, LoaderOptions, Pipeline, Tags};
use twist_io::StateDict;
use twist_nn::DeviceNormalize;
use twist_run::{EventKind, Standing, StartFigures, figure};

use super::{Student, SupervisedPlan, Targets, supervised_step};
use crate::TrainError;
use crate::guard::CollapseKind;
use crate::reading::StepReading;
use crate::run::{Restored, Taken, Task};

/// Batches that are loaded ahead of the step.
const PREFETCH: usize = 3;

/// What is learned from.
pub struct LabelledData {
    /// Name of the run, for its log.
    pub name: String,
    /// Labelled images and nothing else.
    pub images: Arc<dyn Dataset>,
    /// What they show, where an image shows several classes; then they have no labels.
    pub tags: Option<Tags>,
    /// Model, images and every setting, in words that are equal for equal ones: what a checkpoint must belong to.
    pub identity: String,
}

/// The figures of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochFigures {
    /// Finished epochs.
    pub epochs: u64,
    /// Mean loss in nats (cross entropy where an image is of one class) over the epoch's random crops, while it learned.
    pub train_loss: f64,
    /// Part of these crops that were classified correctly.
    pub train_top1: f64,
    /// Rate of the classifier.
    pub lr: f64,
    /// Rate of the backbone; 0 when it is frozen.
    pub backbone_lr: f64,
    /// Accuracy on the test images, where the epoch ended in a test.
    pub test_top1: Option<f64>,
    /// The same among the five most probable classes.
    pub test_top5: Option<f64>,
    /// How many labelled, readable images were tested.
    pub test_images: Option<usize>,
}

/// The metadata of a checkpoint: everything that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupervisedFacts {
    /// Where the run stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// What it belongs to, see [`LabelledData::identity`].
    pub identity: String,
    /// Figures of the finished epochs.
    pub epochs: Vec<EpochFigures>,
    /// Sums over the images of the epoch that has begun: cross entropy, correct ones, all of them.
    pub sums: [f64; 3],
}

/// Refuses the state in `path`, if there is one, where an older version of Twist wrote it.
///
/// # Errors
/// It is such a state; the file cannot be read.
pub fn refuse_older(path: &Path) -> Result<(), TrainError> {
    if !path.is_file() {
        return Ok(());
    }
    let (_, metadata) = twist_io::load_safetensors(path)?;
    if metadata.is_some_and(|metadata| metadata.get("course").is_none()) {
        return Ok(());
    }
    let why = "an older version of Twist wrote it, which kept its figures in another form; finish it with that version";
    let why = format!(
        "{why}, or start again (with --force; a command without this flag starts again when you remove the file)"
    );
    Err(TrainError::not_resumed(path, &why).into())
}

/// A student that learns from labelled images.
pub struct Supervised {
    plan: SupervisedPlan,
    student: Student,
    data: LabelledData,
    normalize: DeviceNormalize,
    /// From the first step on.
    loader: Option<Loader>,
    /// Unreadable images that were named.
    reported: HashSet<u32>,
    epochs: Vec<EpochFigures>,
    sums: [f64; 3],
}

impl Supervised {
    /// `student` as it begins, and the images of `plan`, whose channels have this mean and standard deviation.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn new(
        plan: SupervisedPlan,
        student: Student,
        data: LabelledData,
        (mean, std): ([f64; 3], [f64; 3]),
    ) -> Result<Self, TrainError> {
        let channels_last = plan.config.precision != Precision::Fp32;
        let normalize = DeviceNormalize::new(mean, std, channels_last, plan.run.machine.device)?;
        let (reported, epochs) = (HashSet::new(), Vec::new());
        Ok(Self { plan, student, data, normalize, loader: None, reported, epochs, sums: [0.0; 3] })
    }

    /// The plan.
    pub fn plan(&self) -> &SupervisedPlan {
        &self.plan
    }

    /// The student as it is now.
    pub fn student(&self) -> &Student {
        &self.student
    }

    /// The student and the figures of all epochs.
    pub fn into_parts(self) -> (Student, Vec<EpochFigures>) {
        (self.student, self.epochs)
    }

    /// The figures of the epoch that has just ended; the sums start again. Whoever tests adds what it found, and gives them to
    /// [`Supervised::end_epoch`].
    pub fn take_epoch(&mut self) -> EpochFigures {
        let epochs = self.epochs.len() as u64 + 1;
        let [loss, correct, images] = std::mem::take(&mut self.sums);
        let (train_loss, train_top1) = (loss / images, correct / images);
        let [lr, backbone_lr] = self.plan.config.rates(epochs - 1);
        EpochFigures { epochs, train_loss, train_top1, lr, backbone_lr, ..EpochFigures::default() }
    }

    /// Keeps the figures of an epoch.
    pub fn end_epoch(&mut self, figures: EpochFigures) {
        self.epochs.push(figures);
    }

    /// The loader of the images from `step` to the end of the run.
    fn loader_from(&self, step: u64) -> Result<Loader, TrainError> {
        let (run, config) = (&self.plan.run, &self.plan.config);
        let pipeline = Pipeline::Views { policies: vec![config.view.clone()], seed: run.seed };
        let threads = run.machine.loader_threads;
        let options = LoaderOptions { threads, prefetch: PREFETCH, ..LoaderOptions::default() };
        let requests = self.plan.order(self.data.images.len()).batches(step, run.total_steps);
        Ok(Loader::new(Arc::clone(&self.data.images), pipeline, requests, options)?)
    }

    /// Crops `[B, S, S, 3]` (u8) and what they show, on the device.
    fn on_device(&self, batch: &Batch) -> Result<(Tensor, Targets), TrainError> {
        let device = self.plan.run.machine.device;
        let group = batch.groups.first().ok_or_else(TrainError::no_views)?;
        let side = i64::from(group.size);
        let shape = [i64::from(group.batch), side, side, 3];
        let bytes = torch_ext::host::from_bytes(Kind::Uint8, &shape, &group.pixels)?;
        let pixels = torch_ext::host::upload(&bytes, device)?;
        let targets = Targets::of(&*self.data.images, self.data.tags.as_ref(), &batch.indices, device)?;
        Ok((pixels, targets))
    }
}

impl Task for Supervised {
    type Facts = SupervisedFacts;

    fn step(&mut self, step: u64) -> Result<Taken, TrainError> {
        let mut loader = match self.loader.take() {
            Some(loader) => loader,
            None => self.loader_from(step)?,
        };
        let mut batch = loader.next().ok_or_else(|| TrainError::no_batch(step))??;
        let skipped: Vec<_> = batch.skipped.drain(..).collect();
        let skipped = skipped.into_iter().filter(|image| self.reported.insert(image.index));
        let events = skipped.map(|image| EventKind::SkippedImage { path: image.path, reason: image.reason });
        let events = events.collect();
        let (pixels, targets) = self.on_device(&batch)?;
        let metrics =
            supervised_step(&mut self.student, &self.plan, &self.normalize, step, &pixels, &targets)?;
        let indices = std::mem::take(&mut batch.indices);
        loader.recycle(batch);
        self.loader = Some(loader);
        Ok(Taken { metrics: vec![metrics], indices, events })
    }

    fn rewind(&mut self, _: u64) -> Result<(), TrainError> {
        self.loader = None;
        Ok(())
    }

    fn capture(&self) -> Result<StateDict, TrainError> {
        self.student.state_dict()
    }

    fn restore(
        &mut self,
        path: &Path,
        facts: &SupervisedFacts,
        state: StateDict,
    ) -> Result<Restored, TrainError> {
        if facts.identity != self.data.identity {
            let why = "model, labelled images or settings are not those that it was started with";
            return Err(TrainError::other_run(path, why));
        }
        self.student.load(state)?;
        (self.epochs, self.sums) = (facts.epochs.clone(), facts.sums);
        Ok(Restored::default())
    }

    fn facts(&self, standing: &Standing) -> SupervisedFacts {
        let (identity, epochs) = (self.data.identity.clone(), self.epochs.clone());
        SupervisedFacts { standing: standing.clone(), identity, epochs, sums: self.sums }
    }

    fn figures(&self) -> StartFigures {
        StartFigures {
            recipe_name: self.data.name.clone(),
            precision: self.plan.config.precision.name().into(),
            channels_last: self.plan.config.precision != Precision::Fp32,
            loader_threads: self.plan.run.machine.loader_threads,
            images: self.data.images.len(),
            classes: self.data.images.classes().len(),
            parameters: self.student.parameters(),
            clusters: self.student.classes(),
            from_labels: true,
            ..StartFigures::default()
        }
    }

    fn weights(&self) -> Vec<(String, Tensor)> {
        self.student.tensors()
    }

    fn watch(&mut self, readings: &[StepReading]) -> Option<String> {
        for (reading, answers) in readings.iter().filter_map(|reading| Some((reading, reading.answers?))) {
            let images = answers.images as f64;
            self.sums[0] += reading.get(figure::LOSS) * images;
            self.sums[1] += answers.correct as f64;
            self.sums[2] += images;
        }
        None
    }

    fn advice(&self, kind: CollapseKind) -> String {
        let config = &self.plan.config;
        let backbone = config.backbone_lr.map_or(String::new(), |rate| format!(", --backbone-lr {rate}"));
        match kind {
            CollapseKind::NonFiniteLoss => format!(
                "the loss is not a finite number: lower the rates (--lr {}{backbone}), or use --precision fp32",
                config.classifier_lr
            ),
            kind => kind.advice().into(),
        }
    }
}
