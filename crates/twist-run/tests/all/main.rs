//! The files of a run folder: written, read back, and damaged; of this version and of an older one.

mod clusters;
mod old_folder;
mod once;
mod tree;
