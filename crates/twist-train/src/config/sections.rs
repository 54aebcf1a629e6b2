//! The sections of a recipe with their defaults, which are the paper's where it has a value.

use serde::{Deserialize, Serialize};
use twist_data::{Interpolation, ViewPolicy};
use twist_nn::{MOST_OUTPUTS, TwistLoss};

use crate::rules::{
    ABOVE_0, BELOW_1, CLIPPING, FINITE, FROM_0, PART_OF_PEAK, Rule, SWITCH, TWO_BELOW_1, within,
};

/// The rules of a head's widths, in recipes of networks and of heads.
pub(crate) fn outputs_rules(hidden_dim: i64, dim: i64) -> [Rule<'static>; 2] {
    let fits = |least: i64, value: i64| (least..=MOST_OUTPUTS).contains(&value);
    [
        ("model.hidden_dim", hidden_dim as f64, fits(1, hidden_dim), "in 1 to 1048576"),
        ("model.dim", dim as f64, fits(2, dim), "2 to 1048576 clusters (--clusters)"),
    ]
}

/// `[loss]`: weights of the terms; the paper's alpha is `1 + lam1` and its beta is `lam2`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// Weight of the agreement between views; 0 switches it off.
    pub consistency: f64,
    /// Takes one direction of the divergence, from the earlier view to the later one, instead of half of both.
    pub one_sided: bool,
    /// Added to the weight 1 of the sharpness term.
    pub lam1: f64,
    /// Weight of the diversity term.
    pub lam2: f64,
    /// Divides the logits of the sharpness and diversity terms; all logits when there is a teacher, as released.
    pub temperature: f64,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self { consistency: 1.0, one_sided: false, lam1: 0.0, lam2: 1.0, temperature: 1.0 }
    }
}

impl LossConfig {
    pub(crate) fn rules(&self) -> [Rule<'static>; 4] {
        [
            within("loss.consistency", self.consistency, SWITCH),
            within("loss.temperature", self.temperature, ABOVE_0),
            within("loss.lam1", self.lam1, FINITE),
            within("loss.lam2", self.lam2, FINITE),
        ]
    }

    pub(crate) fn twist(&self) -> TwistLoss {
        let Self { consistency, one_sided, lam1, lam2, temperature } = *self;
        TwistLoss { consistency, one_sided, lam1, lam2, temperature, ..TwistLoss::default() }
    }
}

/// `[teacher]`: a slower copy of the network that its views learn from, instead of from each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TeacherConfig {
    /// Share of the teacher that stays in an update, at the beginning.
    pub momentum: f64,
    /// Where a cosine takes it by the end of the schedule's epochs; it stays there while self-labelling. At 1 the teacher
    /// that labels then no longer changes.
    pub momentum_end: f64,
}

impl Default for TeacherConfig {
    fn default() -> Self {
        Self { momentum: 0.996, momentum_end: 1.0 }
    }
}

/// `[self_label]`: epochs after those of the schedule in which confident images label their other views.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfLabelConfig {
    /// Passes over the data, after those of the schedule.
    pub epochs: u64,
    /// Peak learning rate of the restart, for 256 images when `optim.scale_lr`.
    pub lr: f64,
    /// Epochs of linear warm-up from 0.
    #[serde(default = "defaults::self_label_warmup")]
    pub warmup_epochs: u64,
    /// Which part of the images is confident, at the beginning and at the end of a cosine.
    #[serde(default = "defaults::quantile")]
    pub quantile: [f64; 2],
    /// Images that have a threshold of their own (released: those of a GPU); if omitted: the whole batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_images: Option<usize>,
    /// Augmentation policies of this stage; if omitted: those of the schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<ViewPolicy>,
}

/// `[data]`: normalisation and memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Mean of each channel, in [0, 1]; default: ImageNet's.
    pub mean: [f64; 3],
    /// Standard deviation of each channel, in [0, 1]; default: ImageNet's.
    pub std: [f64; 3],
    /// Whether decoded images stay in memory.
    pub in_memory: InMemory,
    /// Training images with a longer shorter side, in pixels, are reduced to it once, before views are cut from them;
    /// if omitted: views are cut from the whole image. Evaluation always sees the whole image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduce_to: Option<u32>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            in_memory: InMemory::Auto,
            reduce_to: None,
        }
    }
}

/// Whether decoded images stay in memory after their first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InMemory {
    /// When the decoded set fits into a quarter of the memory that is free at the start.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// `[optim]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimConfig {
    /// Which optimizer.
    pub name: OptimName,
    /// Peak learning rate, for 256 images when `scale_lr`.
    pub lr: f64,
    /// Multiplies `lr` by `batch_size / 256`.
    #[serde(default = "defaults::yes")]
    pub scale_lr: bool,
    /// One-dimensional parameters learn at `lr / bias_lr_ratio` (released: `lr_wbr`).
    #[serde(default = "defaults::one")]
    pub bias_lr_ratio: f64,
    /// Momentum of LARS and SGD.
    #[serde(default = "defaults::momentum")]
    pub momentum: f64,
    /// Weight decay of weights; biases and norms have none.
    #[serde(default)]
    pub weight_decay: f64,
    /// Where a cosine takes the weight decay; if omitted: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay_end: Option<f64>,
    /// Largest L2 norm of all gradients together; 0 turns clipping off.
    #[serde(default)]
    pub clip_norm: f64,
    /// LARS's trust coefficient.
    #[serde(default = "defaults::eta")]
    pub eta: f64,
    /// AdamW's decay rates.
    #[serde(default = "defaults::betas")]
    pub betas: [f64; 2],
    /// AdamW's epsilon.
    #[serde(default = "defaults::eps")]
    pub eps: f64,
}

impl OptimConfig {
    pub(crate) fn rules(&self) -> [Rule<'static>; 10] {
        let [first, second] = self.betas;
        [
            within("optim.lr", self.lr, FROM_0),
            within("optim.bias_lr_ratio", self.bias_lr_ratio, ABOVE_0),
            within("optim.momentum", self.momentum, BELOW_1),
            within("optim.weight_decay", self.weight_decay, FROM_0),
            within("optim.weight_decay_end", self.weight_decay_end.unwrap_or(self.weight_decay), FROM_0),
            within("optim.clip_norm", self.clip_norm, CLIPPING),
            within("optim.eta", self.eta, ABOVE_0),
            within("optim.betas", first, TWO_BELOW_1),
            within("optim.betas", second, TWO_BELOW_1),
            within("optim.eps", self.eps, ABOVE_0),
        ]
    }
}

/// The optimizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimName {
    /// Layer-wise adaptive rates, as released with TWIST.
    Lars,
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam with decoupled weight decay.
    Adamw,
}

/// `[schedule]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Passes over the data.
    pub epochs: u64,
    /// Epochs of linear warm-up; if omitted: the released rule (10; 5 up to 50 epochs; 3 up to 20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_epochs: Option<u64>,
    /// The cosine ends at this fraction of the peak.
    #[serde(default = "defaults::final_lr_fraction")]
    pub final_lr_fraction: f64,
}

impl ScheduleConfig {
    pub(crate) fn rules(&self) -> [Rule<'static>; 1] {
        [within("schedule.final_lr_fraction", self.final_lr_fraction, PART_OF_PEAK)]
    }
}

/// `[train]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Images of one update, over all devices.
    pub batch_size: usize,
    /// Pieces in which the backbone sees that batch, one at a time, to save memory; the loss stays that of the whole batch.
    #[serde(default = "defaults::accumulation")]
    pub accumulation: usize,
    /// Images whose statistics the backbone's batch norms take together: those of a piece. With `accumulation` 1 it can be less
    /// than the batch, of which all activations are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm_batch: Option<usize>,
    /// Keeps only what enters each block of the backbone, of one piece when the batch is cut, and computes the rest again
    /// on the way back: less memory for one more forward pass.
    #[serde(default)]
    pub checkpoint_activations: bool,
    /// `auto`, `fp32` or `bf16`.
    #[serde(default = "defaults::auto")]
    pub precision: String,
    /// `auto`, `on` or `off`: the memory layout of the backbone.
    #[serde(default = "defaults::auto")]
    pub channels_last: String,
    /// Seed of weights, order and augmentation.
    #[serde(default)]
    pub seed: u64,
    /// Steps between two lines in the log, which is when figures are read from the device.
    #[serde(default = "defaults::log_every")]
    pub log_every: u64,
}

/// `[checkpoint]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// Epochs between two checkpoints; 1 when neither this nor `every_steps` is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_epochs: Option<u64>,
    /// Steps between two checkpoints, instead of epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_steps: Option<u64>,
    /// How many of the last checkpoints stay on disk, beside the best one.
    pub keep: usize,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { every_epochs: None, every_steps: None, keep: 3 }
    }
}

/// `[eval]`: online and final evaluation; they happen when there is labelled data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvalConfig {
    /// Epochs between two online evaluations; 0 turns them off.
    pub every_epochs: u64,
    /// Neighbours of weighted k-NN.
    pub knn_k: usize,
    /// Temperature of weighted k-NN.
    pub knn_temperature: f64,
    /// Shorter side after resizing, in pixels; if omitted: 8/7 of `crop` from 96 pixels on, else `crop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<u32>,
    /// Side of the centre crop, in pixels; if omitted: the size of the first view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<u32>,
    /// Filter of the resizing; if omitted: that of the released evaluations, bilinear for ResNets and bicubic for transformers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpolation: Option<Interpolation>,
    /// Whether the final evaluation measures raw pixels and a random backbone beside the trained one.
    pub baselines: bool,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self {
            every_epochs: 10,
            knn_k: 200,
            knn_temperature: 0.1,
            resize: None,
            crop: None,
            interpolation: None,
            baselines: true,
        }
    }
}

/// `[guard]`: when a run counts as collapsed; see [`crate::Guard`] for what each kind means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardConfig {
    /// Turns the guard off altogether, the check for non-finite numbers included.
    pub enabled: bool,
    /// A sign of collapse must hold at every reading over this many steps.
    pub window_steps: u64,
    /// Uniform: the entropy of the mean distribution exceeds the mean entropy of an image's by less than this many nats.
    pub uniform_gap: f64,
    /// One-hot: the mean distribution is worth fewer than this many classes.
    pub one_hot_classes: f64,
    /// Dead classes: less than this share of the reachable classes is in use.
    pub dead_fraction: f64,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            window_steps: 200,
            uniform_gap: 0.005,
            one_hot_classes: 1.5,
            dead_fraction: 0.2,
        }
    }
}

/// Defaults of single fields, named after them.
mod defaults {
    twist_io::defaults! {
        self_label_warmup: u64 = 5;
        quantile: [f64; 2] = [0.5, 0.6];
        yes: bool = true;
        one: f64 = 1.0;
        momentum: f64 = 0.9;
        eta: f64 = 0.001;
        betas: [f64; 2] = [0.9, 0.999];
        eps: f64 = 1e-8;
        final_lr_fraction: f64 = 0.001;
        accumulation: usize = 1;
        auto: String = "auto".into();
        log_every: u64 = 10;
    }
}
