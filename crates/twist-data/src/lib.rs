//! twist-data.

mod error;
mod image;

mod dataset;

pub use crate::dataset::{Dataset, LabelSource, LeftOut, OpenOptions, Stored, open};
pub use crate::error::DataError;
pub use crate::image::Rgb8;
