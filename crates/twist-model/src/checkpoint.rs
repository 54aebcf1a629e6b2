//! What the checkpoint of a network says of itself.

use serde::{Deserialize, Serialize};
use torch_ext::Precision;
use twist_data::Interpolation;
use twist_nn::ModelConfig;
use twist_run::{Measured, Streaks};

/// The metadata of a checkpoint: everything that is not a tensor. `R` is its recipe: the whole of it for those who train on,
/// [`NetworkRecipe`] for those who use the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointFacts<R = NetworkRecipe> {
    /// Number of finished steps; the run continues with the step of this number.
    pub step: u64,
    /// The same in epochs.
    pub epoch: f64,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// Name of the recipe.
    pub recipe_name: String,
    /// The recipe with its defaults.
    pub recipe: R,
    /// What the recipe's precision came to on the hardware; checkpoints of older versions do not say it.
    #[serde(default)]
    pub precision: Option<Precision>,
    /// What the guard had counted; checkpoints of older versions do not say it.
    #[serde(default)]
    pub guard_streaks: Streaks,
    /// What it was measured by, so that a run that was killed between this checkpoint and its becoming the best one makes up
    /// for it; `None` when nothing was measured at this step.
    #[serde(default)]
    pub measured: Option<Measured>,
    /// Sum and number of the losses since the last checkpoint that was measured by them.
    #[serde(default)]
    pub losses: (f64, u64),
    /// Names of the training data's classes, empty without labels.
    pub class_names: Vec<String>,
    /// Identity of the training data.
    pub data_fingerprint: String,
    /// Number of training images; checkpoints of older versions do not say it.
    #[serde(default)]
    pub images: Option<usize>,
    /// Mean of each channel that the network expects to be subtracted.
    pub mean: [f64; 3],
    /// Standard deviation of each channel that it expects to be divided by.
    pub std: [f64; 3],
    /// Shorter side to resize to, in pixels.
    pub resize: u32,
    /// Side of the centre crop, in pixels.
    pub crop: u32,
    /// Twist's version.
    pub twist: String,
    /// libtorch's version.
    pub libtorch: String,
}

/// The part of a recipe that decides what the network is and how its images are resized.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NetworkRecipe {
    /// The network.
    pub model: ModelConfig,
    /// How it is evaluated.
    #[serde(default)]
    pub eval: Resizing,
}

/// How images are resized for an evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Resizing {
    /// The filter; if omitted: that of the released evaluations.
    pub interpolation: Option<Interpolation>,
}
