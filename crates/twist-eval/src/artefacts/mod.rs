//! What the report draws, left in the run folder: one file here for each file there. All are written beside and
//! renamed, so a run that is killed leaves no half file.

pub(crate) mod contact_sheet;
pub(crate) mod embeddings;
mod gallery;
pub(crate) mod images;
pub(crate) mod thumbnails;

pub(crate) use gallery::wanted;
pub use thumbnails::thumbnail;
