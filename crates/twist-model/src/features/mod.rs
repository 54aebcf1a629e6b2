//! Features of images from frozen networks, computed once and cached.

mod outputs;

mod file;

mod cache;
mod merge;
mod old;
mod set;

mod one_image;
mod rows;

pub use cache::{CacheUse, FeatureCache};
pub use file::{FeatureFile, FeatureRows, FeatureTable};
pub use outputs::{NetworkOutputs, most_probable};
pub use rows::{RowBuffer, unit_rows};
pub use set::{FeatureSet, check_labels};
