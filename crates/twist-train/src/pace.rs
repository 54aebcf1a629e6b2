//! How long the parts of a run take here, and what that makes of the whole.

use std::time::{Duration, Instant};

use crate::TrainError;

/// Seconds of something that is done again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// The first time, or in the first epoch.
    pub first: f64,
    /// Later, when images may be in memory already.
    pub later: f64,
}

/// How often a run does what takes time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Passes over the data.
    pub epochs: u64,
    /// Steps of each.
    pub steps_per_epoch: u64,
    /// Evaluations before the end of the run.
    pub evaluations: u64,
    /// Checkpoints.
    pub checkpoints: u64,
}

/// What a run does, in seconds on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// A step, loading of its samples included.
    pub step: Pace,
    /// An evaluation.
    pub evaluation: Pace,
    /// A checkpoint, on disk.
    pub checkpoint: f64,
}

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// No further step is begun after this time, unless there are too few to tell how long one takes.
    most: Duration,
    /// Whether it is waited until the mean is certain.
    until_certain: bool,
}

/// Steps that set things up: memory is laid out, threads and caches warm up.
const WARM_UP: usize = 3;
/// Steps that are measured, unless they are slow.
const MEASURED: usize = 20;
/// Fewer say little: the first one waits for images and for memory.
const FEWEST: usize = 3;
/// Times [`Patience::most`] after which even these are not waited for.
const AT_LAST: u32 = 3;
/// Standard error of a mean that is certain, as a part of it.
const CERTAIN: f64 = 0.02;
/// What is waited for an estimate that nobody asked for.
const BRIEF: Duration = Duration::from_secs(4);
/// More is not learned from longer measuring.
const LONG: Duration = Duration::from_secs(30);

impl Pace {
    /// The same every time.
    pub fn constant(seconds: f64) -> Self {
        Self { first: seconds, later: seconds }
    }

    /// Seconds of so many times.
    fn times(self, count: u64) -> f64 {
        count.min(1) as f64 * self.first + count.saturating_sub(1) as f64 * self.later
    }
}

impl Costs {
    /// Seconds of this much work.
    pub fn seconds(&self, work: Work) -> f64 {
        work.steps_per_epoch as f64 * self.step.times(work.epochs)
            + self.evaluation.times(work.evaluations)
            + self.checkpoint * work.checkpoints as f64
    }
}

impl Patience {
    /// For a run that is fitted to `limit`: until the mean is certain, at most a twelfth of the limit. What other programs take of
    /// the machine comes and goes. Without a limit, a few seconds.
    pub fn of(limit: Option<Duration>) -> Self {
        let most = limit.map_or(BRIEF, |limit| (limit / 12).clamp(BRIEF, LONG));
        Self { most, until_certain: limit.is_some() }
    }

    /// For what matters less.
    pub(crate) fn half(self) -> Self {
        Self { most: self.most / 2, ..self }
    }
}

/// Seconds of one call of `step`, which makes the steps 0, 1 … of a run of `all` and waits for them: the mean after three to warm
/// up, pauses of the machine included, for a run has them too. Returns how many were made as well.
///
/// # Errors
/// The first of `step`.
pub(crate) fn seconds_of(
    all: u64,
    patience: Patience,
    mut step: impl FnMut(u64) -> Result<(), TrainError>,
) -> Result<(f64, u64), TrainError> {
    let Patience { most, until_certain } = patience;
    let (began, mut seconds) = (Instant::now(), Seconds::default());
    for number in 0..all {
        let clock = Instant::now();
        step(number)?;
        seconds.push(clock.elapsed().as_secs_f64());
        let (spent, made) = (began.elapsed(), number as usize + 1);
        let over = spent >= most && (made >= FEWEST || spent >= AT_LAST * most);
        let enough = made >= WARM_UP + MEASURED && (!until_certain || seconds.is_certain());
        if over || enough {
            break;
        }
    }
    Ok((seconds.mean(), seconds.first.len() as u64 + seconds.count))
}

/// The times of some steps.
#[derive(Default)]
struct Seconds {
    /// Those of the warm-up.
    first: Vec<f64>,
    /// Of the others: their number, their sum, and the sum of their squares.
    count: u64,
    sum: f64,
    squares: f64,
}

impl Seconds {
    fn push(&mut self, seconds: f64) {
        if self.first.len() < WARM_UP {
            return self.first.push(seconds);
        }
        self.count += 1;
        self.sum += seconds;
        self.squares += seconds * seconds;
    }

    /// The mean after the warm-up. Of slow steps there may be no more than that: then the mean of all but the very first.
    fn mean(&self) -> f64 {
        if self.count > 0 {
            return self.sum / self.count as f64;
        }
        let counted = self.first.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(&self.first);
        counted.iter().sum::<f64>() / counted.len().max(1) as f64
    }

    fn is_certain(&self) -> bool {
        let (n, mean) = (self.count as f64, self.mean());
        let variance = (self.squares / n - mean * mean).max(0.0);
        (variance / n).sqrt() <= CERTAIN * mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(seconds: &[f64]) -> f64 {
        let mut all = Seconds::default();
        seconds.iter().for_each(|&one| all.push(one));
        all.mean()
    }

    #[test]
    fn the_first_steps_do_not_count_where_there_are_others() {
        assert_eq!(mean(&[]), 0.0);
        assert_eq!(mean(&[9.0]), 9.0);
        assert_eq!(mean(&[9.0, 5.0, 6.0]), 5.5);
        assert_eq!(mean(&[9.0, 5.0, 6.0, 2.0]), 2.0);
        assert_eq!(mean(&[9.0, 5.0, 6.0, 2.0, 4.0]), 3.0);
    }

    #[test]
    fn pauses_count_as_they_do_in_a_run() {
        assert_eq!(mean(&[9.0, 1.0, 1.0, 2.0, 40.0, 2.0, 2.0, 4.0]), 10.0);
    }

    #[test]
    fn what_is_certain_is_measured_no_longer() {
        let even = |patience| seconds_of(1_000, patience, |_| Ok(())).unwrap().1;
        let patience = Patience { most: Duration::from_secs(60), until_certain: false };
        assert_eq!(even(patience), 23);
        assert_eq!(seconds_of(5, patience, |_| Ok(())).unwrap().1, 5);
        assert_eq!(even(Patience { most: Duration::ZERO, ..patience }), 1, "one is always made");
        let certain = |seconds: &[f64]| {
            let mut all = Seconds::default();
            [0.0; WARM_UP].iter().chain(seconds).for_each(|&one| all.push(one));
            all.is_certain()
        };
        assert!(certain(&[1.0; 20]) && certain(&[1.05, 0.95].repeat(10)));
        assert!(!certain(&[0.5, 1.5].repeat(10)) && certain(&[0.5, 1.5].repeat(400)));
    }

    #[test]
    fn a_long_run_is_measured_longer() {
        let of = |seconds| Patience::of(Some(Duration::from_secs(seconds))).most;
        assert_eq!([of(20), of(120), of(1_000_000)], [BRIEF, Duration::from_secs(10), LONG]);
        assert_eq!(Patience::of(None).most, BRIEF);
    }

    #[test]
    fn a_run_is_the_sum_of_its_parts() {
        let costs = Costs {
            step: Pace { first: 2.0, later: 0.5 },
            evaluation: Pace { first: 8.0, later: 1.0 },
            checkpoint: 0.25,
        };
        let work = Work { epochs: 3, steps_per_epoch: 10, evaluations: 2, checkpoints: 4 };
        assert_eq!(costs.seconds(work), 10.0 * (2.0 + 2.0 * 0.5) + 9.0 + 1.0);
        assert_eq!(costs.seconds(Work::default()), 0.0);
    }
}
