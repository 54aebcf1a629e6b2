//! The integration tests of twist-data, one binary.
//!
//! - `reference`, `image_ops`, `crop_statistics`, `operations`: values computed by Pillow and torchvision;
//! - `augmentation`: views at odd sizes, steady state;
//! - `rand_augment`, `views`: distributions of RandAugment and erasing, and the policies in the documentation;
//! - `decoding`, `odd_images`, `frames`: formats, damage, limits, and what is rare;
//! - `loader`: order, replacement, shutdown;
//! - `folders`, `lists`, `cifar`, `shards`, `zips`, `tables`: the readers, on sound and on damaged files;
//! - `official`: the data sets of the transfer evaluation, as their authors publish them;
//! - `seeds`: what the fuzz target begins with;
//! - `packing`, `survey`, `caching`, `stamps`: what works on any data set.

mod augmentation;
mod caching;
mod cifar;
mod crop_statistics;
mod decoding;
mod folders;
mod frames;
mod image_ops;
mod lists;
mod loader;
mod odd_images;
mod official;
mod operations;
mod packing;
mod pictures;
mod rand_augment;
mod reference;
#[cfg(feature = "parquet")]
mod seeds;
mod shards;
mod stamps;
mod survey;
#[cfg(feature = "parquet")]
mod tables;
mod tiffs;
mod views;
mod workplace;
mod zips;
