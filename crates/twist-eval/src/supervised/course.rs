//! The loop around the step: batches in, figures out, tests, saved states, and the reasons to stop.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};
use twist_data::{Batch, Dataset, Loader, LoaderOptions, Pipeline, Tags, in_memory};
use twist_run::What;
use twist_train::StopReason;

use super::state::{self, Progress};
use super::test::accuracy;
use super::{ClassMap, Session, Student, SupervisedPlan, supervised_step};
use crate::answers::Answers;
use crate::{EvalError, Targets};
use twist_model::{EvalInput, Model, hex};

/// Steps between two readings of the figures from the device.
const READ_EVERY: u64 = 20;
/// Decoded images stay in memory as long as they fit into this many bytes.
const IN_MEMORY: u64 = 1 << 30;
/// Batches that are loaded ahead of the step.
const PREFETCH: usize = 3;

/// What is learned from and what is asked.
pub(crate) struct Lesson {
    /// Labelled images and nothing else.
    pub(crate) train: Arc<dyn Dataset>,
    /// What they show, where an image shows several classes; then they have no labels.
    pub(crate) tags: Option<Tags>,
    /// Test images, and their classes among those of `train`.
    pub(crate) test: Option<(Arc<dyn Dataset>, ClassMap)>,
    /// What the state on disk must belong to: the model and the data.
    pub(crate) identity: String,
}

impl Lesson {
    /// The weights that a course begins with, in words that are equal for equal ones: those of `model`, or random ones of its
    /// network, which sees images as it does.
    pub(crate) fn begins_with(model: &Model, from_scratch: bool) -> Result<String, EvalError> {
        let card = &model.card;
        Ok(match from_scratch {
            true => serde_json::to_string(&("random weights", &card.backbone, card.mean, card.std))?,
            false => model.hash.clone(),
        })
    }

    /// What a state on disk must belong to: the weights that a course begins with, the images with the names of their
    /// classes, and the test images whose accuracy stands in it.
    pub(crate) fn identity(
        train: &Arc<dyn Dataset>,
        test: Option<&Arc<dyn Dataset>>,
        begins_with: &str,
    ) -> String {
        let of = |images: &Arc<dyn Dataset>| {
            let names = Sha256::digest(images.classes().join("\n").as_bytes());
            format!("{} (classes {})", images.fingerprint(), hex(&names[..8]))
        };
        let test = test.map_or_else(String::new, |test| format!(", tested on {}", of(test)));
        format!("{begins_with} on {}{test}", of(train))
    }

    /// # Errors
    /// As [`ClassMap::new`].
    pub(crate) fn new(
        train: &Arc<dyn Dataset>,
        test: Option<&Arc<dyn Dataset>>,
        begins_with: &str,
    ) -> Result<Self, EvalError> {
        let map = |test: &Arc<dyn Dataset>| -> Result<_, EvalError> {
            let map = ClassMap::new(train.classes(), &**test)?;
            Ok((in_memory(Arc::clone(test), None, IN_MEMORY), map))
        };
        Ok(Self {
            train: in_memory(Arc::clone(train), None, IN_MEMORY),
            tags: None,
            identity: Self::identity(train, test, begins_with),
            test: test.map(map).transpose()?,
        })
    }

    /// One whose test is somebody else's matter; `tags` where an image shows several classes.
    pub(crate) fn untested(train: &Arc<dyn Dataset>, tags: Option<Tags>, begins_with: &str) -> Self {
        let identity = Self::identity(train, None, begins_with);
        Self { train: in_memory(Arc::clone(train), None, IN_MEMORY), tags, test: None, identity }
    }
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

/// Teaches `student` to the end of `plan`, from the state in the session's file where there is one. `None`: the session
/// asked to stop, and the state is saved.
///
/// # Errors
/// The first error of data, network, recorder or disk; a loss that is not finite; a state of another course.
pub(crate) fn teach(
    student: &mut Student,
    lesson: &Lesson,
    plan: &SupervisedPlan,
    input: &EvalInput,
    session: &mut Session<'_>,
) -> Result<Option<Vec<EpochFigures>>, EvalError> {
    let order = plan.order(lesson.train.len());
    let per_epoch = order.steps_per_epoch();
    let total = plan.epochs * per_epoch;
    let mut progress = match &session.state {
        Some(file) => state::load(file, student, plan, lesson)?.unwrap_or_default(),
        None => Progress::default(),
    };
    if let (true, Some(file)) = (progress.step > 0, session.state.clone()) {
        session.record(progress.step, per_epoch, What::Resumed { path: name_of(&file) })?;
        // The process may have been killed before it said so.
        session.record(progress.step, per_epoch, What::Checkpoint { path: name_of(&file) })?;
    }
    let pipeline = Pipeline::Views { policies: vec![plan.view.clone()], seed: plan.seed };
    let options = LoaderOptions { prefetch: PREFETCH, ..input.loader.clone() };
    let requests = order.batches(progress.step, total);
    let mut loader = Loader::new(Arc::clone(&lesson.train), pipeline, requests, options)?;
    let (mut reported, mut saved) = (HashSet::new(), Instant::now());

    while progress.step < total {
        // The step.
        let mut batch = loader.next().ok_or(twist_train::TrainError::NoBatch { step: progress.step })??;
        for image in batch.skipped.drain(..).filter(|image| reported.insert(image.index)) {
            let what = What::SkippedImage { path: image.path, reason: image.reason };
            session.record(progress.step, per_epoch, what)?;
        }
        let epoch = progress.step / per_epoch;
        let (pixels, targets) = on_device(&batch, lesson, input)?;
        let rates = plan.rates(epoch);
        progress.pending.push(supervised_step(student, input, rates, plan.weight_decay, &pixels, &targets)?);
        loader.recycle(batch);
        progress.step += 1;
        session.progress(progress.step, total);

        // Figures, and whether they are numbers.
        let stop = session.stop.signal();
        let ends_epoch = progress.step.is_multiple_of(per_epoch);
        if ends_epoch || stop.is_some() || progress.step.is_multiple_of(READ_EVERY) {
            progress.read()?;
            if !progress.loss_is_finite() {
                let [lr, backbone_lr] = plan.rates(0);
                return Err(EvalError::NotFinite { epoch: epoch + 1, lr, backbone_lr });
            }
        }

        // The end of an epoch: test and tell.
        if ends_epoch {
            let mut figures = progress.take_epoch(epoch + 1, rates);
            if let (Some((test, map)), true) = (&lesson.test, plan.tests_after(epoch + 1)) {
                let tested = accuracy(student, input, test, map)?;
                (figures.test_top1, figures.test_top5) = (Some(tested.top1), tested.top5);
                figures.test_images = Some(tested.images);
            }
            progress.epochs.push(figures);
            session.record(progress.step, per_epoch, What::Eval(fields(&figures)?))?;
        }

        // Save now and then, and stop when asked.
        let due =
            stop.is_some() || progress.step == total || (ends_epoch && saved.elapsed() >= session.save_every);
        if let (Some(file), true) = (session.state.clone(), due) {
            state::save(&file, student, plan, lesson, &progress)?;
            saved = Instant::now();
            session.record(progress.step, per_epoch, What::Checkpoint { path: name_of(&file) })?;
        }
        if let (Some(signal), true) = (stop, progress.step < total) {
            let reason = StopReason::Signal(signal).to_string();
            session.record(progress.step, per_epoch, What::Stopped { reason })?;
            return Ok(None);
        }
    }
    Ok(Some(progress.epochs))
}

/// Crops `[B, S, S, 3]` (u8) and what they show, on the device.
fn on_device(batch: &Batch, lesson: &Lesson, input: &EvalInput) -> Result<(Tensor, Targets), EvalError> {
    let group = batch.groups.first().ok_or(EvalError::NoFeatures)?;
    let side = i64::from(group.size);
    let shape = [i64::from(group.batch), side, side, 3];
    let bytes = torch_ext::host::from_bytes(Kind::Uint8, &shape, &group.pixels)?;
    let pixels = torch_ext::host::upload(&bytes, input.device)?;
    let answers = Answers::of(&*lesson.train, lesson.tags.as_ref(), &batch.indices)?;
    Ok((pixels, answers.targets(Kind::Float, input.device)?))
}

/// The figures of an event: what was measured.
fn fields(figures: &EpochFigures) -> Result<serde_json::Map<String, serde_json::Value>, EvalError> {
    let mut fields = serde_json::Map::new();
    if let serde_json::Value::Object(all) = serde_json::to_value(figures)? {
        fields.extend(all.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Ok(fields)
}

fn name_of(file: &std::path::Path) -> String {
    file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
