//! How long a step takes here, measured before the run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use twist_data::Dataset;

use super::feed::Feed;
use crate::metrics::StepMetrics;
use crate::normalize::DeviceNormalize;
use crate::step::{TrainState, train_step};
use crate::{TrainError, TrainPlan, memory};

/// Steps that are measured at most, after a first one that also sets things up.
const MEASURED: u64 = 4;
/// No further step is begun after this time.
const ENOUGH: Duration = Duration::from_secs(3);

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
    let began = Instant::now();
    let mut feed = Feed::start(plan, Arc::clone(dataset), 0, false)?;
    let last = plan.stage_end(0).min(1 + MEASURED);
    let mut seconds = Vec::new();
    for step in 0..last {
        let clock = Instant::now();
        let batch = feed.next(step, device)?;
        let metrics = train_step(&mut state, plan, &normalize, step, &batch.pixels).map_err(explain)?;
        StepMetrics::read(&[metrics])?; // waits for the device
        seconds.push(clock.elapsed().as_secs_f64());
        if began.elapsed() >= ENOUGH {
            break;
        }
    }
    Ok(settled(&seconds))
}

/// The mean of all but the first, which is slower; the first where there is no other.
fn settled(seconds: &[f64]) -> f64 {
    match seconds {
        [] => 0.0,
        [only] => *only,
        [_, later @ ..] => later.iter().sum::<f64>() / later.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::settled;

    #[test]
    fn the_first_step_does_not_count_where_there_are_others() {
        assert_eq!(settled(&[9.0]), 9.0);
        assert_eq!(settled(&[9.0, 1.0, 2.0, 3.0]), 2.0);
    }
}
