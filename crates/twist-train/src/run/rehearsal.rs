//! Some steps, an evaluation and a checkpoint of a run, made to know how long all of it takes.

use std::path::Path;
use std::time::Instant;

use super::measure::evaluation_failed;
use super::{EvalError, Run, RunPlan, Task};
use crate::TrainError;
use crate::metrics::StepMetrics;
use crate::pace::{Costs, Pace, Patience, Work, seconds_of};

impl RunPlan {
    /// How often this run does what takes time.
    pub fn work(&self) -> Work {
        let every = self.checkpoint.every_steps;
        let evaluations = self.eval_every_steps.map_or(0, |often| self.total_steps / often);
        // A score is saved with the weights that have it, and the last step is always saved.
        let scored = match self.eval_every_steps {
            Some(often) if !often.is_multiple_of(every) => evaluations,
            _ => 0,
        };
        Work {
            epochs: self.epochs,
            steps_per_epoch: self.steps_per_epoch,
            evaluations,
            checkpoints: self.total_steps.div_ceil(every) + scored,
        }
    }
}

impl<T: Task> Run<T> {
    /// What the parts of this run take on this machine. What it trains is to be thrown away afterwards; the images that it keeps in
    /// memory need not be.
    ///
    /// `evaluate` measures an evaluation. Then the run makes its first steps, and the same ones again: their samples are in memory by
    /// then, as those of later epochs are where they fit. So they are in the first epoch of the run itself, which has only the
    /// others to make. A checkpoint is written to `folder`, if there is one, and nothing of it
    /// stays; where it cannot be written it costs nothing, and the run itself says why.
    ///
    /// # Errors
    /// What the run would fail with: unreadable data, not enough memory.
    pub fn rehearse(
        &mut self,
        patience: Patience,
        folder: Option<&Path>,
        evaluate: impl FnOnce(&mut T) -> Result<Pace, EvalError>,
    ) -> Result<Costs, TrainError> {
        let (epoch, stage) = (self.plan.steps_per_epoch, self.plan.first_stage());
        let task = &mut self.task;
        // The steps may spoil the network, and whoever trains it in earnest says so.
        let evaluation = evaluate(task).map_err(|source| evaluation_failed(0, source))?;
        let mut measure = |steps, patience| {
            task.rewind(0)?;
            seconds_of(steps, patience, |step| {
                let taken = task.step(step)?;
                StepMetrics::read(&taken.metrics)?; // waits for the device
                Ok(())
            })
        };
        let (first, made) = measure(stage.min(epoch), patience.half())?;
        // After a whole epoch every sample is in memory.
        let (again, repeated) = measure(if made == epoch { stage } else { made }, patience)?;
        let step = match again < first {
            true => {
                let made = made as f64 / epoch as f64;
                Pace { first: made * again + (1.0 - made) * first, later: again }
            }
            // Nothing is gained by memory, so both say the same.
            false => {
                Pace::constant((first * made as f64 + again * repeated as f64) / (made + repeated) as f64)
            }
        };
        let checkpoint = match folder {
            Some(folder) => {
                let clock = Instant::now();
                let state = task.capture()?;
                let captured = clock.elapsed();
                (captured + twist_io::time_to_save(folder, &state).unwrap_or_default()).as_secs_f64()
            }
            None => 0.0,
        };
        Ok(Costs { step, evaluation, checkpoint })
    }
}
