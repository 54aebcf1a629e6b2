//! The delegation that all data sets around another data set share.

use std::path::PathBuf;

use super::left_out::LeftOut;
use super::{Dataset, Decoded, Stamp, Stored};
use crate::DataError;
use crate::decode::{DecodeNote, Decoder};

/// A data set with the images, names and labels of another. Only how it is read and decoded and who hears of odd images may differ.
pub(super) trait Wrapper: Send + Sync {
    /// The other.
    fn within(&self) -> &dyn Dataset;

    /// As [`Dataset::read`].
    fn fetch(&self, index: usize) -> Result<Stored, DataError>;

    /// Whether [`Wrapper::fetch`] gives what the other data set stores, byte by byte.
    fn is_as_stored(&self) -> bool {
        false
    }

    /// As [`Dataset::decoded`].
    fn unpack(&self, index: usize, stored: &Stored, decoder: &mut Decoder) -> Decoded {
        self.within().decoded(index, stored, decoder)
    }

    /// As [`Dataset::note`].
    fn hear(&self, index: usize, note: DecodeNote) {
        self.within().note(index, note);
    }
}

impl<W: Wrapper> Dataset for W {
    fn len(&self) -> usize {
        self.within().len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.fetch(index)
    }

    fn decoded(&self, index: usize, stored: &Stored, decoder: &mut Decoder) -> Decoded {
        self.unpack(index, stored, decoder)
    }

    fn path(&self, index: usize) -> String {
        self.within().path(index)
    }

    fn file(&self, index: usize) -> Option<PathBuf> {
        self.within().file(index)
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        if self.is_as_stored() { self.within().stamp(index) } else { None }
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.within().label(index)
    }

    fn classes(&self) -> &[String] {
        self.within().classes()
    }

    fn fingerprint(&self) -> String {
        self.within().fingerprint()
    }

    fn left_out(&self) -> &[LeftOut] {
        self.within().left_out()
    }

    fn note(&self, index: usize, note: DecodeNote) {
        self.hear(index, note);
    }
}
