//! Random numbers of libtorch that a seed repeats.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// libtorch's random numbers, seeded. The process has one generator for all threads: whoever wants the same numbers again
/// draws while this lives, and every other holder waits.
#[must_use = "the numbers repeat only while this lives"]
#[derive(Debug)]
pub struct RandomNumbers(#[expect(dead_code, reason = "held, never read")] MutexGuard<'static, ()>);

impl RandomNumbers {
    /// Waits for the generator and seeds it. A thread that holds it already must not ask again.
    pub fn seeded(seed: i64) -> Self {
        static GENERATOR: Mutex<()> = Mutex::new(());
        let alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
        tch::manual_seed(seed);
        Self(alone)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn threads_do_not_take_numbers_from_each_other() {
        let drawn = |seed| {
            let _numbers = RandomNumbers::seeded(seed);
            (0..50)
                .map(|_| Tensor::rand([1], (Kind::Float, Device::Cpu)).double_value(&[]))
                .collect::<Vec<_>>()
        };
        let expected = [drawn(0), drawn(1)];
        assert_ne!(expected[0], expected[1]);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (drawn, expected) = (&drawn, &expected);
                scope.spawn(move || {
                    for _ in 0..20 {
                        assert_eq!(drawn(thread % 2), expected[thread as usize % 2]);
                    }
                });
            }
        });
    }
}
