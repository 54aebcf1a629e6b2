//! How long a step takes here, measured before a run.

use std::time::{Duration, Instant};

use crate::TrainError;

/// Seconds of a step on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// In the first epoch.
    pub first: f64,
    /// In later ones, whose images may be in memory already.
    pub later: f64,
}

/// Steps that set things up: memory is laid out, threads and caches warm up.
const WARM_UP: usize = 3;
/// Steps that are measured at most.
const MEASURED: usize = 20;
/// No further step is begun after this time.
const ENOUGH: Duration = Duration::from_secs(4);

/// Seconds of one call of `step`, which makes the steps 0, 1 … of a run of `all` and waits for them: at most 23, and no
/// further one after four seconds. Returns how many were made as well.
///
/// # Errors
/// The first of `step`.
pub(crate) fn seconds_of(
    all: u64,
    mut step: impl FnMut(u64) -> Result<(), TrainError>,
) -> Result<(f64, u64), TrainError> {
    let (began, mut seconds) = (Instant::now(), Vec::new());
    for number in 0..all.min((WARM_UP + MEASURED) as u64) {
        let clock = Instant::now();
        step(number)?;
        seconds.push(clock.elapsed().as_secs_f64());
        if began.elapsed() >= ENOUGH {
            break;
        }
    }
    Ok((settled(&seconds), seconds.len() as u64))
}

/// The median of the steps after the warm-up, so that a pause of the machine does not count. Of slow steps there may be no more
/// than the warm-up: then the fastest, because the first ones are slower.
fn settled(seconds: &[f64]) -> f64 {
    let least = |seconds: &[f64]| seconds.iter().copied().min_by(f64::total_cmp);
    match seconds.get(WARM_UP..) {
        None | Some([]) => least(seconds).unwrap_or(0.0),
        Some(later) => {
            let mut later = later.to_vec();
            later.sort_by(f64::total_cmp);
            let middle = later.len() / 2;
            if later.len().is_multiple_of(2) {
                (later[middle - 1] + later[middle]) / 2.0
            } else {
                later[middle]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::settled;

    #[test]
    fn the_first_steps_do_not_count_where_there_are_others() {
        assert_eq!(settled(&[]), 0.0);
        assert_eq!(settled(&[9.0]), 9.0);
        assert_eq!(settled(&[9.0, 5.0, 6.0]), 5.0);
        assert_eq!(settled(&[9.0, 5.0, 6.0, 2.0]), 2.0);
        assert_eq!(settled(&[9.0, 5.0, 6.0, 2.0, 4.0]), 3.0);
    }

    #[test]
    fn a_pause_of_the_machine_does_not_count() {
        assert_eq!(settled(&[9.0, 1.0, 1.0, 2.0, 40.0, 2.0, 2.0, 3.0]), 2.0);
    }
}
