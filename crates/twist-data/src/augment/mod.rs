//! From an image to its views: what happens is [drawn](draw()) first, as plain data, and then [applied](Augmenter).

mod random;

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

mod view;

mod eval;

mod normalize;

pub use draw::{ColorOp, Crop, DrawKey, Jitter, ViewDraw, draw};
pub use eval::EvalTransform;
pub use normalize::Normalize;
pub use policy::{Interpolation, PolicyError, ViewPolicy};
pub use view::Augmenter;

pub(crate) use random::Draws;
