//! The learning rates and the weight decay of recipes with an optimizer and a schedule.

use serde::Serialize;
use twist_io::Refused;

use crate::Rates;
use crate::config::{OptimConfig, ScheduleConfig};
use crate::run::RunPlan;
use crate::schedule::{Cosine, LearningRate, Stage, silent_warmup_epochs};

/// The rates of every step.
#[derive(Clone, Debug, Serialize)]
pub struct RatePlan {
    /// Epochs of warm-up.
    pub warmup_epochs: u64,
    /// The learning rate after warm-up, scaled to the batch.
    pub peak_learning_rate: f64,
    /// The learning rate of every step.
    pub learning_rate: LearningRate,
    /// The weight decay of every step.
    pub weight_decay: Cosine,
}

impl RatePlan {
    /// Those of the first stage of a run; the weight decay is that of all stages.
    ///
    /// # Errors
    /// The warm-up leaves no time to train.
    pub(crate) fn new(
        schedule: &ScheduleConfig,
        optim: &OptimConfig,
        run: &RunPlan,
    ) -> Result<Self, Refused> {
        let (warmup_epochs, epochs) = (schedule.warmup_epochs, schedule.epochs);
        let warmup_epochs = warmup_epochs.unwrap_or_else(|| silent_warmup_epochs(run.epochs, epochs));
        if warmup_epochs >= epochs {
            let what = format!(
                "schedule.warmup_epochs = {warmup_epochs} is not below schedule.epochs = {epochs}; the learning rate would never reach its peak"
            );
            let remedy = "use fewer warm-up epochs (--set schedule.warmup_epochs=0)";
            return Err(Refused::new(what).remedy(remedy));
        }
        let peak_learning_rate = scaled(optim.lr, optim, run);
        let learning_rate = LearningRate::new(Stage {
            start: 0,
            steps: run.first_stage(),
            warmup: run.steps_of("schedule.warmup_epochs", warmup_epochs)?,
            peak: peak_learning_rate,
            final_fraction: schedule.final_lr_fraction,
        });
        let end = optim.weight_decay_end.unwrap_or(optim.weight_decay);
        let weight_decay = Cosine { base: optim.weight_decay, end, steps: run.total_steps };
        Ok(Self { warmup_epochs, peak_learning_rate, learning_rate, weight_decay })
    }

    /// The rates of the update that `step` makes.
    pub(crate) fn at(&self, step: u64, optim: &OptimConfig) -> Rates {
        let weights = self.learning_rate.at(step);
        let vectors = weights / optim.bias_lr_ratio;
        Rates { weights, vectors, weight_decay: self.weight_decay.at(step) }
    }
}

/// A rate as written, scaled to the batch where the recipe wants it.
pub(crate) fn scaled(rate: f64, optim: &OptimConfig, run: &RunPlan) -> f64 {
    let scale = if optim.scale_lr { run.batch_size as f64 / 256.0 } else { 1.0 };
    rate * scale
}
