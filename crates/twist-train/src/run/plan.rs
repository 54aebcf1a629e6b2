//! What every run has, whatever it trains: how long it is, and when it is logged, saved, measured and judged.

use serde::{Serialize, Serializer};
use torch_ext::Machine;
use twist_io::Refused;

use crate::config::{CheckpointConfig, GuardConfig};
use crate::guard::Guard;
use crate::rules::{AT_LEAST_1, Range, Rule, check, from_0, is_part, refused, within};

/// The numbers of a run that its loop goes by. It is made once, by [`RunPlan::new`], and never changes.
#[derive(Clone, Debug, Serialize)]
pub struct RunPlan {
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Samples of one update.
    pub batch_size: usize,
    /// Passes over the data, those of all stages.
    pub epochs: u64,
    /// Updates of one epoch.
    pub steps_per_epoch: u64,
    /// Updates of the whole run.
    pub total_steps: u64,
    /// The first step of a second stage, whose losses cannot be compared with those before. The checkpoint at its beginning stays.
    #[serde(skip)]
    pub second_stage: Option<u64>,
    /// Steps between two readings of the figures from the device.
    pub log_every: u64,
    /// When to save.
    pub checkpoint: CheckpointPlan,
    /// Steps between two evaluations; `None`: none before the end.
    pub eval_every_steps: Option<u64>,
    /// The guard as it stands before the first step; written as its limits.
    #[serde(serialize_with = "limits")]
    pub guard: Guard,
    /// The machine that the plan was made for.
    pub machine: Machine,
}

/// When checkpoints are written and how many stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointPlan {
    /// Steps between two checkpoints.
    pub every_steps: u64,
    /// How many of the last ones stay.
    pub keep: usize,
}

/// Where the numbers of a run are written, for errors.
#[derive(Clone, Copy, Debug)]
pub struct RunKeys {
    epochs: &'static str,
    batch_size: &'static str,
}

impl RunKeys {
    /// In a recipe.
    pub const RECIPE: Self = Self { epochs: "schedule.epochs", batch_size: "train.batch_size" };
    /// On the command line.
    pub const FLAGS: Self = Self { epochs: "--epochs", batch_size: "--batch-size" };
}

/// What a recipe says of its run.
#[derive(Clone, Copy, Debug)]
pub struct RunSettings<'a> {
    /// Where it is written.
    pub keys: RunKeys,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Samples of one pass over the data.
    pub samples: usize,
    /// Samples of one update.
    pub batch_size: usize,
    /// Updates of a pass over so many samples in batches of so many.
    pub steps_per_epoch: fn(usize, usize) -> u64,
    /// Passes over the data in the first stage.
    pub epochs: u64,
    /// Passes in the second stage, where there is one.
    pub second_stage_epochs: Option<u64>,
    /// Steps between two readings of the figures.
    pub log_every: u64,
    /// When to save.
    pub checkpoint: CheckpointConfig,
    /// Epochs between two evaluations; 0: none before the end.
    pub eval_every_epochs: u64,
    /// When the run counts as collapsed.
    pub guard: GuardConfig,
    /// Number of classes.
    pub classes: i64,
    /// Temperature of the logits whose entropies the guard judges.
    pub temperature: f64,
    /// Where it runs.
    pub machine: &'a Machine,
}

impl RunPlan {
    /// Derives and checks everything.
    ///
    /// # Errors
    /// The first value that cannot be, with the key, its value and a value that would do.
    pub fn new(settings: RunSettings<'_>) -> Result<Self, Refused> {
        let RunSettings { seed, samples, batch_size, epochs, log_every, checkpoint, guard, .. } = settings;
        check(&settings.rules())?;
        let steps_per_epoch = (settings.steps_per_epoch)(samples, batch_size);
        if steps_per_epoch == 0 {
            // The largest power of two that they fill: what divides a usual batch divides it.
            let fits = 1usize << samples.max(2).ilog2();
            return Err(Refused::new(format!(
                "train.batch_size = {batch_size}, but there are only {samples} images and an epoch needs at least one whole batch; use --batch-size {fits} or less"
            )));
        }
        let steps_of = |key, epochs| steps(key, epochs, steps_per_epoch);
        let first_stage = steps_of(settings.keys.epochs, epochs)?;
        let all_epochs = epochs.saturating_add(settings.second_stage_epochs.unwrap_or(0));
        let total_steps = steps_of("self_label.epochs", all_epochs)?;
        let every_steps = match (checkpoint.every_steps, checkpoint.every_epochs) {
            (Some(steps), _) => steps,
            (None, epochs) => steps_of("checkpoint.every_epochs", epochs.unwrap_or(1))?,
        };
        let eval_every = steps_of("eval.every_epochs", settings.eval_every_epochs)?;
        Ok(Self {
            seed,
            batch_size,
            epochs: all_epochs,
            steps_per_epoch,
            total_steps,
            second_stage: settings.second_stage_epochs.map(|_| first_stage),
            log_every,
            checkpoint: CheckpointPlan { every_steps, keep: checkpoint.keep },
            eval_every_steps: (eval_every > 0).then_some(eval_every),
            guard: Guard::new(guard, settings.classes, batch_size, settings.temperature),
            machine: settings.machine.clone(),
        })
    }

    /// `steps` in epochs.
    pub fn epoch_of(&self, steps: u64) -> f64 {
        steps as f64 / self.steps_per_epoch as f64
    }

    /// `epochs` in steps; `key` says where they are written.
    ///
    /// # Errors
    /// More steps than can be counted.
    pub(crate) fn steps_of(&self, key: &'static str, epochs: u64) -> Result<u64, Refused> {
        steps(key, epochs, self.steps_per_epoch)
    }

    /// Steps of the first stage: of the whole run if it has one stage.
    pub(crate) fn first_stage(&self) -> u64 {
        self.second_stage.unwrap_or(self.total_steps)
    }
}

impl RunSettings<'_> {
    fn rules(&self) -> [Rule<'static>; 10] {
        let Self { checkpoint, guard, .. } = self;
        let batch: Range<'_> = (|images| images >= 2.0, "at least 2: norms need the statistics of a batch");
        [
            within(self.keys.batch_size, self.batch_size as f64, batch),
            within(self.keys.epochs, self.epochs as f64, AT_LEAST_1),
            within("train.log_every", self.log_every as f64, AT_LEAST_1),
            within("checkpoint.keep", checkpoint.keep as f64, AT_LEAST_1),
            ("checkpoint.every_steps", 0.0, checkpoint.every_steps != Some(0), "at least 1"),
            ("checkpoint.every_epochs", 0.0, checkpoint.every_epochs != Some(0), "at least 1"),
            within("guard.window_steps", guard.window_steps as f64, AT_LEAST_1),
            within("guard.dead_fraction", guard.dead_fraction, (is_part, "a part of the classes, in [0, 1]")),
            within("guard.uniform_gap", guard.uniform_gap, (from_0, "a finite number of nats, at least 0")),
            within(
                "guard.one_hot_classes",
                guard.one_hot_classes,
                (from_0, "a finite number of classes, at least 0"),
            ),
        ]
    }
}

/// Most steps of a run: every number up to here is exact in float64, as schedules and logs hold it.
const MOST_STEPS: u64 = 1 << 53;

/// `epochs` in steps; `key` says where they are written.
///
/// # Errors
/// More steps than can be counted.
fn steps(key: &'static str, epochs: u64, steps_per_epoch: u64) -> Result<u64, Refused> {
    let steps = epochs.checked_mul(steps_per_epoch).filter(|steps| *steps <= MOST_STEPS);
    steps.ok_or_else(|| {
        let most = MOST_STEPS / steps_per_epoch.max(1);
        let rule = format!(
            "must be at most {most}: an epoch has {steps_per_epoch} steps, and a run at most {MOST_STEPS}"
        );
        refused(key, epochs, rule)
    })
}

fn limits<S: Serializer>(guard: &Guard, serializer: S) -> Result<S::Ok, S::Error> {
    guard.limits.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_steps_than_can_be_counted_are_refused_with_the_most_that_can() {
        assert_eq!(steps("schedule.epochs", 800, 2_502).unwrap(), 2_001_600);
        assert_eq!(steps("schedule.epochs", 0, 7).unwrap(), 0);
        assert_eq!(steps("schedule.epochs", MOST_STEPS / 2, 2).unwrap(), MOST_STEPS);
        for epochs in [MOST_STEPS / 2 + 1, u64::MAX] {
            let message = steps("schedule.epochs", epochs, 2).unwrap_err().to_string();
            assert!(message.contains("schedule.epochs") && message.contains("4503599627370496"), "{message}");
        }
    }
}
