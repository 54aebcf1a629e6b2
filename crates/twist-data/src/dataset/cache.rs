//! Small data sets decoded once and kept in memory.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::wrapper::Wrapper;
use super::{Dataset, Stored, pixels, reduced};
use crate::augment::resized_size;
use crate::decode::Decoder;
use crate::{DataError, Rgb8};

/// Images looked at to estimate the size of all.
const PROBES: usize = 64;

/// Keeps decoded images in memory where all of them are expected to fit into `max_bytes`; otherwise returns the data
/// set as it is. With `reduce_to` images come [`reduced`] to that shorter side, kept or not.
///
/// Whether they fit is estimated from the headers of 64 images spread over the data set. Images are decoded when they
/// are first read, each by one thread, at most once. Should the estimate have been too low, the images that no longer
/// fit are read and decoded as before: the limit holds, and results are the same either way.
///
/// Images that are not readable are passed through, so that the caller meets the same error as without the cache.
pub fn in_memory(dataset: Arc<dyn Dataset>, reduce_to: Option<u32>, max_bytes: u64) -> Arc<dyn Dataset> {
    let expected = estimate(dataset.as_ref(), reduce_to);
    let dataset = match reduce_to {
        Some(shorter) => reduced(dataset, shorter),
        None => dataset,
    };
    if expected > max_bytes {
        return dataset;
    }
    let slots = (0..dataset.len()).map(|_| OnceLock::new()).collect();
    Arc::new(InMemory { dataset, slots, used: AtomicU64::new(0), max_bytes })
}

/// Expected bytes of all images decoded.
fn estimate(dataset: &dyn Dataset, reduce_to: Option<u32>) -> u64 {
    let len = dataset.len();
    let probes = len.min(PROBES);
    let mut decoder = Decoder::default();
    let bytes = |(width, height): (u32, u32)| {
        let (width, height) = match reduce_to {
            Some(shorter) if width.min(height) > shorter => resized_size(width, height, shorter),
            _ => (width, height),
        };
        3 * u64::from(width) * u64::from(height)
    };
    let sizes: Vec<u64> = (0..probes)
        .filter_map(|probe| match dataset.read(probe * len / probes).ok()? {
            Stored::Encoded(file) => decoder.dimensions(&file).ok().map(bytes),
            Stored::Pixels(image) => Some(bytes((image.width, image.height))),
        })
        .collect();
    let total: u64 = sizes.iter().sum();
    total.saturating_mul(len as u64) / sizes.len().max(1) as u64
}

/// See [`in_memory`].
struct InMemory {
    dataset: Arc<dyn Dataset>,
    slots: Vec<OnceLock<Option<Arc<Rgb8>>>>,
    used: AtomicU64,
    max_bytes: u64,
}

impl InMemory {
    /// Decodes image `index` if that works and it fits.
    fn fill(&self, index: usize) -> Option<Arc<Rgb8>> {
        thread_local! { static DECODER: RefCell<Decoder> = RefCell::default(); }
        let image = DECODER.with_borrow_mut(|decoder| pixels(&*self.dataset, index, decoder)).ok()?;
        let bytes = image.pixels.len() as u64;
        if self.used.fetch_add(bytes, Ordering::Relaxed) + bytes > self.max_bytes {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        Some(image)
    }
}

impl Wrapper for InMemory {
    fn within(&self) -> &dyn Dataset {
        &*self.dataset
    }

    fn fetch(&self, index: usize) -> Result<Stored, DataError> {
        let slot = self.slots.get(index).ok_or(DataError::OutOfRange { index, len: self.slots.len() })?;
        match slot.get_or_init(|| self.fill(index)) {
            Some(image) => Ok(Stored::Pixels(image.clone())),
            None => self.dataset.read(index),
        }
    }
}
