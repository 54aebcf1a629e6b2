//! Reads images from files and turns them into batches of augmented pixels.
//!
//! # Overview
//!
//! [`open`] turns the `DATA` of a user (a folder, a list, CIFAR batches, tar shards, parquet files, or the embedded shapes)
//! into a [`Dataset`]: a fixed order, random access, one read per image, no locks. [`Dataset::read`] returns an image as it
//! is stored. A [`Decoder`] turns it into 8-bit RGB ([`Rgb8`]). [`draw`] computes the augmentation of a view from the seed,
//! the epoch, the image and the view alone, and an [`Augmenter`] makes that view. The [`Loader`] does all of this in
//! threads, for the indices from a [`Sampler`], and returns batches in order.
//!
//! [`open_official`] opens the data sets of transfer evaluation in the layout that their authors publish: training images,
//! test images, and the figure that is usually reported.
//!
//! Four functions are for looking after data: [`info`] describes it, [`verify`] finds images that cannot be decoded,
//! [`audit()`] finds copies and odd images, and [`pack`] copies it into tar shards.
//!
//! # What this crate does not do
//!
//! It knows no tensors and does not link libtorch, so it builds and is tested in seconds. Pixels stay bytes; they are
//! normalised to floating point last, on the training device. The crate downloads nothing and repairs no files: a damaged
//! file is an error with a path and a remedy, and the caller decides whether to continue. [`Dataset::left_out`] lists all
//! files that were found and not used.
//!
//! # Example
//!
//! ```
//! use twist_data::{Decoder, OpenOptions, open, pixels};
//!
//! let data = open("shapes:test", &OpenOptions::default())?;
//! let image = pixels(&*data, 7, &mut Decoder::default())?;
//! assert_eq!((image.width, image.height), (32, 32));
//! assert!(data.label(7).is_some_and(|label| (label as usize) < data.classes().len()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod image;

mod dataset;

mod official;

mod synth;

mod foreign;

mod decode;

mod augment;

mod sampler;

mod loader;

mod survey;

mod audit;

mod pack;

pub mod bench;

pub use crate::audit::{Action, Audit, AuditOptions, Check, Finding, KeptLooks, LOOKS, audit, fences};
pub use crate::augment::{
    Augmenter, ColorOp, Crop, DrawKey, Erase, EvalTransform, Interpolation, Jitter, Normalize, Operation,
    Operations, PolicyError, RandAugment, ViewDraw, ViewPolicy, draw,
};
pub use crate::dataset::{
    Dataset, Decoded, FileState, GivenImage, LabelSource, LeftOut, Listed, Notes, OpenOptions, Splits, Stamp,
    Stored, Witness, class_name, content_key, given_images, in_memory, large_once, listed, noted, open,
    open_lines, overview, pixels, read_image, read_stamped, reduced, subset, text_labels, witnessed,
};
pub use crate::decode::{DecodeError, DecodeLimits, DecodeNote, Decoder};
pub use crate::error::DataError;
pub use crate::image::Rgb8;
pub use crate::loader::{Batch, Loader, LoaderOptions, Pipeline, Skipped, ViewGroup};
pub use crate::official::{
    OfficialKind, OfficialSet, SetTags, Tag, Tags, TransferMetric, find_official, open_official,
};
pub use crate::pack::{PackOptions, PackReport, pack};
pub use crate::sampler::{BatchRequest, Sampler};
pub use crate::survey::{
    ClassCount, DataInfo, Duplicates, OnProgress, Remark, Shade, Spread, SurveyOptions, Unreadable,
    VerifyReport, extension_of, extension_of_name, info, shared, verify,
};
pub use crate::synth::{SHAPES_SIZE, Shapes, Split};
