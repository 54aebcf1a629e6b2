//! What the page asks of others: a model that embeds an image, and the data set that has the images themselves.
//!
//! This crate knows nothing of networks and reads no data sets, so the caller that starts the server provides both, or neither.

use std::error::Error;

/// A model.
pub trait Embed {
    /// The features of the image file in `bytes`, as those in the run's `embeddings.parquet`; their length plays no part.
    ///
    /// # Errors
    /// The bytes are not an image that can be read, or the model fails; the text is shown to the user.
    fn embed(&self, bytes: &[u8]) -> Result<Vec<f32>, Box<dyn Error>>;
}

/// The evaluated images, for those that have no thumbnail.
pub trait Pictures {
    /// The image with this index in the evaluated data as a PNG or JPEG file of at most `side` pixels, if it can be had.
    /// `path` is what the run calls it: data that have changed since may have another image at this index.
    fn picture(&self, index: u32, path: &str, side: u32) -> Option<Vec<u8>>;
}

/// Both, as far as they are there.
#[derive(Default)]
pub struct Helpers {
    /// Without a model, the user cannot search by a file.
    pub embed: Option<Box<dyn Embed>>,
    /// Without the data, images without a thumbnail appear by name.
    pub pictures: Option<Box<dyn Pictures>>,
}
