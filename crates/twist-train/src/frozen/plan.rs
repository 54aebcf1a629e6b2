//! Every number that a run of heads derives from its recipe, its features and its machine, checked once.

use serde::Serialize;
use twist_nn::TwistLoss;

use super::HeadConfig;
use super::check::check_values;
use crate::config::GuardConfig;
use crate::length;
use crate::machine::Machine;
use crate::schedule::{Cosine, LearningRate, Stage, silent_warmup_epochs};
use crate::{CheckpointPlan, PlanError, Rates};

/// What a plan needs to know about the features.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeatureFacts {
    /// Number of rows N.
    pub rows: usize,
    /// Numbers in a row, D.
    pub width: i64,
    /// Names of the classes, empty without labels.
    pub classes: Vec<String>,
    /// Identity of the features; a change is reported on resume.
    pub fingerprint: String,
}

/// A checked run of heads. It is made once and never changes; `plan.json` is its serialised form.
#[derive(Clone, Debug, Serialize)]
pub struct HeadPlan {
    #[serde(skip)] // the recipe has what matters of it; it also names a backbone, and there is none
    net: twist_nn::HeadConfig,
    heads: usize,
    features: FeatureFacts,
    neighbours: usize,
    seed: u64,
    batch_size: usize,
    epochs: u64,
    steps_per_epoch: u64,
    total_steps: u64,
    warmup_epochs: u64,
    peak_learning_rate: f64,
    learning_rate: LearningRate,
    weight_decay: Cosine,
    machine: Machine,
    checkpoint: CheckpointPlan,
    eval_every_steps: Option<u64>,
    config: HeadConfig,
}

impl HeadPlan {
    /// Derives and checks everything.
    ///
    /// # Errors
    /// [`PlanError`], with the key, its value and a value that would do.
    pub fn new(config: &HeadConfig, features: &FeatureFacts, machine: &Machine) -> Result<Self, PlanError> {
        check_values(config, features)?;
        let (train, schedule, optim) = (config.train, config.schedule, config.optim);
        let batch_size = train.batch_size.min(features.rows);
        let steps_per_epoch = (features.rows / batch_size) as u64;
        let steps_of = |key, epochs| length::steps(key, epochs, steps_per_epoch);
        let total_steps = steps_of("schedule.epochs", schedule.epochs)?;
        let warmup_epochs =
            schedule.warmup_epochs.unwrap_or_else(|| silent_warmup_epochs(schedule.epochs, schedule.epochs));
        if warmup_epochs >= schedule.epochs {
            return Err(PlanError::Warmup { warmup: warmup_epochs, epochs: schedule.epochs });
        }
        let scale = if optim.scale_lr { batch_size as f64 / 256.0 } else { 1.0 };
        let peak_learning_rate = optim.lr * scale;
        let learning_rate = LearningRate::new(Stage {
            start: 0,
            steps: total_steps,
            warmup: steps_of("schedule.warmup_epochs", warmup_epochs)?,
            peak: peak_learning_rate,
            final_fraction: schedule.final_lr_fraction,
        });
        let end = optim.weight_decay_end.unwrap_or(optim.weight_decay);
        let every_steps = match (config.checkpoint.every_steps, config.checkpoint.every_epochs) {
            (Some(steps), _) => steps,
            (None, epochs) => steps_of("checkpoint.every_epochs", epochs.unwrap_or(1))?,
        };
        let eval_every = steps_of("eval.every_epochs", config.eval.every_epochs)?;
        let model = &config.model;
        let net = twist_nn::HeadConfig {
            hidden_dim: model.hidden_dim,
            dim: model.dim,
            activation: model.activation,
            norm: model.norm,
            bunch: None,
            small_normal: false,
        };
        Ok(Self {
            net,
            heads: model.heads,
            features: features.clone(),
            neighbours: config.pairs.neighbours.min(features.rows - 1),
            seed: train.seed,
            batch_size,
            epochs: schedule.epochs,
            steps_per_epoch,
            total_steps,
            warmup_epochs,
            peak_learning_rate,
            learning_rate,
            weight_decay: Cosine { base: optim.weight_decay, end, steps: total_steps },
            machine: machine.clone(),
            checkpoint: CheckpointPlan { every_steps, keep: config.checkpoint.keep },
            eval_every_steps: (eval_every > 0).then_some(eval_every),
            config: config.clone(),
        })
    }

    /// The recipe that this plan was made from.
    pub fn config(&self) -> &HeadConfig {
        &self.config
    }

    /// Sizes of a head; what concerns a backbone has no meaning.
    pub fn net(&self) -> &twist_nn::HeadConfig {
        &self.net
    }

    /// Heads side by side.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// How many heads, the last ones, are led by k-means.
    pub fn guided(&self) -> usize {
        self.config.guide.heads
    }

    /// The share of k-means in what a led head learns at `step`: all at first, `guide.rest` after `guide.part` of the run.
    pub fn guidance_at(&self, step: u64) -> f64 {
        let guide = self.config.guide;
        let gone = step as f64 / (guide.part * self.total_steps as f64);
        (1.0 - gone).max(guide.rest)
    }

    /// What is known of the features.
    pub fn features(&self) -> &FeatureFacts {
        &self.features
    }

    /// Neighbours of each row.
    pub fn neighbours(&self) -> usize {
        self.neighbours
    }

    /// Seed of weights, order and pairs.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Rows of one update.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Passes over the features.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Updates of one epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Updates of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.total_steps
    }

    /// `steps` in epochs.
    pub fn epoch_of(&self, steps: u64) -> f64 {
        steps as f64 / self.steps_per_epoch as f64
    }

    /// The rates of the update that `step` makes.
    pub fn rates_at(&self, step: u64) -> Rates {
        let weights = self.learning_rate.at(step);
        let vectors = weights / self.config.optim.bias_lr_ratio;
        Rates { weights, vectors, weight_decay: self.weight_decay.at(step) }
    }

    /// What is minimised.
    pub fn loss(&self) -> TwistLoss {
        let loss = self.config.loss;
        TwistLoss {
            consistency: loss.consistency,
            one_sided: loss.one_sided,
            lam1: loss.lam1,
            lam2: loss.lam2,
            temperature: loss.temperature,
            ..TwistLoss::default()
        }
    }

    /// The machine that the plan was made for.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Steps between two readings of the figures.
    pub fn log_every(&self) -> u64 {
        self.config.train.log_every
    }

    /// When to save.
    pub fn checkpoint(&self) -> CheckpointPlan {
        self.checkpoint
    }

    /// Steps between two online evaluations; `None`: none before the end.
    pub fn eval_every_steps(&self) -> Option<u64> {
        self.eval_every_steps
    }

    /// The guard's thresholds.
    pub fn guard(&self) -> GuardConfig {
        self.config.guard
    }
}
