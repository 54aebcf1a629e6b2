//! Linear evaluation: how far a linear classifier comes on frozen features. Three protocols, which do not compare with each
//! other:
//!
//! - [`fast_linear`], on features that are computed once: a bank of classifiers, one for each learning rate and weight decay,
//!   learns in one pass (as DINOv2 does), and the one that is best on a held-out part of the *training* images is
//!   tested. Minutes instead of hours, without augmentation.
//! - [`augmented_linear`] with [`AugmentedLinear::resnet`]: the released protocol of convolutional networks, on random crops
//!   and flips.
//! - the same with [`AugmentedLinear::vit`]: the released protocol of transformers, on the class tokens of the last four
//!   blocks.
//!
//! The result is always the last epoch's. Published figures of the last two are often the best epoch's, which is a choice by
//! the test set: it stands beside the result under a name of its own.

mod augmented;
mod fast;

mod bank;

pub use augmented::{AugmentedLinear, AugmentedResult, ReleasedFor, augmented_linear};
pub use fast::{FastLinear, FastLinearResult, RateResult, fast_linear};
