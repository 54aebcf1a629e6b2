//! Every number that a run of heads derives from its recipe, its features and its machine, checked once.

use serde::Serialize;
use torch_ext::Machine;
use twist_io::Refused;
use twist_nn::TwistLoss;

use super::HeadConfig;
use super::check::check_values;
use crate::Rates;
use crate::plan::RatePlan;
use crate::run::{RunKeys, RunPlan, RunSettings};

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
    /// Where the weights come from that made them, in one line; empty where nobody says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub origin: String,
}

/// A checked run of heads. It is made once and never changes; `plan.json` is its serialised form.
#[derive(Clone, Debug, Serialize)]
pub struct HeadPlan {
    /// Length of the run, and when it is logged, saved, evaluated and judged.
    #[serde(flatten)]
    pub run: RunPlan,
    /// Sizes of a head; what concerns a backbone has no meaning.
    #[serde(skip)]
    // the recipe has what matters of it; it also names a backbone, which heads do not have
    pub net: twist_nn::HeadConfig,
    /// Heads side by side.
    pub heads: usize,
    /// What is known of the features.
    pub features: FeatureFacts,
    /// Neighbours of each row.
    pub neighbours: usize,
    #[serde(flatten)]
    rates: RatePlan,
    /// The recipe that this plan was made from.
    pub config: HeadConfig,
}

impl HeadPlan {
    /// Derives and checks everything.
    ///
    /// # Errors
    /// The first value that cannot be, with the key, its value and a value that would do.
    pub fn new(config: &HeadConfig, features: &FeatureFacts, machine: &Machine) -> Result<Self, Refused> {
        check_values(config, features)?;
        let train = config.train;
        let run = RunPlan::new(RunSettings {
            keys: RunKeys::RECIPE,
            seed: train.seed,
            samples: features.rows,
            batch_size: train.batch_size.min(features.rows),
            // Rows that do not fill a batch wait for the next epoch's order.
            steps_per_epoch: |rows, batch_size| (rows / batch_size) as u64,
            epochs: config.schedule.epochs,
            second_stage_epochs: None,
            log_every: train.log_every,
            checkpoint: config.checkpoint,
            eval_every_epochs: config.eval.every_epochs,
            guard: config.guard,
            classes: config.model.dim,
            temperature: config.loss.temperature,
            machine,
        })?;
        let rates = RatePlan::new(&config.schedule, &config.optim, &run)?;
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
            run,
            net,
            heads: model.heads,
            features: features.clone(),
            neighbours: config.pairs.neighbours.min(features.rows - 1),
            rates,
            config: config.clone(),
        })
    }

    /// How many heads, the last ones, are guided.
    pub fn guided(&self) -> usize {
        self.config.guide.heads
    }

    /// The share of the guide in what a guided head learns at `step`: all at first, `guide.rest` after `guide.part` of the run.
    pub fn guidance_at(&self, step: u64) -> f64 {
        let guide = self.config.guide;
        let gone = step as f64 / (guide.part * self.run.total_steps as f64);
        (1.0 - gone).max(guide.rest)
    }

    /// The rates of the update that `step` makes.
    pub fn rates_at(&self, step: u64) -> Rates {
        self.rates.at(step, &self.config.optim)
    }

    /// What is minimised.
    pub fn loss(&self) -> TwistLoss {
        self.config.loss.twist()
    }
}
