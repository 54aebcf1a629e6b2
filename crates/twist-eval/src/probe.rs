//! How long a look at many images takes, from a look at some.

use std::time::{Duration, Instant};

use twist_train::Pace;

use crate::EvalError;

/// Images to begin with, and as many as are looked at where that is quick.
const FEW: usize = 16;
const MOST: usize = 512;
/// What takes longer need not be looked at again with more images. The very first look does not count: it sets things up.
const MOMENT: Duration = Duration::from_secs(2);

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
        let (mut began, mut part) = (Instant::now(), 0.0);
        let mut seconds = || {
            let clock = Instant::now();
            part = look(images)? as f64 / all.max(1) as f64;
            Ok::<_, EvalError>(clock.elapsed().as_secs_f64() / part.max(f64::MIN_POSITIVE))
        };
        let first = seconds()?;
        if images == FEW {
            began = Instant::now();
        }
        let pace = Pace { first, later: seconds()? };
        if began.elapsed() >= MOMENT || images >= MOST.min(all) {
            return Ok((pace, part));
        }
        images *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(all: usize, set_up: Duration, at_once: Duration) -> Vec<usize> {
        let mut seen = Vec::new();
        let pace = pace_of(all, |images| {
            let clock = Instant::now();
            while clock.elapsed() < if seen.is_empty() { set_up } else { at_once } {}
            seen.push(images);
            Ok(images)
        });
        let (pace, part) = pace.unwrap();
        assert_eq!(part, *seen.last().unwrap() as f64 / all as f64);
        let first = if seen.len() == 2 { set_up } else { at_once };
        assert!(pace.first >= first.as_secs_f64() && pace.later >= at_once.as_secs_f64(), "{pace:?}");
        seen
    }

    #[test]
    fn what_is_quick_is_looked_at_longer() {
        let none = Duration::ZERO;
        assert_eq!(looks(10_000, none, none), [16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 512]);
        assert_eq!(looks(32, none, none), [16, 16, 32, 32]);
        assert_eq!(looks(10_000, MOMENT * 3, MOMENT / 2), [16, 16, 32, 32], "the first look sets things up");
        assert_eq!(looks(10_000, none, MOMENT), [16, 16], "few are enough where they take long");
    }
}
