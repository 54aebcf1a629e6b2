//! What learns: a backbone under a fresh linear classifier.

use tch::{Device, Tensor};
use twist_io::StateDict;
use twist_nn::{Init, Linear, Mode, Store, fill};
use twist_train::{Optimizer, Parameters, Precision, Sgd};

use super::SupervisedPlan;
use crate::EvalError;
use twist_model::{ClassifierCard, FeatureKind, Model, ModelCard, ModelError};

/// Standard deviation of the classifier's first weights.
const CLASSIFIER_STD: f64 = 0.01;

/// A copy of a model's backbone, a linear classifier, and their optimizers. The model that it came from is not touched.
pub struct Student {
    model: Model,
    classifier: Linear,
    classifier_store: Store,
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
    /// A student of `classes` classes with the backbone of `source`: its weights, or with `from_scratch` random ones of
    /// the plan's seed.
    ///
    /// # Errors
    /// `source` has no backbone; the device has no room.
    pub fn new(
        source: &Model,
        classes: i64,
        plan: &SupervisedPlan,
        from_scratch: bool,
        device: Device,
    ) -> Result<Self, EvalError> {
        source.backbone()?;
        let card = ModelCard { head: None, classifier: None, ..source.card.clone() };
        let mut model = Model::new(card, device, plan.seed)?;
        if !from_scratch {
            copy(&source.store, &model.store, "backbone.")?;
        }
        if plan.precision != Precision::Fp32 {
            model.store.to_channels_last()?;
        }
        let width = match plan.features {
            FeatureKind::Last => model.card.feature_dim,
            FeatureKind::LastBlocks(blocks) => blocks as i64 * model.card.feature_dim,
        };
        let mut classifier_store = Store::new(device, plan.seed);
        let classifier = Linear::new(&mut classifier_store.builder("classifier"), width, classes)?;
        start(&classifier_store, plan.seed)?;
        let mut groups = vec![Group::new("classifier", &classifier_store, plan)?];
        if plan.backbone_lr.is_some() {
            groups.push(Group::new("backbone", &model.store, plan)?);
        }
        Ok(Self {
            model,
            classifier,
            classifier_store,
            classes,
            features: plan.features,
            norm_batch: plan.norm_batch,
            groups,
        })
    }

    /// Number of classes C.
    pub(super) fn classes(&self) -> i64 {
        self.classes
    }

    /// Logits `[B, C]` of normalised images `[B, 3, S, S]`, in the kind that autocast chose. In training a backbone that
    /// learns uses the statistics of the batch, piece by piece of the plan's `norm_batch`; a frozen one is in evaluation mode
    /// always.
    pub(super) fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor, EvalError> {
        let learns = self.groups.len() > 1 && mode == Mode::Train;
        let features = match learns {
            true => self.features_of_pieces(images)?,
            false => self.model.features(images, self.features)?,
        };
        Ok(self.classifier.forward(&features)?)
    }

    /// Features `[B, D]` of a batch that learns: each piece is normalised by its own statistics, as on a GPU of its own.
    fn features_of_pieces(&self, images: &Tensor) -> Result<Tensor, EvalError> {
        let batch = images.size()[0];
        let pieces = self.norm_batch.map_or(1, |most| (batch as u64).div_ceil(most as u64)) as usize;
        let backbone = self.model.backbone()?;
        let pieces_of_images = images.f_tensor_split(pieces as i64, 0)?;
        let features = pieces_of_images
            .iter()
            .enumerate()
            .map(|(index, piece)| backbone.forward(piece, Mode::TrainPiece { index, pieces }));
        Ok(Tensor::f_cat(&features.collect::<Result<Vec<_>, _>>()?, 0)?)
    }

    /// Everything that the next step depends on: tensors that learn, running statistics, momentum.
    pub(super) fn state_dict(&self) -> Result<StateDict, EvalError> {
        let mut state = self.classifier_store.state_dict()?;
        if self.groups.len() > 1 {
            state.0.extend(self.model.store.state_dict()?.0);
        }
        for group in &self.groups {
            state.extend_prefixed(&format!("optim.{}.", group.name), group.optimizer.state_dict()?);
        }
        Ok(state)
    }

    /// Takes back what [`Student::state_dict`] gave.
    pub(super) fn load(&mut self, mut state: StateDict) -> Result<(), EvalError> {
        for group in &mut self.groups {
            group.optimizer.load(&state.split_prefix(&format!("optim.{}.", group.name)))?;
        }
        self.classifier_store.load(&state)?;
        if self.groups.len() > 1 {
            self.model.store.load(&state)?;
        }
        Ok(())
    }

    /// The student as a model of its own, with the names of its classes.
    pub(crate) fn into_model(
        self,
        names: Vec<String>,
        plan: &SupervisedPlan,
        origin: String,
    ) -> Result<Model, EvalError> {
        let card = ModelCard {
            classifier: Some(ClassifierCard { classes: names.len() as i64, names, temperature: None }),
            transform: plan.transform.clone(),
            precision: plan.precision,
            origin,
            ..self.model.card.clone()
        };
        let model = Model::new(card, self.model.store.device(), 0)?;
        copy(&self.model.store, &model.store, "backbone.")?;
        copy(&self.classifier_store, &model.store, "classifier.")?;
        Ok(model)
    }
}

impl Group {
    fn new(name: &'static str, store: &Store, plan: &SupervisedPlan) -> Result<Self, EvalError> {
        Ok(Self {
            name,
            parameters: Parameters::of(store),
            optimizer: Sgd::new(Parameters::of(store), plan.momentum)?.with_nesterov(plan.nesterov),
        })
    }
}

/// The classifier's first weights, as released: normal with standard deviation 0.01, bias 0.
fn start(store: &Store, seed: u64) -> Result<(), EvalError> {
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

/// Copies every tensor whose name begins with `prefix`.
fn copy(from: &Store, to: &Store, prefix: &str) -> Result<(), EvalError> {
    let known: std::collections::HashMap<&str, &Tensor> =
        from.entries().iter().map(|entry| (entry.name.as_str(), &entry.tensor)).collect();
    tch::no_grad(|| {
        for entry in to.entries().iter().filter(|entry| entry.name.starts_with(prefix)) {
            let source = known
                .get(entry.name.as_str())
                .ok_or_else(|| ModelError::Card { reason: format!("it has no tensor `{}`", entry.name) })?;
            entry.tensor.shallow_clone().f_copy_(source)?;
        }
        Ok(())
    })
}
