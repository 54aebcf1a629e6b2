//! How long a look at many images takes, from a look at some.

use std::time::{Duration, Instant};

use twist_train::Pace;

use crate::EvalError;

/// Images to begin with, and as many as are looked at where that is quick.
const FEW: usize = 16;
const MOST: usize = 512;
/// What takes longer need not be looked at again with more images.
const MOMENT: Duration = Duration::from_secs(2);
/// As the first look, which sets things up, if it takes no longer than this.
const LONG: Duration = Duration::from_secs(5);

/// Seconds of `look` at `all` images: the first one decodes them, later ones need not. `look` takes at most so many images of a
/// kind, spread over all of them, and returns how many it read. The part of all images that were looked at last is returned too.
///
/// # Errors
/// Those of `look`.
pub(crate) fn pace_of(
    all: usize,
    mut look: impl FnMut(usize) -> Result<usize, EvalError>,
) -> Result<(Pace, f64), EvalError> {
    let mut images = FEW;
    loop {
        let (began, mut part) = (Instant::now(), 0.0);
        let mut seconds = || {
            let clock = Instant::now();
            part = look(images)? as f64 / all.max(1) as f64;
            Ok::<_, EvalError>(clock.elapsed().as_secs_f64() / part.max(f64::MIN_POSITIVE))
        };
        let pace = Pace { first: seconds()?, later: seconds()? };
        let enough = if images == FEW { LONG } else { MOMENT };
        if began.elapsed() >= enough || images >= MOST.min(all) {
            return Ok((pace, part));
        }
        images *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(all: usize, at_once: Duration) -> Vec<usize> {
        let mut seen = Vec::new();
        let pace = pace_of(all, |images| {
            seen.push(images);
            let clock = Instant::now();
            while clock.elapsed() < at_once {}
            Ok(images)
        });
        let (pace, part) = pace.unwrap();
        assert_eq!(part, *seen.last().unwrap() as f64 / all as f64);
        assert!(pace.first >= at_once.as_secs_f64() && pace.later >= at_once.as_secs_f64(), "{pace:?}");
        seen
    }

    #[test]
    fn what_is_quick_is_looked_at_longer() {
        assert_eq!(looks(10_000, Duration::ZERO), [16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 512]);
        assert_eq!(looks(32, Duration::ZERO), [16, 16, 32, 32]);
        assert_eq!(looks(10_000, MOMENT / 2), [16, 16, 32, 32], "the first look sets things up");
    }
}
