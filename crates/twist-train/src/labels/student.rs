//! What learns: a backbone under a fresh linear classifier.

use tch::{Device, Tensor};
use torch_ext::Precision;
use twist_io::StateDict;
use twist_nn::{Backbone, FeatureKind, Init, Linear, Mode, Store, fill};

use super::SupervisedConfig;
use crate::TrainError;
use crate::optim::{Optimizer, Parameters, Sgd};

/// Standard deviation of the classifier's first weights.
const CLASSIFIER_STD: f64 = 0.01;

/// A backbone, a linear classifier, and their optimizers.
pub struct Student {
    backbone: Box<dyn Backbone>,
    /// The backbone's tensors.
    pub backbone_store: Store,
    classifier: Linear,
    /// The classifier's tensors, `classifier.*`.
    pub classifier_store: Store,
    classes: i64,
    features: FeatureKind,
    norm_batch: Option<usize>,
    /// The classifier, then the backbone unless it is frozen.
    pub(super) groups: Vec<Group>,
}

/// Parameters that learn at one rate.
pub(super) struct Group {
    name: &'static str,
    pub(super) parameters: Parameters,
    pub(super) optimizer: Sgd,
}

impl Student {
    /// A student of `classes` classes with this backbone, whose tensors are those of the store.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(
        backbone: Box<dyn Backbone>,
        mut backbone_store: Store,
        classes: i64,
        config: &SupervisedConfig,
        device: Device,
    ) -> Result<Self, TrainError> {
        if config.precision != Precision::Fp32 {
            backbone_store.to_channels_last()?;
        }
        let width = config.features.width(backbone.feature_dim());
        let mut classifier_store = Store::new(device, config.seed);
        let classifier = Linear::new(&mut classifier_store.builder("classifier"), width, classes)?;
        start(&classifier_store, config.seed)?;
        let mut groups = vec![Group::new("classifier", &classifier_store, config)?];
        if config.backbone_lr.is_some() {
            groups.push(Group::new("backbone", &backbone_store, config)?);
        }
        Ok(Self {
            backbone,
            backbone_store,
            classifier,
            classifier_store,
            classes,
            features: config.features,
            norm_batch: config.norm_batch,
            groups,
        })
    }

    /// Number of classes C.
    pub fn classes(&self) -> i64 {
        self.classes
    }

    /// Whether the backbone learns.
    pub fn backbone_learns(&self) -> bool {
        self.groups.len() > 1
    }

    /// Logits `[B, C]` of normalised images `[B, 3, S, S]`, in the kind that autocast chose. In training a backbone that
    /// learns uses the statistics of the batch, piece by piece of the plan's `norm_batch`; a frozen one is in evaluation mode
    /// always.
    ///
    /// # Errors
    /// Images that do not fit; libtorch's own.
    pub fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor, TrainError> {
        let features = match self.backbone_learns() && mode == Mode::Train {
            true => self.features_of_pieces(images)?,
            false => {
                let features = tch::no_grad(|| self.features.of(&*self.backbone, images, Mode::Eval))?;
                features.f_to_kind(tch::Kind::Float)?
            }
        };
        Ok(self.classifier.forward(&features)?)
    }

    /// Features `[B, D]` of a batch that learns: each piece is normalised by its own statistics, as on a GPU of its own.
    fn features_of_pieces(&self, images: &Tensor) -> Result<Tensor, TrainError> {
        let batch = images.size()[0];
        let pieces = self.norm_batch.map_or(1, |most| (batch as u64).div_ceil(most as u64)) as usize;
        let pieces_of_images = images.f_tensor_split(pieces as i64, 0)?;
        let features = pieces_of_images
            .iter()
            .enumerate()
            .map(|(index, piece)| self.backbone.forward(piece, Mode::TrainPiece { index, pieces }));
        Ok(Tensor::f_cat(&features.collect::<Result<Vec<_>, _>>()?, 0)?)
    }

    /// Everything that the next step depends on: tensors that learn, running statistics, momentum.
    pub(super) fn state_dict(&self) -> Result<StateDict, TrainError> {
        let mut state = self.classifier_store.state_dict()?;
        if self.backbone_learns() {
            state.0.extend(self.backbone_store.state_dict()?.0);
        }
        for group in &self.groups {
            state.extend_prefixed(&format!("optim.{}.", group.name), group.optimizer.state_dict()?);
        }
        Ok(state)
    }

    /// Takes back what [`Student::state_dict`] gave.
    pub(super) fn load(&mut self, mut state: StateDict) -> Result<(), TrainError> {
        for group in &mut self.groups {
            group.optimizer.load(&state.split_prefix(&format!("optim.{}.", group.name)))?;
        }
        self.classifier_store.load(&state)?;
        if self.backbone_learns() {
            self.backbone_store.load(&state)?;
        }
        Ok(())
    }

    /// Parameters that learn, as values.
    pub(super) fn parameters(&self) -> u64 {
        let mut learn = self.classifier_store.parameters();
        if self.backbone_learns() {
            learn.extend(self.backbone_store.parameters());
        }
        learn.iter().map(|tensor| tensor.numel() as u64).sum()
    }

    /// The tensors that learn, with the running statistics, under their names.
    pub(super) fn tensors(&self) -> Vec<(String, Tensor)> {
        let learn = self.backbone_learns().then(|| self.backbone_store.entries());
        let entries = self.classifier_store.entries().iter().chain(learn.into_iter().flatten());
        entries.map(|entry| (entry.name.clone(), entry.tensor.shallow_clone())).collect()
    }
}

impl Group {
    fn new(name: &'static str, store: &Store, config: &SupervisedConfig) -> Result<Self, TrainError> {
        Ok(Self {
            name,
            parameters: Parameters::of(store),
            optimizer: Sgd::new(Parameters::of(store), config.momentum)?.with_nesterov(config.nesterov),
        })
    }
}

/// The classifier's first weights, as released: normal with standard deviation 0.01, bias 0.
fn start(store: &Store, seed: u64) -> Result<(), TrainError> {
    tch::no_grad(|| {
        for entry in store.entries() {
            let init = match entry.tensor.dim() {
                1 => Init::Const(0.0),
                _ => Init::Normal { std: CLASSIFIER_STD },
            };
            let values = Tensor::f_from_slice(&fill(init, seed, &entry.name, entry.tensor.numel()))?;
            entry.tensor.shallow_clone().f_copy_(&values.f_view(&entry.tensor.size()[..])?)?;
        }
        Ok(())
    })
}
