//! Turns an image into its views: the augmentation is first [drawn](draw()) as plain data and then
//! [applied](Augmenter).

mod random;

mod rand_augment;

mod operation;

mod erase;

mod interpolation;

mod policy;

mod draw;

mod simd;

mod planes;

mod taps;

mod rows;

mod columns;

mod resize;

mod color;

mod hue;

mod blur;

mod tone;

mod sharpness;

mod affine;

mod view;

mod eval;

mod reduce;

mod normalize;

pub use draw::{ColorOp, Crop, DrawKey, Jitter, ViewDraw, draw};
pub use erase::Erase;
pub use eval::EvalTransform;
pub use interpolation::Interpolation;
pub use normalize::Normalize;
pub use operation::Operation;
pub use policy::{PolicyError, ViewPolicy};
pub use rand_augment::{Operations, RandAugment};
pub use view::Augmenter;

pub(crate) use eval::resized_size;
pub(crate) use random::Draws;
pub(crate) use reduce::Reducer;
