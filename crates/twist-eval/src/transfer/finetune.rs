//! The fine-tuning protocol: rate and weight decay by validation, then one training over all training images and one look
//! at the test images.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use torch_ext::{Machine, Precision};
use twist_data::{Dataset, OfficialSet, Tags, subset};
use twist_io::Refused;
use twist_model::{Model, ModelCard, hex};
use twist_nn::FeatureKind;
use twist_run::{Event, EventKind, Recorder, RunError};
use twist_train::TrainError;
use twist_train::labels::{Order, SupervisedConfig, SupervisedPlan, crop_and_flip};
use twist_train::run::Place;

use super::holdout::{HoldOut, nothing_to_validate};
use super::result::{Selection, TransferMethod, TransferResult};
use crate::EvalError;
use crate::answers::Answers;
use crate::logistic::logarithmic;
use crate::supervised::{FromLabels, Kept, StepsDone, Surroundings, in_memory, scores};

/// Of SGD, Nesterov's.
const MOMENTUM: f64 = 0.9;

/// What defines the figure of fine-tuning beside model and data. The default is the grid of the papers: 57 trainings of
/// 20,000 updates and one more for each set, days on a GPU.
#[derive(Clone, Debug, PartialEq)]
pub struct FinetuneTransferProtocol {
    /// First rates that are tried, for backbone and classifier alike.
    pub lr: Vec<f64>,
    /// Weight decays that are tried, before they are divided by the rate (so that what they do does not depend on it).
    pub weight_decay: Vec<f64>,
    /// Updates of a training, rounded up to whole passes.
    pub updates: u64,
    /// Most images of an update.
    pub batch_size: usize,
    /// Arithmetic; `None`: fp32, as published.
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

    /// How many trainings a set needs: one for each setting and the last one; one alone if nothing is chosen.
    pub fn trainings(&self) -> usize {
        match self.settings().len() {
            1 => 1,
            settings => settings + 1,
        }
    }

    /// The training of one setting over so many images.
    fn config(&self, card: &ModelCard, images: usize, (lr, weight_decay): (f64, f64)) -> SupervisedConfig {
        let steps = Order::new(images, self.batch_size, self.seed).steps_per_epoch();
        SupervisedConfig {
            epochs: self.updates.div_ceil(steps),
            batch_size: self.batch_size,
            classifier_lr: lr,
            backbone_lr: Some(lr),
            momentum: MOMENTUM,
            nesterov: true,
            weight_decay: weight_decay / lr,
            features: FeatureKind::Last,
            view: crop_and_flip(card.transform.crop, card.released_filter()),
            transform: card.released_transform(),
            precision: self.precision.unwrap_or(Precision::Fp32),
            norm_batch: None,
            test_every: 0,
            seed: self.seed,
        }
    }
}

/// Fine-tunes copies of `source` on the training images of `set` and measures the best on the test images; `source` is
/// not changed. `kept` is a folder for what is done: the same call goes on from there after a crash. `progress` hears of
/// trainings done, and of steps of the present one and their number.
///
/// A rate at which the loss is not a number any more is out of the choice, not an error, unless it is the only one.
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
    let every = Part::whole(&set.train, tags.map(|tags| &tags.train));
    let test = Part::whole(&set.test, tags.map(|tags| &tags.test));
    // What is wrong with the last setting is better known now than in a day.
    for &(lr, weight_decay) in &settings {
        if !(weight_decay.is_finite() && weight_decay >= 0.0) {
            let what = format!("the weight decay is {weight_decay}, but it has to be a number from 0 on");
            return Err(Refused::new(what).into());
        }
        let config = protocol.config(&source.card, every.images.len(), (lr, weight_decay));
        SupervisedPlan::new(config, every.images.len(), set.classes().len(), machine)?;
    }
    let kept = kept.map(|folder| folder.join(set.name()));
    let trainings = Trainings { source, set, protocol, machine, kept };

    // Choose.
    let nothing_to_try = || {
        Refused::new("fine-tuning has no values to try")
            .remedy("name at least one learning rate and one weight decay")
    };
    let (mut chosen, mut selection) = (*settings.first().ok_or_else(nothing_to_try)?, None);
    if settings.len() > 1 {
        let answers = every.answers(&every.asked)?;
        let held = HoldOut::new(&every.asked, set.validation.as_deref(), &answers, protocol.seed);
        if held.fitted.is_empty() || held.validating.is_empty() {
            return Err(nothing_to_validate(set, answers.len()).into());
        }
        let fitted = every.of(&held.fitted)?.remembered();
        let validating =
            Part { asked: held.validating.iter().map(|&row| row as u32).collect(), ..every.clone() };
        let (mut best, mut failed): (Option<f64>, _) = (None, None);
        for (done, &setting) in settings.iter().enumerate() {
            let mut told = |step, steps| progress(done, step, steps);
            match trainings.measure(&fitted, setting, &validating, &mut told) {
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
            (None, None) => return Err(nothing_to_try().into()),
        }
    }

    // Learn from everything, and look.
    let learned = every.clone().remembered();
    let done = protocol.trainings() - 1;
    let measured =
        trainings.measure(&learned, chosen, &test, &mut |step, steps| progress(done, step, steps))?;
    let plan = trainings.plan(&learned, chosen)?;
    let (plan, updates) = (Box::new(plan.config), plan.run.total_steps);
    let (protocol, weight_decay) = (protocol.clone(), chosen.1);
    Ok(TransferResult {
        figure: measured.figure,
        top1: measured.top1,
        selection,
        train_images: every.images.len() - measured.unread_in_training,
        test_images: measured.images,
        unreadable: measured.unreadable + measured.unread_in_training,
        ..TransferResult::new(
            set,
            source.card.feature_dim,
            TransferMethod::Finetune { protocol, weight_decay, plan, updates },
        )
    })
}

/// Images with what they show, and which of them are asked.
#[derive(Clone)]
struct Part {
    images: Arc<dyn Dataset>,
    tags: Option<Tags>,
    asked: Vec<u32>,
}

impl Part {
    fn whole(images: &Arc<dyn Dataset>, tags: Option<&Tags>) -> Self {
        let asked = (0..images.len() as u32).collect();
        Self { images: Arc::clone(images), tags: tags.cloned(), asked }
    }

    /// The same, decoded images kept in memory as far as they fit.
    fn remembered(self) -> Self {
        Self { images: in_memory(&self.images), ..self }
    }

    /// Images and what they show, in words that are equal for equal ones.
    fn identity(&self) -> String {
        let tags = self.tags.iter().flat_map(|tags| (0..tags.len()).flat_map(|image| tags.of(image)));
        let tags: Vec<u8> = tags.map(|tag| *tag as u8).collect();
        let tags = hex(&Sha256::digest(&tags)[..8]);
        format!("{} images of {}, tags {tags}", self.asked.len(), self.images.fingerprint())
    }

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

/// What a training reached on the images that it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) figure: f64,
    pub(super) top1: Option<f64>,
    /// Readable ones of the images asked.
    pub(super) images: usize,
    /// The others.
    pub(super) unreadable: usize,
    /// Training images that could not be read.
    pub(super) unread_in_training: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TrainingEnd {
    /// With a figure.
    Measured(Measured),
    /// With a loss that is not a number.
    NotFinite {
        /// In which epoch, counted from 1.
        epoch: u64,
    },
}

/// Counts training images that could not be read.
struct Unread<'a>(&'a mut usize);

impl Recorder for Unread<'_> {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        *self.0 += usize::from(matches!(event.kind, EventKind::SkippedImage { .. }));
        Ok(())
    }
}

/// Everything that the trainings of a set have in common.
struct Trainings<'a> {
    source: &'a Model,
    set: &'a OfficialSet,
    protocol: &'a FinetuneTransferProtocol,
    machine: &'a Machine,
    /// Where what is done is kept.
    kept: Option<PathBuf>,
}

impl Trainings<'_> {
    fn plan(&self, part: &Part, setting: (f64, f64)) -> Result<SupervisedPlan, EvalError> {
        let config = self.protocol.config(&self.source.card, part.images.len(), setting);
        Ok(SupervisedPlan::new(config, part.images.len(), self.set.classes().len(), self.machine)?)
    }

    /// Trains by one setting and asks the images of `asked`, unless this was done before.
    fn measure(
        &self,
        part: &Part,
        setting: (f64, f64),
        asked: &Part,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Measured, EvalError> {
        let training = FromLabels {
            name: "transfer",
            source: self.source,
            from_scratch: self.protocol.from_scratch,
            plan: self.plan(part, setting)?,
            images: Arc::clone(&part.images),
            classes: self.set.classes().len(),
            tags: part.tags.clone(),
            test: None,
        };
        // Named after what tells trainings of one evaluation apart.
        let (images, (lr, weight_decay)) = (part.images.len(), setting);
        let name = format!("{images}-images-rate-{lr:e}-decay-{weight_decay:e}");
        let of = || Ok(format!("{}; asked {}", training.identity()?, asked.identity()));
        let end = Kept::once((self.kept.as_deref(), &name), of, |place| {
            self.train(&training, asked, place.unwrap_or_default(), progress)
        })?;
        match end.ok_or_else(|| TrainError::no_batch(training.plan.run.total_steps))? {
            TrainingEnd::Measured(measured) => Ok(measured),
            // Rates of backbone and classifier are one flag here, so one is named.
            TrainingEnd::NotFinite { epoch } => {
                Err(EvalError::NotFinite { epoch, lr: training.plan.config.classifier_lr, backbone_lr: 0.0 })
            }
        }
    }

    /// One training from its beginning, or from its state in `place`.
    fn train(
        &self,
        training: &FromLabels<'_>,
        asked: &Part,
        place: Place,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Option<TrainingEnd>, EvalError> {
        let mut unread_in_training = 0;
        let mut around = Surroundings {
            place,
            recorders: vec![Box::new(Unread(&mut unread_in_training)), Box::new(StepsDone::new(progress))],
            ..Surroundings::default()
        };
        // Nobody raises the flag, so a training ends by itself.
        let trained = match training.train(&mut around) {
            Err(EvalError::NotFinite { epoch, .. }) => return Ok(Some(TrainingEnd::NotFinite { epoch })),
            other => other?,
        };
        drop(around);
        let Some((student, _)) = trained else { return Ok(None) };
        let (scores, seen, unreadable) = scores(&student, &training.input()?, &asked.images, &asked.asked)?;
        let answers = asked.answers(&seen)?;
        Ok(Some(TrainingEnd::Measured(Measured {
            figure: answers.score(&scores, self.set.metric())?,
            top1: answers.top1(&scores)?,
            images: seen.len(),
            unreadable,
            unread_in_training,
        })))
    }
}
