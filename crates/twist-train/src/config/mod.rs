//! A recipe as the user wrote it.
//!
//! [`TrainConfig`] holds what a recipe says and the defaults where it is silent; nothing in it is derived from data or
//! hardware (that is [`crate::TrainPlan`]'s part) and nothing changes it after it was read. Unknown keys are errors
//! with the file, the line and the nearest known key.

mod read;
mod sections;

pub use read::{ConfigError, Override, RecipeOf, warmup_that_fits};
pub(crate) use sections::outputs_rules;
pub use sections::{
    CheckpointConfig, DataConfig, EvalConfig, GuardConfig, InMemory, LossConfig, OptimConfig, OptimName,
    RunConfig, ScheduleConfig, SelfLabelConfig, TeacherConfig,
};

use serde::{Deserialize, Serialize};
use twist_data::ViewPolicy;
use twist_nn::ModelConfig;

/// The recipe of a network.
pub type Recipe = RecipeOf<TrainConfig>;

/// A recipe as written: one field per section of the TOML file.
///
/// ```
/// use twist_train::Recipe;
///
/// let text = r#"
/// model = { arch = "resnet18_cifar", dim = 10 }
/// optim = { name = "sgd", lr = 0.1 }
/// schedule = { epochs = 4 }
/// train = { batch_size = 64 }
/// [[views]]
/// name = "a"
/// size = 32
/// scale = [0.2, 1.0]
/// blur = 0.0
/// solarize = 0.0
/// [[views]]
/// name = "b"
/// size = 32
/// scale = [0.2, 1.0]
/// blur = 0.0
/// solarize = 0.2
/// "#;
/// let recipe = Recipe::read("small", text, &[]).unwrap();
/// assert_eq!(recipe.config.optim.momentum, 0.9);
/// let typo = Recipe::read("small.toml", &text.replace("epochs", "epoch"), &[]).unwrap_err().to_string();
/// assert!(typo.contains("small.toml, line 4") && typo.contains("did you mean `epochs`?"), "{typo}");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The network.
    pub model: ModelConfig,
    /// Weights of the loss terms.
    #[serde(default)]
    pub loss: LossConfig,
    /// How images become numbers.
    #[serde(default)]
    pub data: DataConfig,
    /// The augmentation policies of the views: two global views of one size, then any number of local ones.
    pub views: Vec<ViewPolicy>,
    /// The momentum teacher, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherConfig>,
    /// The self-labelling stage, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_label: Option<SelfLabelConfig>,
    /// The optimizer.
    pub optim: OptimConfig,
    /// Length of the run and course of the learning rate.
    pub schedule: ScheduleConfig,
    /// Batch, precision, seed.
    pub train: RunConfig,
    /// When to save and what to keep.
    #[serde(default)]
    pub checkpoint: CheckpointConfig,
    /// Evaluation during and after the run.
    #[serde(default)]
    pub eval: EvalConfig,
    /// When the run counts as collapsed.
    #[serde(default)]
    pub guard: GuardConfig,
}

impl TrainConfig {
    /// The whole configuration as TOML, defaults written out: every value in force.
    pub fn to_toml(&self) -> String {
        to_toml(self)
    }
}

pub(crate) fn to_toml(config: &impl Serialize) -> String {
    toml::to_string_pretty(config).unwrap_or_else(|error| format!("# not expressible as TOML: {error}\n"))
}

#[cfg(test)]
impl Recipe {
    /// The recipe of tests, with these overrides.
    pub(crate) fn tiny(overrides: &[&str]) -> Result<Self, ConfigError> {
        Self::tiny_and("", overrides)
    }

    /// The same with more text behind it.
    pub(crate) fn tiny_and(more: &str, overrides: &[&str]) -> Result<Self, ConfigError> {
        let overrides: Result<Vec<_>, _> = overrides.iter().map(|text| text.parse()).collect();
        Self::read("tiny", &format!("{}{more}", include_str!("../../tests/tiny.toml")), &overrides?)
    }
}
