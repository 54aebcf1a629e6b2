//! How long a step takes here, measured before a run.

use std::time::{Duration, Instant};

use crate::TrainError;

/// Steps that are measured at most, after a first one that also sets things up.
const MEASURED: u64 = 4;
/// No further step is begun after this time.
const ENOUGH: Duration = Duration::from_secs(3);

/// Seconds of one call of `step`, which makes the steps 0, 1 … of a run of `all` and waits for them: at most five, and no
/// further one after three seconds.
///
/// # Errors
/// The first of `step`.
pub(crate) fn seconds_of(
    all: u64,
    mut step: impl FnMut(u64) -> Result<(), TrainError>,
) -> Result<f64, TrainError> {
    let (began, mut seconds) = (Instant::now(), Vec::new());
    for number in 0..all.min(1 + MEASURED) {
        let clock = Instant::now();
        step(number)?;
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
