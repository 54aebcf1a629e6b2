//! Features of images from frozen networks, computed once and cached.

mod outputs;

mod file;

mod cache;
mod content;
mod set;

mod one_image;
mod rows;

pub use cache::FeatureCache;
pub use file::{FeatureFile, FeatureTable};
pub use outputs::{NetworkOutputs, most_probable};
pub use rows::{RowBuffer, unit_rows};
pub use set::{FeatureSet, check_labels};
