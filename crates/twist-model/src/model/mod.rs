//! A trained model as people use it: weights with what they need to be understood.
//!
//! A [`Model`] comes from a run folder, a checkpoint or a weight file. It has a backbone, a projection head (classes
//! that training discovered), a classifier (classes that labels taught), or any of these; its [`ModelCard`] says which,
//! how images become its input, and where it comes from. Every evaluation and every command that uses what was
//! learned begins with one.

mod card;
mod file;
mod hash;
mod name;
mod open;
mod parts;
mod split;
mod split_card;

mod foreign;
mod heads;
mod import;
mod recognise;
mod released;
mod rename;
mod starter;
mod weights;

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};
use twist_io::{Refused, StateDict};
use twist_nn::{Backbone, FeatureKind, Linear, Mode, ProjectionHead, Store};

pub use card::{BackboneCard, ClassifierCard, FeatureScaling, HeadCard, ModelCard, released_filter};
pub use foreign::{Foreign, NamedModel, in_key};
pub(crate) use hash::hash_of;
pub use hash::{hex, sha256_of, weights_hash};
use heads::with_heads;
pub use import::{ImportOptions, Imported, import, import_own};
pub use name::ModelName;
pub use released::ReleasedCheckpoint;
pub use split_card::SplitCard;
pub use starter::{STARTER, Starter};
pub use weights::Weights;

use self::parts::Parts;
use crate::ModelError;
use crate::features::unit_rows;

/// The key of a weight file's metadata below which its [`ModelCard`] stands.
pub(crate) const CARD_KEY: &str = "twist_model";

/// Weights with their card. Frozen: nothing here asks for gradients.
#[derive(Debug)]
pub struct Model {
    /// The weight file; empty for a model that was made here.
    pub path: PathBuf,
    /// The run folder that it belongs to, if any.
    pub folder: Option<PathBuf>,
    /// Finished steps of the run, where it is a checkpoint.
    pub step: Option<u64>,
    /// Newer checkpoints of the run that cannot be used, each with the reason.
    pub left_out: Vec<String>,
    /// SHA-256 of the weight file, 32 hexadecimal digits (of a checkpoint's teacher: a hash of that one); empty for a model that
    /// was made here.
    pub hash: String,
    /// SHA-256 of the backbone's tensors alone, 32 hexadecimal digits: models that differ in their heads share features.
    pub backbone_hash: String,
    /// [`weights_hash`] of its tensors (of a checkpoint's teacher: of its student's, whose classes it has); empty for a model that
    /// was made here.
    pub weights_hash: String,
    /// What it is.
    pub card: ModelCard,
    /// Every tensor: `backbone.*`, `projection_heads.*`, `classifier.*`.
    pub store: Store,
    backbone: Option<Box<dyn Backbone>>,
    head: Option<ProjectionHead>,
    /// Of the splits of its classes, in their order.
    splits: Vec<ProjectionHead>,
    classifier: Option<Linear>,
}

/// Probabilities `[B, K]` (float32) of the outputs of a head, from features `[B, D]` as it takes them.
fn softmax_of(head: &ProjectionHead, features: &Tensor) -> Result<Tensor, ModelError> {
    let logits = tch::no_grad(|| head.forward(features, 1, Mode::Eval))?;
    Ok(logits.f_softmax(-1, Kind::Float)?)
}

/// Images were given to a model of features.
fn no_backbone(path: &Path) -> ModelError {
    let why = "it was trained on features that another program computed, so give it features (.npy or .parquet), not images";
    Refused::new(format!("{} has no backbone", path.display())).because(why).into()
}

impl Model {
    /// A model with initial weights that depend on `seed` and on nothing else.
    ///
    /// # Errors
    /// As [`ModelCard::shapes`]; the device has no room.
    pub fn new(card: ModelCard, device: Device, seed: u64) -> Result<Self, ModelError> {
        Self::in_store(card, Store::new(device, seed))
    }

    /// A model with these weights; tensors of the state that it does not have are left out.
    ///
    /// # Errors
    /// As [`Model::new`]; a tensor is missing or has another shape.
    pub fn with_weights(card: ModelCard, device: Device, weights: &StateDict) -> Result<Self, ModelError> {
        let model = Self::in_store(card, Store::to_load(device))?;
        model.store.load(weights)?;
        Ok(model)
    }

    fn in_store(card: ModelCard, mut store: Store) -> Result<Self, ModelError> {
        // What all sizes make together is counted before anything is allocated.
        card.shapes()?;
        let Parts { backbone, head, splits, classifier } = Parts::new(&card, &mut store)?;
        let (hash, backbone_hash, weights_hash) = (String::new(), String::new(), String::new());
        let (path, folder, step, left_out) = (PathBuf::new(), None, None, Vec::new());
        Ok(Self {
            path,
            folder,
            step,
            left_out,
            hash,
            backbone_hash,
            weights_hash,
            card,
            store,
            backbone,
            head,
            splits,
            classifier,
        })
    }

    /// Images to features.
    ///
    /// # Errors
    /// The model is of features that come from elsewhere.
    pub fn backbone(&self) -> Result<&dyn Backbone, ModelError> {
        self.backbone.as_deref().ok_or_else(|| no_backbone(&self.path))
    }

    /// The backbone with every tensor of the model, for training.
    ///
    /// # Errors
    /// As [`Model::backbone`].
    pub fn into_backbone(self) -> Result<(Box<dyn Backbone>, Store), ModelError> {
        let Self { path, store, backbone, .. } = self;
        Ok((backbone.ok_or_else(|| no_backbone(&path))?, store))
    }

    /// Features to the logits of discovered classes.
    ///
    /// # Errors
    /// The model has no head.
    pub fn head(&self) -> Result<&ProjectionHead, ModelError> {
        let what = "has no projection head, so it discovered no classes; `twist train DATA --frozen MODEL --clusters K` trains one";
        let refused = || Refused::new(format!("{} {what}", self.path.display()));
        Ok(self.head.as_ref().ok_or_else(refused)?)
    }

    /// Features to the logits of classes that labels taught.
    ///
    /// # Errors
    /// The model has no classifier.
    pub fn classifier(&self) -> Result<&Linear, ModelError> {
        self.classifier.as_ref().ok_or_else(|| ModelError::no_classifier(&self.path))
    }

    /// Features `[B, D]` (float32) of normalised images `[B, 3, S, S]`, in evaluation mode.
    ///
    /// # Errors
    /// No backbone; images that do not fit; class tokens of a network that has none; numbers that are not finite.
    pub fn features(&self, images: &Tensor, kind: FeatureKind) -> Result<Tensor, ModelError> {
        let backbone = self.backbone()?;
        let features = tch::no_grad(|| kind.of(backbone, images, Mode::Eval))?;
        self.finite(features.f_to_kind(Kind::Float)?)
    }

    /// A result of this model that is made of numbers.
    fn finite(&self, result: Tensor) -> Result<Tensor, ModelError> {
        match bool::try_from(&result.f_isfinite()?.f_all()?)? {
            true => Ok(result),
            false if self.path.as_os_str().is_empty() => Err(ModelError::not_finite("the model")),
            false => Err(ModelError::not_finite(&self.path.display().to_string())),
        }
    }

    /// Probabilities `[B, K]` (float32) of the discovered classes, splits among them, from features `[B, D]` as the backbone gives
    /// them.
    ///
    /// # Errors
    /// No head; features of another width; numbers that are not finite.
    pub fn head_probabilities(&self, features: &Tensor) -> Result<Tensor, ModelError> {
        let head = self.head()?;
        let scaled = match self.card.feature_scaling {
            FeatureScaling::None => features.shallow_clone(),
            FeatureScaling::UnitLength => unit_rows(features)?,
        };
        self.finite(self.divided(softmax_of(head, &scaled)?, &scaled)?)
    }

    /// Logits `[B, C]` (float32) of the classifier, from features `[B, D]` as the backbone gives them.
    ///
    /// # Errors
    /// No classifier; features of another width; numbers that are not finite.
    pub fn classifier_logits(&self, features: &Tensor) -> Result<Tensor, ModelError> {
        let classifier = self.classifier()?;
        self.finite(tch::no_grad(|| classifier.forward(features))?.f_to_kind(Kind::Float)?)
    }

    /// Probabilities `[B, C]` (float32) of the classifier, from features `[B, D]` as the backbone gives them: the softmax of
    /// its logits, divided by the temperature that its card says.
    ///
    /// # Errors
    /// As [`Model::classifier_logits`].
    pub fn classifier_probabilities(&self, features: &Tensor) -> Result<Tensor, ModelError> {
        let temperature = self.card.classifier.as_ref().and_then(|card| card.temperature).unwrap_or(1.0);
        let logits = self.classifier_logits(features)?;
        Ok(logits.f_div_scalar(temperature)?.f_softmax(-1, Kind::Float)?)
    }
}
