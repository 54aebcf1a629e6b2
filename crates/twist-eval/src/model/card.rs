//! What a weight file says of itself.

use serde::{Deserialize, Serialize};
use twist_data::EvalTransform;
use twist_io::ClusterNames;
use twist_nn::{Activation, Arch};
use twist_train::{CheckpointFacts, Precision, network_of};

use crate::EvalError;

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

/// Which backbone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackboneCard {
    /// Its architecture.
    pub arch: Arch,
    /// Channels of a ResNet's first stage, or of the last one of a ResNet for CIFAR.
    pub width: i64,
}

/// Which projection head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadCard {
    /// Units of its hidden layers.
    pub hidden_dim: i64,
    /// Number of discovered classes K.
    pub dim: i64,
    /// Its non-linearity.
    pub activation: Activation,
    /// Whether it ends in the norm before the softmax.
    pub norm: bool,
}

/// A linear classifier that was trained with labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierCard {
    /// Number of classes C.
    pub classes: i64,
    /// Their names in the order of the outputs; empty when nobody said them.
    #[serde(default)]
    pub names: Vec<String>,
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

impl ClassifierCard {
    /// The names for people to change. Some words are no names for people to give, such as numbers: these classes go by their
    /// number.
    pub fn cluster_names(&self) -> ClusterNames {
        let mut names = ClusterNames::new(self.classes as u32);
        for (class, name) in (0..).zip(&self.names) {
            drop(names.rename(class, name));
        }
        names
    }
}

impl ModelCard {
    /// The card of a run's checkpoint.
    ///
    /// # Errors
    /// The recipe in the checkpoint names an architecture that this version does not know.
    pub fn of_run(facts: &CheckpointFacts, feature_dim: i64) -> Result<Self, EvalError> {
        let net = network_of(&facts.recipe.model, None).map_err(twist_train::TrainError::from)?;
        let interpolation = facts.recipe.eval.interpolation;
        Ok(Self {
            backbone: Some(BackboneCard { arch: net.arch, width: net.width }),
            feature_dim,
            head: Some(HeadCard {
                hidden_dim: net.hidden_dim,
                dim: net.dim,
                activation: net.activation,
                norm: net.norm,
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
}
