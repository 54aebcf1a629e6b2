//! Where images come from: one trait, one reader per file.

mod open;
mod options;
mod spec;

mod folder;
mod walk;

mod list;

mod cifar;

mod tar;

mod zip;

#[cfg(feature = "parquet")]
mod parquet;

mod labelled;

mod listed;

mod subset;

mod given;

mod wrapper;

mod reduced;

mod cache;

mod noted;

mod stamp;

mod witness;

mod large;

mod class_folders;
mod classes;
mod file_pool;
mod identity;
mod kinds;
mod left_out;
mod names;
mod pattern;
mod real;
mod remote;

use std::path::PathBuf;
use std::sync::Arc;

pub use self::cache::in_memory;
pub(crate) use self::cifar::{Batches, Cifar};
pub(crate) use self::class_folders::Folders;
pub use self::classes::text_labels;
pub(crate) use self::classes::{Labels, labelled};
pub(crate) use self::file_pool::read_file;
pub use self::file_pool::read_image;
pub(crate) use self::folder::Folder;
pub use self::given::{GivenImage, given_images};
pub(crate) use self::identity::{Identity, of_files};
pub use self::large::{large_once, overview};
pub use self::left_out::LeftOut;
pub use self::listed::{Listed, listed};
pub(crate) use self::names::NameTable;
pub use self::noted::{Notes, noted};
pub use self::open::{open, open_lines};
pub use self::options::{LabelSource, OpenOptions, Splits};
pub use self::reduced::reduced;
pub use self::stamp::{FileState, Stamp, content_key, read_stamped};
pub use self::subset::subset;
pub(crate) use self::tar::CLASSES_KEY;
pub use self::witness::{Witness, witnessed};
use crate::{DataError, DecodeError, DecodeNote, Decoder, Rgb8};

/// A fixed, ordered collection of images with random access from any number of threads.
///
/// The order is part of the data set: opening the same files twice gives the same indices, which is what makes a
/// resumed run equal to an uninterrupted one.
pub trait Dataset: Send + Sync {
    /// Number of images.
    fn len(&self) -> usize;

    /// The stored form of image `index`: file bytes to decode, or pixels where the source has no encoding.
    ///
    /// # Errors
    /// When the bytes cannot be read. Whether they are a valid image is found out by decoding them.
    fn read(&self, index: usize) -> Result<Stored, DataError>;

    /// A name of image `index` for people, logs and tables; no two images share one. Of images in files it is their path: from
    /// the folder on that was opened, else as it was written.
    fn path(&self, index: usize) -> String;

    /// The file that is image `index`, where it has one of its own.
    fn file(&self, _index: usize) -> Option<PathBuf> {
        None
    }

    /// What tells without reading whether image `index` is the one that was read before; `None` where nothing does. The state is
    /// that of this moment.
    fn stamp(&self, _index: usize) -> Option<Stamp> {
        None
    }

    /// Class of image `index`, an index into [`Dataset::classes`].
    fn label(&self, index: usize) -> Option<u32>;

    /// Names of the classes; empty without labels.
    fn classes(&self) -> &[String];

    /// A cheap identity of the data (number, names, a sample of the content, labels), so that a resumed run can tell when it
    /// changed.
    fn fingerprint(&self) -> String;

    /// What was found beside the images and is not part of the data set.
    fn left_out(&self) -> &[LeftOut] {
        &[]
    }

    /// Called by the decoder of image `index` if the image is odd; kept by [`noted`], forgotten elsewhere.
    fn note(&self, _index: usize, _note: DecodeNote) {}

    /// The pixels of what [`Dataset::read`] gave of image `index`, by `decoder` unless they are at hand, and what is odd about it.
    ///
    /// # Errors
    /// It is not an image that can be read.
    fn decoded(&self, _index: usize, stored: &Stored, decoder: &mut Decoder) -> Decoded {
        match stored {
            Stored::Pixels(image) => Ok((Arc::clone(image), None)),
            Stored::Encoded(bytes) => {
                decoder.decode_noted(bytes).map(|(image, note)| (Arc::new(image), note))
            }
        }
    }

    /// Whether it has no images. No reader returns an empty data set.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An image with what is odd about it.
pub type Decoded = Result<(Arc<Rgb8>, Option<DecodeNote>), DecodeError>;

/// The pixels of image `index`; the data set hears what is odd about it.
///
/// # Errors
/// It cannot be read or decoded; the error names it.
pub fn pixels(dataset: &dyn Dataset, index: usize, decoder: &mut Decoder) -> Result<Arc<Rgb8>, DataError> {
    let stored = dataset.read(index)?;
    let (image, note) = dataset
        .decoded(index, &stored, decoder)
        .map_err(|source| DataError::Decode { path: dataset.path(index), source })?;
    note.into_iter().for_each(|note| dataset.note(index, note));
    Ok(image)
}

/// The name of the class of image `index`; `None` where it has no label.
pub fn class_name(dataset: &dyn Dataset, index: usize) -> Option<&str> {
    dataset.classes().get(dataset.label(index)? as usize).map(String::as_str)
}

/// An image as its source stores it.
#[derive(Clone, Debug)]
pub enum Stored {
    /// A complete image file.
    Encoded(Vec<u8>),
    /// Pixels, where the source has no encoding or they are cached.
    Pixels(Arc<Rgb8>),
}
