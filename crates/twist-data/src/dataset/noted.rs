//! Collects notes about odd images that were still read, wherever they are decoded.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::wrapper::Wrapper;
use super::{Dataset, Stored};
use crate::DataError;
use crate::decode::DecodeNote;

/// What was noted of the images of a data set, each image once.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    images: HashSet<usize>,
    notes: Vec<(usize, DecodeNote)>,
}

impl Notes {
    /// What was noted after the first `known` notes: images with what is odd about them, in the order of their decoding.
    pub fn after(&self, known: usize) -> Vec<(usize, DecodeNote)> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.notes.get(known..).unwrap_or_default().to_vec()
    }
}

/// The same images, and where [`Dataset::note`] writes to.
pub fn noted(dataset: Arc<dyn Dataset>) -> (Arc<dyn Dataset>, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    (Arc::new(Noted { dataset, notes: Arc::clone(&notes) }), notes)
}

/// See [`noted`].
struct Noted {
    dataset: Arc<dyn Dataset>,
    notes: Arc<Notes>,
}

impl Wrapper for Noted {
    fn within(&self) -> &dyn Dataset {
        &*self.dataset
    }

    fn fetch(&self, index: usize) -> Result<Stored, DataError> {
        self.dataset.read(index)
    }

    fn is_as_stored(&self) -> bool {
        true
    }

    fn hear(&self, index: usize, note: DecodeNote) {
        let mut heard = self.notes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.images.insert(index) {
            heard.notes.push((index, note));
        }
    }
}
