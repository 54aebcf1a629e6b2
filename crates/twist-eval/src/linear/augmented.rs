//! The released protocols: a linear classifier under a frozen backbone, on random crops and flips.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use torch_ext::{Machine, Precision};
use twist_data::Dataset;
use twist_model::{Model, ModelCard};
use twist_nn::{Arch, FeatureKind, VitArch};
use twist_run::{Metrics, evaluations, figure};
use twist_train::labels::{EpochFigures, SupervisedConfig, SupervisedPlan, crop_and_flip};

use crate::EvalError;
use crate::finetune::{say_selection, tested};
use crate::supervised::{FromLabels, Kept, LabelBudget, LabelledImages, Surroundings};

/// Released values of both protocols.
const BATCH_SIZE: usize = 1024;
const EPOCHS: u64 = 100;
const MOMENTUM: f64 = 0.9;
/// Rate of the ResNet protocol, whatever the batch.
const RESNET_LR: f64 = 0.2;
/// Rates of the ViT protocol for 256 images: up to ViT-S, and ViT-B.
const VIT_LR: [f64; 2] = [0.02, 0.0015];
/// Blocks whose class tokens the ViT protocol reads.
const VIT_BLOCKS: usize = 4;

/// Which networks a released protocol is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReleasedFor {
    /// ResNets: what the backbone gives.
    #[default]
    Convolutional,
    /// Vision transformers: class tokens of the last four blocks.
    Transformer,
}

impl ReleasedFor {
    fn name(self) -> &'static str {
        match self {
            Self::Convolutional => evaluations::RESNET,
            Self::Transformer => evaluations::VIT,
        }
    }

    fn features(self) -> FeatureKind {
        match self {
            Self::Convolutional => FeatureKind::Last,
            Self::Transformer => FeatureKind::LastBlocks(VIT_BLOCKS),
        }
    }
}

/// A released protocol, with what is said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AugmentedLinear {
    /// Whose it is.
    pub network: ReleasedFor,
    /// Passes over the training images; `None`: 100.
    pub epochs: Option<u64>,
    /// Most images of an update; `None`: 1024.
    pub batch_size: Option<usize>,
    /// First rate; `None`: the released one. The ViT protocol's is for 256 images and grows with the batch.
    pub lr: Option<f64>,
    /// Epochs between two tests; the last one is always tested. `None`: 1.
    pub test_every: Option<u64>,
    /// Arithmetic; `None`: fp32, as published.
    pub precision: Option<Precision>,
    /// Of the classifier's first weights, the order and the crops.
    pub seed: u64,
}

impl AugmentedLinear {
    /// That of convolutional networks (`evaluate.py`): features of the last layer, rate 0.2.
    pub fn resnet() -> Self {
        Self::default()
    }

    /// That of transformers (`evaluate_vitlinear.py`): the class tokens of the last four blocks, rate 0.02 (ViT-B: 0.0015)
    /// for 256 images.
    pub fn vit() -> Self {
        Self { network: ReleasedFor::Transformer, ..Self::resnet() }
    }

    /// What the protocol says for a model of `card`.
    ///
    /// # Errors
    /// The ViT protocol for a network without class tokens.
    pub fn config(&self, card: &ModelCard) -> Result<SupervisedConfig, EvalError> {
        let arch = card.backbone.as_ref().map(|backbone| backbone.arch);
        let batch_size = self.batch_size.unwrap_or(BATCH_SIZE);
        let classifier_lr = match (self.network, arch) {
            (ReleasedFor::Convolutional, _) => self.lr.unwrap_or(RESNET_LR),
            (ReleasedFor::Transformer, Some(Arch::Vit(VitArch { size, .. }))) => {
                let released = VIT_LR[usize::from(size.dim == 768)];
                self.lr.unwrap_or(released) * batch_size as f64 / 256.0
            }
            _ => return Err(twist_nn::NnError::NoClassTokens.into()),
        };
        Ok(SupervisedConfig {
            epochs: self.epochs.unwrap_or(EPOCHS),
            batch_size,
            classifier_lr,
            backbone_lr: None,
            momentum: MOMENTUM,
            nesterov: false,
            weight_decay: 0.0,
            features: self.network.features(),
            view: crop_and_flip(card.transform.crop, card.released_filter()),
            transform: card.released_transform(),
            precision: self.precision.unwrap_or(Precision::Fp32),
            norm_batch: None,
            test_every: self.test_every.unwrap_or(1),
            seed: self.seed,
        })
    }
}

/// What a released protocol found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AugmentedResult {
    /// Of the last epoch.
    pub metrics: Metrics,
    /// The figures of every epoch.
    pub epochs: Vec<EpochFigures>,
}

/// Trains a linear classifier under the frozen backbone of `model` on the labelled images of `train` and tests it on
/// `test`. `None`: it was asked to stop. `kept` is a folder for what is done, whatever place the surroundings name: the same
/// call goes on from there after a crash.
///
/// # Errors
/// As [`AugmentedLinear::config`]; a value out of its range; no labels; the first error of data, network or disk; `kept` holds
/// another evaluation's work.
pub fn augmented_linear(
    model: &Model,
    train: &Arc<dyn Dataset>,
    test: &Arc<dyn Dataset>,
    how: &AugmentedLinear,
    machine: &Machine,
    kept: Option<&Path>,
    around: &mut Surroundings<'_>,
) -> Result<Option<AugmentedResult>, EvalError> {
    let config = how.config(&model.card)?;
    let labelled = LabelledImages::choose(train, &LabelBudget::Percent(100.0), config.seed)?.in_memory();
    let (images, classes) = (labelled.images.len(), labelled.images.classes().len());
    let training = FromLabels {
        name: "linear",
        source: model,
        from_scratch: false,
        plan: SupervisedPlan::new(config, images, classes, machine)?,
        images: Arc::clone(&labelled.images),
        classes,
        tags: None,
        test: Some(Arc::clone(test)),
    };
    let name = format!("linear-{}", how.network.name());
    let of = || training.identity();
    Kept::once((kept, &name), of, |place| {
        if let Some(place) = place {
            around.place = place;
        }
        let Some((_, epochs)) = training.train(around)? else { return Ok(None) };
        let mut protocol = training.plan.config.protocol(training.plan.run.total_steps);
        protocol["name"] = how.network.name().into();
        protocol["labels"] = labelled.chosen.clone();
        protocol["twist"] = env!("CARGO_PKG_VERSION").into();
        say_selection(&mut protocol, figure::LINEAR, &epochs);
        let metrics = Metrics { figures: tested(figure::LINEAR, &epochs), protocol, ..Metrics::default() };
        Ok(Some(AugmentedResult { metrics, epochs }))
    })
}
