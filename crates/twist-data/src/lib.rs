//! twist-data.

mod error;
mod image;

mod dataset;

mod synth;

mod decode;

mod augment;

mod sampler;

mod loader;

mod survey;

mod pack;

pub use crate::augment::{
    Augmenter, ColorOp, Crop, DrawKey, EvalTransform, Interpolation, Jitter, Normalize, PolicyError,
    ViewDraw, ViewPolicy, draw,
};
pub use crate::dataset::{Dataset, LabelSource, LeftOut, OpenOptions, Stored, in_memory, open};
pub use crate::decode::{DecodeError, DecodeLimits, Decoder};
pub use crate::error::DataError;
pub use crate::image::Rgb8;
pub use crate::loader::{Batch, Loader, LoaderOptions, Pipeline, Skipped, ViewGroup};
pub use crate::pack::{PackOptions, PackReport, pack};
pub use crate::sampler::{BatchRequest, Sampler, SamplerError};
pub use crate::synth::{SHAPES_SIZE, Shapes, Split};
pub use crate::survey::{
    ClassCount, DataInfo, Duplicates, InfoOptions, Progress, Spread, Unreadable, VerifyOptions, VerifyReport, info, verify,
};
