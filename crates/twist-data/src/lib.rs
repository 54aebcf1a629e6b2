//! Images from wherever they lie to batches of augmented pixels.
//!
//! # Brief overview
//!
//! [`open`] turns what a user writes for `DATA` (a folder, a list, CIFAR batches, tar shards, parquet files, or the
//! embedded shapes) into a [`Dataset`]: a fixed order, random access, one read per image, no locks. [`Dataset::read`]
//! returns an image as it is stored; a [`Decoder`] makes 8-bit RGB of it, whatever it was ([`Rgb8`]); [`draw`] decides
//! how a view of it will look, from the seed, epoch, image and view alone; an [`Augmenter`] makes that view. The
//! [`Loader`] does all of this in threads, for the indices that a [`Sampler`] deals out, and hands over batches in order.
//!
//! [`open_official`] opens the data sets that transfer is measured on as their authors publish them: training and test
//! images, and the figure that the field reports.
//!
//! Beside the way into training there are three ways to look after data: [`info`] describes it, [`verify`] finds what
//! cannot be decoded, [`pack`] copies it into tar shards.
//!
//! # What this crate is not
//!
//! It knows no tensors and does not link libtorch, so it builds and is tested in seconds; pixels stay bytes, and
//! normalisation to floating point is the last thing that happens, on the training device. It downloads nothing. It
//! does not repair files: what is damaged is an error with a path and a remedy, and the caller decides whether to go on.
//! Nothing that was found and left aside vanishes: [`Dataset::left_out`] lists it.
//!
//! # Example
//!
//! ```
//! use twist_data::{DecodeLimits, Decoder, OpenOptions, Stored, open};
//!
//! let data = open("shapes:test", &OpenOptions::default())?;
//! let image = match data.read(7)? {
//!     Stored::Pixels(image) => image,
//!     Stored::Encoded(bytes) => Decoder::new(DecodeLimits::default()).decode(&bytes)?.into(),
//! };
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

mod pack;

pub mod bench;

pub use crate::augment::{
    Augmenter, ColorOp, Crop, DrawKey, Erase, EvalTransform, Interpolation, Jitter, Normalize, Operation,
    Operations, PolicyError, RandAugment, ViewDraw, ViewPolicy, draw,
};
pub use crate::dataset::{
    Dataset, LabelSource, LeftOut, Listed, Notes, OpenOptions, Splits, Stored, class_name, in_memory, listed,
    noted, open, open_lines, read_image, reduced, subset, text_labels,
};
pub use crate::decode::{DecodeError, DecodeLimits, DecodeNote, Decoder};
pub use crate::error::DataError;
pub use crate::image::Rgb8;
pub use crate::loader::{Batch, Loader, LoaderOptions, Pipeline, Skipped, ViewGroup};
pub use crate::official::{
    OfficialKind, OfficialSet, SetTags, Tag, Tags, TransferMetric, find_official, open_official,
};
pub use crate::pack::{PackOptions, PackReport, pack};
pub use crate::sampler::{BatchRequest, Sampler, SamplerError};
pub use crate::survey::{
    ClassCount, DataInfo, Duplicates, InfoOptions, Progress, Remark, Shade, Spread, Unreadable,
    VerifyOptions, VerifyReport, info, verify,
};
pub use crate::synth::{SHAPES_SIZE, Shapes, Split};
