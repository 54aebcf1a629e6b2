//! Some steps of a run, made to know how long they take.

use std::sync::Arc;

use twist_data::Dataset;

use super::feed::Feed;
use crate::metrics::StepMetrics;
use crate::normalize::DeviceNormalize;
use crate::step::{TrainState, train_step};
use crate::{TrainError, TrainPlan, memory, pace};

/// Seconds that a step of `plan` takes on this machine, loading of its images included.
///
/// It makes the first steps of the run with a network of its own, which is thrown away: at most five, and no further one
/// after three seconds. Evaluations and checkpoints are not counted.
///
/// # Errors
/// What the first steps of the run would fail with: unreadable data, not enough memory.
pub fn seconds_per_step(plan: &TrainPlan, dataset: &Arc<dyn Dataset>) -> Result<f64, TrainError> {
    let explain = |error| memory::explain(error, plan);
    let (data, device) = (plan.config().data, plan.machine().device);
    let mut state = TrainState::new(plan).map_err(explain)?;
    let normalize = DeviceNormalize::new(data.mean, data.std, plan.channels_last(), device)?;
    let mut feed = Feed::start(plan, Arc::clone(dataset), 0, false)?;
    pace::seconds_of(plan.stage_end(0), |step| {
        let batch = feed.next(step, device)?;
        let metrics = train_step(&mut state, plan, &normalize, step, &batch.pixels).map_err(explain)?;
        StepMetrics::read(&[metrics])?; // waits for the device
        Ok(())
    })
}
