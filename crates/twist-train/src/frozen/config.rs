//! The recipe of a head as written. Sections that a recipe of a network has too mean the same here.

use serde::{Deserialize, Serialize};
use twist_nn::Activation;

use crate::config::{CheckpointConfig, GuardConfig, LossConfig, OptimConfig, ScheduleConfig, to_toml};

/// A recipe as written: one field for each section of the TOML file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// The heads.
    pub model: HeadModelConfig,
    /// What happens to features before they enter the heads.
    #[serde(default)]
    pub features: FeatureConfig,
    /// Which rows are compared.
    #[serde(default)]
    pub pairs: PairConfig,
    /// Which heads are guided, and by what.
    #[serde(default)]
    pub guide: GuideConfig,
    /// Weights of the loss terms.
    #[serde(default)]
    pub loss: LossConfig,
    /// The optimizer.
    pub optim: OptimConfig,
    /// Length of the run and course of the learning rate.
    pub schedule: ScheduleConfig,
    /// Batch and seed.
    pub train: HeadRunConfig,
    /// When to save and what to keep.
    #[serde(default)]
    pub checkpoint: CheckpointConfig,
    /// Evaluation during and after the run.
    #[serde(default)]
    pub eval: HeadEvalConfig,
    /// When the run counts as collapsed.
    #[serde(default)]
    pub guard: GuardConfig,
}

/// `[model]`: the heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadModelConfig {
    /// Number of clusters K.
    pub dim: i64,
    /// Width of a head's two hidden layers.
    #[serde(default = "defaults::hidden_dim")]
    pub hidden_dim: i64,
    /// Activation: `relu` or `gelu`.
    #[serde(default)]
    pub activation: Activation,
    /// Whether a head ends in its norm before softmax.
    #[serde(default = "defaults::yes")]
    pub norm: bool,
    /// Heads that are trained side by side, of which the one with the lowest loss is kept.
    #[serde(default = "defaults::heads")]
    pub heads: usize,
}

/// `[features]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureConfig {
    /// Whether each row is divided by its L2 norm.
    pub unit_length: bool,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        Self { unit_length: true }
    }
}

/// `[pairs]`: a row is compared with one of its neighbours, drawn anew in every epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairConfig {
    /// Neighbours of each row, by cosine similarity; fewer if the rows are fewer.
    pub neighbours: usize,
    /// Only neighbours that have the row among their own count, as long as there is one.
    pub mutual: bool,
    /// The chance that a number of a row is 0 in a batch (the others grow accordingly), drawn for each view: it keeps heads
    /// from following the training rows too closely.
    pub dropout: f64,
}

impl Default for PairConfig {
    fn default() -> Self {
        Self { neighbours: 20, mutual: false, dropout: 0.0 }
    }
}

/// `[guide]`: heads that learn given clusters at first, while the loss takes over evenly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuideConfig {
    /// How many heads are guided, the last ones.
    pub heads: usize,
    /// What finds the clusters.
    pub by: GuideBy,
    /// k-means sees each row averaged with so many of its neighbours, the nearer the more; 0: the rows alone.
    pub neighbours: usize,
    /// The part of the run in which the share of the guide falls, from 1.
    pub part: f64,
    /// The share of the guide from there on.
    pub rest: f64,
}

impl Default for GuideConfig {
    fn default() -> Self {
        Self { heads: 0, by: GuideBy::KMeans, neighbours: 0, part: 0.3, rest: 0.0 }
    }
}

/// What finds the clusters of guided heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuideBy {
    /// A k-means for each head.
    KMeans,
    /// A mixture with clusters of different sizes, one for all guided heads, in a space scaled by the differences between
    /// neighbours. It begins with k-means.
    Mixture,
}

/// `[train]`. Heads are small, so they are trained in fp32 everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadRunConfig {
    /// Rows of one update, all of them where there are fewer. The loss is that of the batch: its diversity term needs
    /// many rows for each class.
    pub batch_size: usize,
    /// Seed of weights, order and pairs.
    #[serde(default)]
    pub seed: u64,
    /// Steps between two lines in the log.
    #[serde(default = "defaults::log_every")]
    pub log_every: u64,
}

/// `[eval]`: evaluation happens where there are labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadEvalConfig {
    /// Epochs between two online evaluations; 0 turns them off.
    pub every_epochs: u64,
    /// Whether the final evaluation measures k-means on the same features.
    pub baselines: bool,
}

impl Default for HeadEvalConfig {
    fn default() -> Self {
        Self { every_epochs: 5, baselines: true }
    }
}

impl HeadConfig {
    /// The whole configuration as TOML, defaults written out: every value in force.
    pub fn to_toml(&self) -> String {
        to_toml(self)
    }
}

/// Defaults of single fields, named after them.
mod defaults {
    twist_io::defaults! {
        hidden_dim: i64 = 256;
        yes: bool = true;
        heads: usize = 4;
        log_every: u64 = 10;
    }
}
