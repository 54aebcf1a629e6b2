//! Which images make up which batch: a pure function of the seed and the step.

use twist_data::BatchRequest;
use twist_io::splitmix;

/// Shuffled passes over all images, each cut into batches of equal size (but for one image): few labels are too dear to
/// drop what does not fill a batch, and a last batch of three would spoil the statistics of norms.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    images: usize,
    parts: usize,
    seed: u64,
}

impl Order {
    /// Batches of at most `batch_size` images; of at least two, where there are two.
    pub fn new(images: usize, batch_size: usize, seed: u64) -> Self {
        Self { images, parts: images.div_ceil(batch_size.max(1)).min(images / 2).max(1), seed }
    }

    /// Batches of a pass.
    pub fn steps_per_epoch(&self) -> u64 {
        self.parts as u64
    }

    /// The batches of the steps `from..to`, counted from 0 over all passes.
    pub fn batches(self, from: u64, to: u64) -> impl Iterator<Item = BatchRequest> + Send + 'static {
        let mut pass: Option<(u64, Vec<u32>)> = None;
        (from..to).map(move |step| {
            let (epoch, part) = (step / self.steps_per_epoch(), (step % self.steps_per_epoch()) as usize);
            let order = match pass.take() {
                Some((known, order)) if known == epoch => order,
                _ => shuffled(self.images, self.seed, epoch),
            };
            let [first, end] = [part, part + 1].map(|part| part * self.images / self.parts);
            let indices = order[first..end].to_vec();
            pass = Some((epoch, order));
            BatchRequest { epoch, indices }
        })
    }
}

/// A Fisher–Yates shuffle of `0..len` with the random numbers of (seed, epoch).
fn shuffled(len: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let stream = splitmix(splitmix(seed ^ u64::from_be_bytes(*b"labelled")).wrapping_add(epoch));
    let mut order: Vec<u32> = (0..len as u32).collect();
    for last in (1..len).rev() {
        let bits = splitmix(stream.wrapping_add(last as u64));
        let place = (u128::from(bits) * (last as u128 + 1)) >> 64;
        order.swap(last, place as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pass_sees_every_image_once_in_batches_of_equal_size(
            images in 1usize..300,
            batch_size in 1usize..80,
            seed: u64,
        ) {
            let order = Order::new(images, batch_size, seed);
            let steps = order.steps_per_epoch();
            let batches: Vec<BatchRequest> = order.batches(0, 2 * steps).collect();
            let sizes: Vec<usize> = batches.iter().map(|batch| batch.indices.len()).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            prop_assert!(most - least <= 1 && *least >= 2.min(images), "{:?}", sizes);
            prop_assert!(*most <= batch_size.max(3));
            for epoch in 0..2 {
                let pass = &batches[(epoch * steps) as usize..((epoch + 1) * steps) as usize];
                prop_assert!(pass.iter().all(|batch| batch.epoch == epoch));
                let mut seen: Vec<u32> = pass.iter().flat_map(|batch| batch.indices.clone()).collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..images as u32).collect::<Vec<_>>());
            }
            // The way to a step does not matter.
            let later: Vec<BatchRequest> = order.batches(steps + steps / 2, 2 * steps).collect();
            prop_assert_eq!(&later[..], &batches[(steps + steps / 2) as usize..]);
        }
    }

    #[test]
    fn passes_and_seeds_differ() {
        let order = |seed, epoch| shuffled(50, seed, epoch);
        assert_ne!(order(0, 0), order(0, 1));
        assert_ne!(order(0, 0), order(1, 0));
    }
}
