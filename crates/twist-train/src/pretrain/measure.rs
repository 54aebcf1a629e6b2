//! Some steps of a run, made to know how long they take.

use std::sync::Arc;

use twist_data::Dataset;
use twist_nn::DeviceNormalize;

use super::feed::Feed;
use crate::metrics::StepMetrics;
use crate::pace::{self, Pace};
use crate::step::{TrainState, train_step};
use crate::{TrainError, TrainPlan, memory};

/// Seconds that a step of `plan` takes on this machine, loading of its images included.
///
/// It makes the first steps of the run with a network of its own, which is thrown away, and then the same ones again: their
/// images are decoded by then, as those of later epochs are where memory keeps them. Each time it stops after 23 steps, and
/// begins no further one after four seconds. Evaluations and checkpoints are not counted.
///
/// # Errors
/// What the first steps of the run would fail with: unreadable data, not enough memory.
pub fn seconds_per_step(plan: &TrainPlan, dataset: &Arc<dyn Dataset>) -> Result<Pace, TrainError> {
    let explain = |error| memory::explain(error, plan);
    let (data, device) = (plan.config().data, plan.run.machine.device);
    let mut state = TrainState::new(plan).map_err(explain)?;
    let normalize = DeviceNormalize::new(data.mean, data.std, plan.channels_last(), device)?;
    let mut measure = |feed: &mut Feed, steps| {
        pace::seconds_of(steps, |step| {
            let batch = feed.next(step, device)?;
            let metrics = train_step(&mut state, plan, &normalize, step, &batch.pixels).map_err(explain)?;
            StepMetrics::read(&[metrics])?; // waits for the device
            Ok(())
        })
    };
    let mut feed = Feed::start(plan, Arc::clone(dataset), 0, false)?;
    let (first, made) = measure(&mut feed, plan.stage_end(0).min(plan.run.steps_per_epoch))?;
    feed.restart(plan, 0)?;
    // After a whole epoch every image is decoded.
    let known = if made == plan.run.steps_per_epoch { plan.stage_end(0) } else { made };
    let (again, _) = measure(&mut feed, known)?;
    Ok(Pace { first, later: again.min(first) })
}
