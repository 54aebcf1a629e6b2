//! A data set that remembers what was read of it, so that nobody has to take it for what lay there a moment before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use twist_io::RecordKey;

use super::stamp::{Stamp, content_key, read_stamped};
use super::wrapper::Wrapper;
use super::{Dataset, Stored};
use crate::DataError;

/// What was read of the images of a data set.
#[derive(Debug, Default)]
pub struct Witness(Mutex<HashMap<usize, (RecordKey, Option<Stamp>)>>);

impl Witness {
    /// The [`content_key`] of image `index` as it was read last, with its stamp if that was settled; forgotten afterwards. `None`
    /// for an image that was not read.
    pub fn take(&self, index: usize) -> Option<(RecordKey, Option<Stamp>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&index)
    }
}

/// The same images, and who remembers what was read of them.
pub fn witnessed(dataset: &Arc<dyn Dataset>) -> (Arc<dyn Dataset>, Arc<Witness>) {
    let witness = Arc::new(Witness::default());
    (Arc::new(Witnessed { dataset: Arc::clone(dataset), witness: Arc::clone(&witness) }), witness)
}

/// See [`witnessed`].
struct Witnessed {
    dataset: Arc<dyn Dataset>,
    witness: Arc<Witness>,
}

impl Wrapper for Witnessed {
    fn within(&self) -> &dyn Dataset {
        &*self.dataset
    }

    fn fetch(&self, index: usize) -> Result<Stored, DataError> {
        let (read, stamp) = read_stamped(&*self.dataset, index);
        if let Ok(stored) = &read {
            let seen = (content_key(stored), stamp);
            self.witness.0.lock().unwrap_or_else(PoisonError::into_inner).insert(index, seen);
        }
        read
    }

    fn is_as_stored(&self) -> bool {
        true
    }
}
