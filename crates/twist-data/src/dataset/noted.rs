//! Collects notes about odd images that were still read, wherever they are decoded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::wrapper::Wrapper;
use super::{Dataset, Stored};
use crate::DataError;
use crate::decode::DecodeNote;

/// What was noted of the images of a data set, by index.
#[derive(Debug, Default)]
pub struct Notes(Mutex<BTreeMap<usize, DecodeNote>>);

impl Notes {
    /// Everything noted since the last call, by index.
    pub fn take(&self) -> BTreeMap<usize, DecodeNote> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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

    fn hear(&self, index: usize, note: DecodeNote) {
        self.notes.0.lock().unwrap_or_else(PoisonError::into_inner).insert(index, note);
    }
}
