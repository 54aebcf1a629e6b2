//! The fine-tuning protocol: rate and weight decay by validation, then one course over all training images and one look
//! at the test images.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use twist_data::{Dataset, EvalTransform, OfficialSet, Tags, subset};
use twist_train::{Machine, Precision};

use super::holdout::HoldOut;
use super::kept::Kept;
use super::result::{Selection, TransferMethod, TransferResult};
use crate::answers::Answers;
use crate::finetune::filter_of;
use crate::logistic::logarithmic;
use crate::supervised::{Lesson, Order, Student, crop_and_flip, scores, teach};
use crate::{EvalError, EvalInput, FeatureKind, Model, ModelCard, Session, SupervisedPlan};

/// Sets of few images have epochs of a few updates, too short to write a network after each.
const SAVE_EVERY: Duration = Duration::from_secs(20);
/// Of SGD, Nesterov's.
const MOMENTUM: f64 = 0.9;

/// What defines the figure of fine-tuning beside model and data. The default is the grid of the papers: 57 courses of
/// 20,000 updates and one more for each set, days on a GPU.
#[derive(Clone, Debug, PartialEq)]
pub struct FinetuneTransferProtocol {
    /// First rates that are tried, for backbone and classifier alike.
    pub lr: Vec<f64>,
    /// Weight decays that are tried, before they are divided by the rate (so that a step takes away this part of a
    /// weight).
    pub weight_decay: Vec<f64>,
    /// Updates of a course, rounded up to whole passes.
    pub updates: u64,
    /// Most images of an update.
    pub batch_size: usize,
    /// Arithmetic; `None`: that of the model.
    pub precision: Option<Precision>,
    /// Begin with random weights instead of the model's.
    pub from_scratch: bool,
    /// Of the classifier's first weights, the order and the crops; divides the training images where the authors of a
    /// set do not.
    pub seed: u64,
}

impl Default for FinetuneTransferProtocol {
    fn default() -> Self {
        let weight_decay = [vec![0.0], logarithmic(1e-6, 1e-3, 7)].concat();
        Self {
            lr: logarithmic(1e-4, 1e-1, 7),
            weight_decay,
            updates: 20_000,
            batch_size: 256,
            precision: None,
            from_scratch: false,
            seed: 0,
        }
    }
}

impl FinetuneTransferProtocol {
    /// Every pair of rate and weight decay.
    fn settings(&self) -> Vec<(f64, f64)> {
        self.lr.iter().flat_map(|&lr| self.weight_decay.iter().map(move |&decay| (lr, decay))).collect()
    }

    /// How many courses a set needs: one for each setting and the last one; one alone where there is nothing to choose.
    pub fn courses(&self) -> usize {
        match self.settings().len() {
            1 => 1,
            settings => settings + 1,
        }
    }

    /// The course of one setting over so many images.
    fn plan(
        &self,
        card: &ModelCard,
        images: usize,
        (lr, weight_decay): (f64, f64),
    ) -> Result<SupervisedPlan, EvalError> {
        let steps = Order::new(images, self.batch_size, self.seed).steps_per_epoch();
        let filter = filter_of(card);
        let EvalTransform { resize, crop, .. } = card.transform;
        let plan = SupervisedPlan {
            epochs: self.updates.div_ceil(steps),
            batch_size: self.batch_size,
            classifier_lr: lr,
            backbone_lr: Some(lr),
            momentum: MOMENTUM,
            nesterov: true,
            weight_decay: weight_decay / lr,
            features: FeatureKind::Last,
            view: crop_and_flip(crop, filter),
            transform: EvalTransform::new(resize, crop, filter),
            precision: self.precision.unwrap_or(card.precision),
            test_every: 0,
            seed: self.seed,
        };
        plan.check()?;
        Ok(plan)
    }
}

/// Fine-tunes copies of `source` on the training images of `set` and measures the best on the test images; `source` is
/// not changed. `kept` is a folder for what is done: the same call goes on from there after a crash. `progress` hears of
/// courses done, and of steps of the present course and their number.
///
/// A rate at which the loss is no number any more is out of the choice, not an error, unless it is the only one.
///
/// # Errors
/// There are too few training images to hold some out, or no rate or weight decay to try; a value out of its range; the
/// first error of data, network or disk; `kept` holds another evaluation's work.
pub fn finetune_transfer(
    source: &Model,
    set: &OfficialSet,
    protocol: &FinetuneTransferProtocol,
    machine: &Machine,
    kept: Option<&Path>,
    progress: &mut dyn FnMut(usize, usize, usize),
) -> Result<TransferResult, EvalError> {
    machine.prepare()?;
    let settings = protocol.settings();
    let tags = set.tags.as_ref();
    let all: Vec<u32> = (0..set.train.len() as u32).collect();
    let every =
        Part { images: Arc::clone(&set.train), tags: tags.map(|tags| tags.train.clone()), asked: all };
    let test_images = (0..set.test.len() as u32).collect();
    let test =
        Part { images: Arc::clone(&set.test), tags: tags.map(|tags| tags.test.clone()), asked: test_images };
    let courses = Courses { source, set, protocol, machine, kept: kept.map(|folder| Kept::new(folder, set)) };

    // Choose.
    let (mut chosen, mut selection) = (*settings.first().ok_or(EvalError::NothingToTry)?, None);
    if settings.len() > 1 {
        let answers = every.answers(&every.asked)?;
        let held = HoldOut::new(&every.asked, set.validation.as_deref(), &answers, protocol.seed);
        if held.fitted.is_empty() || held.validating.is_empty() {
            return Err(EvalError::NothingToValidate { set: set.kind.title(), images: answers.len() });
        }
        let fitted = every.of(&held.fitted)?;
        let validating =
            Part { asked: held.validating.iter().map(|&row| row as u32).collect(), ..every.clone() };
        let lesson = courses.lesson(&fitted);
        let (mut best, mut failed): (Option<f64>, _) = (None, None);
        for (done, &setting) in settings.iter().enumerate() {
            let mut told = |step, steps| progress(done, step, steps);
            match courses.measure(&lesson, setting, &validating, &mut told) {
                Ok(measured) if best.is_none_or(|best| measured.figure > best) => {
                    (best, chosen) = (Some(measured.figure), setting);
                }
                Ok(_) => {}
                Err(error @ EvalError::NotFinite { .. }) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        match (best, failed) {
            (Some(figure), _) => selection = Some(Selection::new(figure, held)),
            (None, Some(error)) => return Err(error),
            (None, None) => return Err(EvalError::NothingToTry),
        }
    }

    // Learn from everything, and look.
    let lesson = courses.lesson(&every);
    let done = protocol.courses() - 1;
    let measured = courses.measure(&lesson, chosen, &test, &mut |step, steps| progress(done, step, steps))?;
    let plan = Box::new(protocol.plan(&source.card, every.images.len(), chosen)?);
    let updates = plan.order(every.images.len()).steps_per_epoch() * plan.epochs;
    let (protocol, weight_decay) = (protocol.clone(), chosen.1);
    Ok(TransferResult {
        figure: measured.figure,
        top1: measured.top1,
        selection,
        train_images: every.images.len(),
        test_images: measured.images,
        unreadable: measured.unreadable,
        ..TransferResult::new(
            set,
            source.card.feature_dim,
            TransferMethod::Finetune { protocol, weight_decay, plan, updates },
        )
    })
}

/// Rates of backbone and classifier are one flag here, so one is named.
fn of_one_rate(error: EvalError) -> EvalError {
    match error {
        EvalError::NotFinite { epoch, lr, .. } => EvalError::NotFinite { epoch, lr, backbone_lr: 0.0 },
        other => other,
    }
}

/// Images with what they show, and which of them are asked.
#[derive(Clone)]
struct Part {
    images: Arc<dyn Dataset>,
    tags: Option<Tags>,
    asked: Vec<u32>,
}

impl Part {
    fn answers(&self, indices: &[u32]) -> Result<Answers, EvalError> {
        Answers::of(&*self.images, self.tags.as_ref(), indices)
    }

    /// Some of the images as images of their own.
    fn of(&self, rows: &[i64]) -> Result<Self, EvalError> {
        let asked: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        let members: Vec<(u32, Option<u32>)> =
            asked.iter().map(|&index| (index, self.images.label(index as usize))).collect();
        let classes = self.images.classes().to_vec();
        let images = subset(Arc::clone(&self.images), &members, classes)?;
        let tags = self.tags.as_ref().map(|tags| tags.select(&asked));
        Ok(Self { images, tags, asked })
    }
}

/// What a course reached on the images that it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) figure: f64,
    pub(super) top1: Option<f64>,
    /// Readable ones of the images asked.
    pub(super) images: usize,
    /// The others.
    pub(super) unreadable: usize,
}

/// Everything that the courses of a set have in common.
struct Courses<'a> {
    source: &'a Model,
    set: &'a OfficialSet,
    protocol: &'a FinetuneTransferProtocol,
    machine: &'a Machine,
    kept: Option<Kept>,
}

impl Courses<'_> {
    fn lesson(&self, part: &Part) -> Lesson {
        let begins_with = if self.protocol.from_scratch { "random weights" } else { &self.source.hash };
        Lesson::untested(&part.images, part.tags.clone(), begins_with)
    }

    /// Teaches a student by one setting and asks it the images of `asked`, unless this was done before.
    fn measure(
        &self,
        lesson: &Lesson,
        setting: (f64, f64),
        asked: &Part,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Measured, EvalError> {
        let plan = self.protocol.plan(&self.source.card, lesson.train.len(), setting)?;
        let course = self.kept.as_ref().map(|kept| kept.course(&plan, lesson)).transpose()?;
        if let Some(measured) = course.as_ref().map(|course| course.measured()).transpose()?.flatten() {
            return Ok(measured);
        }
        let classes = self.set.classes().len() as i64;
        let from_scratch = self.protocol.from_scratch;
        let mut student = Student::new(self.source, classes, &plan, from_scratch, self.machine.device)?;
        let card = ModelCard { transform: plan.transform.clone(), ..self.source.card.clone() };
        let input = EvalInput::of_card(&card, Some(plan.precision), self.machine)?;
        let mut session = Session {
            state: course.as_ref().map(|course| course.state()),
            save_every: SAVE_EVERY,
            progress: Some(Box::new(progress)),
            ..Session::default()
        };
        // Nobody raises the flag of this session, so a course always ends.
        teach(&mut student, lesson, &plan, &input, &mut session).map_err(of_one_rate)?;
        drop(session);
        let (scores, seen, unreadable) = scores(&student, &input, &asked.images, &asked.asked)?;
        let answers = asked.answers(&seen)?;
        let measured = Measured {
            figure: answers.score(&scores, self.set.metric())?,
            top1: answers.top1(&scores)?,
            images: seen.len(),
            unreadable,
        };
        if let Some(course) = course {
            course.keep(&measured)?;
        }
        Ok(measured)
    }
}
