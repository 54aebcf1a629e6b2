//! The card of a weight file.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use torch_ext::Precision;
use twist_data::{EvalTransform, Interpolation};
use twist_nn::{Activation, Arch, BackboneConfig, Filter, HeadConfig, MOST_OUTPUTS, Store};
use twist_run::ClusterNames;

use super::parts::Parts;
use super::split_card::SplitCard;
use crate::{CheckpointFacts, ModelError};

/// The parts of a model and how images become its input; JSON in the metadata of its weight file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Images to features; `None`: the model takes features that come from elsewhere.
    pub backbone: Option<BackboneCard>,
    /// Width D of the features.
    pub feature_dim: i64,
    /// Features to classes that training discovered.
    pub head: Option<HeadCard>,
    /// Features to classes that labels taught.
    pub classifier: Option<ClassifierCard>,
    /// Mean of each channel, subtracted from pixels in [0, 1].
    pub mean: [f64; 3],
    /// Standard deviation of each channel, by which they are divided.
    pub std: [f64; 3],
    /// Resizing and centre crop.
    pub transform: EvalTransform,
    /// Arithmetic that an evaluation uses when it is told nothing else.
    pub precision: Precision,
    /// What happens to the backbone's features before they enter the head.
    #[serde(default)]
    pub feature_scaling: FeatureScaling,
    /// Where the weights come from, in one line.
    pub origin: String,
}

/// Which backbone. In a file, `feature` says beside it what the backbone gives for an image; it follows from the architecture.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BackboneCard {
    /// Its architecture.
    pub arch: Arch,
    /// Channels of a ResNet's first stage, or of the last one of a ResNet for CIFAR.
    pub width: i64,
}

/// Which projection head, and which of its classes became several since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadCard {
    /// Units of its hidden layers.
    pub hidden_dim: i64,
    /// Its outputs: the classes that training discovered. [`HeadCard::classes`] is how many there are now.
    pub dim: i64,
    /// Its non-linearity.
    pub activation: Activation,
    /// Whether it ends in the norm before the softmax.
    pub norm: bool,
    /// The splits of its classes, in the order in which they were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<SplitCard>,
}

/// A linear classifier that was trained with labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierCard {
    /// Number of classes C.
    pub classes: i64,
    /// Their names in the order of the outputs; empty when nobody said them.
    #[serde(default)]
    pub names: Vec<String>,
    /// What logits are divided by before they become probabilities; `None`: nothing, as in models of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// What happens to features before they enter the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureScaling {
    /// Nothing.
    #[default]
    None,
    /// Each row is divided by its L2 norm.
    UnitLength,
}

impl Serialize for BackboneCard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let feature = self.arch.kind().usual().feature;
        let mut card = serializer.serialize_struct("BackboneCard", 2 + usize::from(feature.is_some()))?;
        card.serialize_field("arch", &self.arch)?;
        card.serialize_field("width", &self.width)?;
        if let Some(feature) = feature {
            card.serialize_field("feature", &feature.to_string())?;
        }
        card.end()
    }
}

impl BackboneCard {
    pub(crate) fn config(&self) -> BackboneConfig {
        BackboneConfig::new(self.arch).with_width(self.width)
    }
}

impl HeadCard {
    /// The network to build, whose last norm takes the whole batch together.
    pub(crate) fn config(&self) -> HeadConfig {
        let Self { hidden_dim, dim, activation, norm, .. } = *self;
        HeadConfig { hidden_dim, dim, activation, norm, bunch: None, ..HeadConfig::default() }
    }
}

impl ClassifierCard {
    /// The names for people to change. Some words, such as numbers, are not names that people can give: these classes go by their
    /// number.
    pub fn cluster_names(&self) -> ClusterNames {
        let mut names = ClusterNames::new(self.classes as u32);
        for (class, name) in (0..).zip(&self.names) {
            drop(names.rename(class, name));
        }
        names
    }
}

/// Mean and standard deviation of channels in [0, 1] that numbers can be normalised by: a smaller deviation makes of
/// pixels what no network was trained on, and of none infinity.
const MEANS: std::ops::RangeInclusive<f64> = 0.0..=1.0;
const STDS: std::ops::RangeInclusive<f64> = 1e-3..=1.0;

/// Most pixels on a side of a model's images: one larger image takes a gigabyte in the first layer.
const MOST_SIDE: u32 = 2048;

/// What logits can be divided by.
const TEMPERATURES: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// Most numbers in a row of features.
const MOST_FEATURES: i64 = 1 << 22;

/// Checks a normalisation.
///
/// # Errors
/// A channel is out of range.
pub(super) fn check_normalisation(mean: [f64; 3], std: [f64; 3]) -> Result<(), ModelError> {
    let fail = |what: &str, value: f64, range: &str| {
        let reason = format!("{what} is {value:e}, expected a number in {range} for each channel");
        Err(ModelError::card(reason))
    };
    if let Some(&value) = mean.iter().find(|&value| !MEANS.contains(value)) {
        return fail("mean", value, "[0, 1]");
    }
    match std.iter().find(|&value| !STDS.contains(value)) {
        Some(&value) => fail("std", value, "[0.001, 1]"),
        None => Ok(()),
    }
}

impl ModelCard {
    /// Checks every number for itself: a card comes from a file, and sizes the network that is made of it.
    ///
    /// # Errors
    /// A number is out of range.
    pub fn check(&self) -> Result<(), ModelError> {
        let fail = |reason: String| Err(ModelError::card(reason));
        check_normalisation(self.mean, self.std)?;
        if let Err(error) = self.transform.check() {
            return fail(error.to_string());
        }
        if self.transform.crop > MOST_SIDE {
            return fail(format!(
                "its images have {} pixels on a side, at most {MOST_SIDE} are possible",
                self.transform.crop
            ));
        }
        let (crop, multiple) =
            (self.transform.crop, self.backbone.as_ref().map_or(1, |card| card.arch.kind().side_multiple()));
        if i64::from(crop) % multiple != 0 {
            return fail(format!(
                "it cuts images into patches of {multiple} pixels, and {crop} is not a multiple"
            ));
        }
        if !(1..=MOST_FEATURES).contains(&self.feature_dim) {
            return fail(format!("feature_dim is {}, expected 1 to {MOST_FEATURES}", self.feature_dim));
        }
        if let Some(Err(error)) = self.backbone.as_ref().map(|card| card.config().check()) {
            return fail(error.to_string());
        }
        if let Some(Err(reason)) = self.head.as_ref().map(HeadCard::check) {
            return fail(reason);
        }
        let Some(classifier) = &self.classifier else { return Ok(()) };
        if !(1..=MOST_OUTPUTS).contains(&classifier.classes) {
            return fail(format!("classes is {}, expected 1 to {MOST_OUTPUTS}", classifier.classes));
        }
        if let Some(temperature) = classifier.temperature.filter(|t| !TEMPERATURES.contains(t)) {
            return fail(format!("temperature is {temperature:e}, expected a number in [1e-6, 1e6]"));
        }
        match classifier.names.len() as i64 {
            names if names > classifier.classes => {
                fail(format!("it has {} classes and {names} names of classes", classifier.classes))
            }
            _ => Ok(()),
        }
    }

    /// Names and shapes of the tensors that a model of this card has; nothing is allocated for them.
    ///
    /// # Errors
    /// As [`ModelCard::check`]; together they are more than any memory holds; its parts contradict each other.
    pub fn shapes(&self) -> Result<Vec<(String, Vec<usize>)>, ModelError> {
        self.check()?;
        let mut store = Store::outline();
        Parts::new(self, &mut store)?;
        Ok(store.shapes())
    }

    /// The card of a run's checkpoint.
    ///
    /// # Errors
    /// The recipe in the checkpoint names an architecture that this version does not know.
    pub fn of_run(facts: &CheckpointFacts, feature_dim: i64) -> Result<Self, ModelError> {
        let net = facts.recipe.model.net(None)?;
        let interpolation =
            facts.recipe.eval.interpolation.unwrap_or_else(|| released_filter(net.backbone.arch));
        Ok(Self {
            backbone: Some(BackboneCard { arch: net.backbone.arch, width: net.backbone.options.width }),
            feature_dim,
            head: Some(HeadCard {
                hidden_dim: net.head.hidden_dim,
                dim: net.head.dim,
                activation: net.head.activation,
                norm: net.head.norm,
                splits: Vec::new(),
            }),
            classifier: None,
            mean: facts.mean,
            std: facts.std,
            transform: EvalTransform::new(facts.resize, facts.crop, interpolation),
            precision: facts.precision.unwrap_or(Precision::Fp32),
            feature_scaling: FeatureScaling::None,
            origin: format!(
                "twist {}, recipe {}, step {} of {}",
                facts.twist, facts.recipe_name, facts.step, facts.total_steps
            ),
        })
    }

    /// The filter that the released evaluations resize with.
    pub fn released_filter(&self) -> Interpolation {
        self.backbone.as_ref().map_or(Interpolation::Bilinear, |backbone| released_filter(backbone.arch))
    }

    /// Resizing and centre crop of this model's sizes, with the filter of the released evaluations.
    pub fn released_transform(&self) -> EvalTransform {
        let EvalTransform { resize, crop, whole, .. } = self.transform;
        EvalTransform::new(resize, crop, self.released_filter()).with_whole(whole)
    }
}

/// The filter that the released evaluations resize with: bilinear for convolutional networks, bicubic for transformers.
pub fn released_filter(arch: Arch) -> Interpolation {
    match arch.kind().usual().filter {
        Filter::Bicubic => Interpolation::Bicubic,
        Filter::Bilinear => Interpolation::Bilinear,
    }
}
