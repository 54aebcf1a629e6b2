//! Very large images, decoded once for all who look at them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::wrapper::Wrapper;
use super::{Dataset, Decoded, Stored};
use crate::augment::Reducer;
use crate::decode::{DecodeLimits, Decoder};
use crate::{DataError, Rgb8};

/// From so many pixels on an image takes seconds: more than photographs have.
const LARGE: u64 = 1 << 26;

/// How much smaller, on each side, the copy is that pictures of such an image are made from.
const SMALLER: u32 = 4;

/// The same images. A survey, training, evaluations and pictures decode each image; of images with more than 2^26 pixels, which
/// take seconds each time, the last ones stay in memory instead: as many as have the pixels of one of the largest that is read. What
/// cannot be decoded stays as well, as its error.
pub fn large_once(dataset: Arc<dyn Dataset>) -> Arc<dyn Dataset> {
    Arc::new(LargeOnce { dataset, kept: Mutex::default() })
}

/// A copy with a quarter of the sides, for pictures of an image that is so large that [`large_once`] keeps it; `None` for others.
pub fn overview(image: &Rgb8) -> Option<Rgb8> {
    let shorter = (image.width.min(image.height) / SMALLER).max(1);
    is_large(image.width, image.height).then(|| Reducer::default().reduce(image, shorter)).flatten()
}

fn is_large(width: u32, height: u32) -> bool {
    u64::from(width) * u64::from(height) > LARGE
}

/// See [`large_once`].
struct LargeOnce {
    dataset: Arc<dyn Dataset>,
    kept: Mutex<VecDeque<Kept>>,
}

/// One image, decoded by whoever asks first.
struct Kept {
    index: usize,
    pixels: u64,
    decoded: Arc<OnceLock<Decoded>>,
}

impl LargeOnce {
    /// The place of image `index`; the oldest others make room for it.
    fn place(&self, index: usize, pixels: u64) -> Arc<OnceLock<Decoded>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.iter().find(|kept| kept.index == index) {
            return Arc::clone(&known.decoded);
        }
        let room = DecodeLimits::default().max_pixels.saturating_sub(pixels);
        while kept.iter().map(|kept| kept.pixels).sum::<u64>() > room {
            kept.pop_front();
        }
        let decoded = Arc::default();
        kept.push_back(Kept { index, pixels, decoded: Arc::clone(&decoded) });
        decoded
    }
}

impl Wrapper for LargeOnce {
    fn within(&self) -> &dyn Dataset {
        &*self.dataset
    }

    fn fetch(&self, index: usize) -> Result<Stored, DataError> {
        self.dataset.read(index)
    }

    fn is_as_stored(&self) -> bool {
        true
    }

    fn unpack(&self, index: usize, stored: &Stored, decoder: &mut Decoder) -> Decoded {
        let size = match stored {
            Stored::Encoded(bytes) => decoder.dimensions(bytes).ok(),
            Stored::Pixels(_) => None,
        };
        match size.filter(|(width, height)| is_large(*width, *height)) {
            Some((width, height)) => self
                .place(index, u64::from(width) * u64::from(height))
                .get_or_init(|| self.dataset.decoded(index, stored, decoder))
                .clone(),
            None => self.dataset.decoded(index, stored, decoder),
        }
    }
}
