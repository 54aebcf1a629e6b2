//! Which images make up which batch: a pure function of the seed and the step.

use std::sync::Arc;

use twist_io::Refused;

use crate::augment::Draws;

/// The images of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRequest {
    /// Epoch, counted from 0; part of the key of every random draw.
    pub epoch: u64,
    /// Indices into the data set, in the order of the batch.
    pub indices: Vec<u32>,
}

/// Shuffled full batches: every epoch is a fresh permutation of all images, and the last incomplete batch is dropped.
///
/// A sampler has no state to save: the batch of step `n` is the same whether or not the steps before it were asked for, so
/// that a resumed run sees what the uninterrupted one would have seen.
///
/// ```
/// let mut sampler = twist_data::Sampler::new(10, 4, 0).unwrap();
/// assert_eq!(sampler.steps_per_epoch(), 2);
/// let third = sampler.batch(2);
/// assert_eq!((third.epoch, third.indices.len()), (1, 4));
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    len: u32,
    batch_size: usize,
    seed: u64,
    /// The permutation last used; it serves a whole epoch.
    cached: Option<(u64, Arc<[u32]>)>,
}

impl Sampler {
    /// A sampler over `len` images in batches of `batch_size`.
    ///
    /// # Errors
    /// If the data set is smaller than a batch, or `len` does not fit 32 bits.
    pub fn new(len: usize, batch_size: usize, seed: u64) -> Result<Self, Refused> {
        if batch_size == 0 {
            return Err(Refused::new("the batch size is 0").remedy("choose at least 1"));
        }
        if batch_size > len {
            let remedy = format!("choose a batch size of at most {len}, or add images");
            return Err(
                Refused::new(format!("{len} images do not fill a batch of {batch_size}")).remedy(remedy)
            );
        }
        let len = u32::try_from(len).map_err(|_| {
            let what = format!("{len} images are more than the {} that a sampler can number", u32::MAX);
            Refused::new(what).remedy("split the data set")
        })?;
        Ok(Self { len, batch_size, seed, cached: None })
    }

    /// Full batches in one epoch, at least 1.
    pub fn steps_per_epoch(&self) -> u64 {
        u64::from(self.len) / self.batch_size as u64
    }

    /// The batch of a step, counted from 0 over all epochs. Steps in order cost O(batch); a jump into another epoch
    /// costs one shuffle.
    pub fn batch(&mut self, step: u64) -> BatchRequest {
        let epoch = step / self.steps_per_epoch();
        let first = (step % self.steps_per_epoch()) as usize * self.batch_size;
        let permutation = match &self.cached {
            Some((cached, permutation)) if *cached == epoch => permutation,
            _ => &self.cached.insert((epoch, shuffled(self.len, self.seed, epoch))).1,
        };
        BatchRequest { epoch, indices: permutation[first..first + self.batch_size].to_vec() }
    }

    /// All batches from `step` on, without end: the requests of a training loader that resumes at `step`.
    pub fn batches_from(mut self, step: u64) -> impl Iterator<Item = BatchRequest> + Send + 'static {
        (step..).map(move |step| self.batch(step))
    }
}

/// A Fisher–Yates shuffle of `0..len` with the random numbers of (seed, epoch).
fn shuffled(len: u32, seed: u64, epoch: u64) -> Arc<[u32]> {
    const PURPOSE: u64 = u64::from_be_bytes(*b"shuffle\0");
    let draws = Draws::new(&[PURPOSE, seed, epoch]);
    let mut order: Vec<u32> = (0..len).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, draws.below(last as u64, last as u64 + 1) as usize);
    }
    order.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_permutation_and_epochs_differ() {
        let mut sampler = Sampler::new(103, 10, 5).unwrap();
        let epoch = |sampler: &mut Sampler, n: u64| -> Vec<u32> {
            (0..10).flat_map(|step| sampler.batch(10 * n + step).indices).collect()
        };
        let (first, second) = (epoch(&mut sampler, 0), epoch(&mut sampler, 1));
        assert_ne!(first, second);
        for mut seen in [first, second] {
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 100, "every image at most once");
            assert!(seen.iter().all(|&index| index < 103));
        }
    }

    #[test]
    fn a_step_does_not_depend_on_the_way_there() {
        let mut walked = Sampler::new(50, 8, 1).unwrap();
        let all: Vec<BatchRequest> = (0..20).map(|step| walked.batch(step)).collect();
        for step in [19, 3, 0, 7, 6] {
            assert_eq!(Sampler::new(50, 8, 1).unwrap().batch(step), all[step as usize]);
        }
        let resumed: Vec<BatchRequest> = Sampler::new(50, 8, 1).unwrap().batches_from(13).take(7).collect();
        assert_eq!(resumed, all[13..]);
        assert_ne!(Sampler::new(50, 8, 2).unwrap().batch(0), all[0], "the seed matters");
    }

    #[test]
    fn impossible_batches_are_refused() {
        let refusal = |len, batch_size| Sampler::new(len, batch_size, 0).unwrap_err().to_string();
        assert!(refusal(3, 4).starts_with("3 images do not fill a batch of 4"));
        assert!(refusal(3, 0).starts_with("the batch size is 0"));
    }
}
