//! Folders in which libraries publish a network: weights in one file or several, and files that describe them.

mod agreement;
mod description;
mod wanted;
mod weights;

pub(crate) use agreement::{disagreement, other_eps, other_feature};
pub(crate) use wanted::{FIRST, HEADS, NoWeights, Wanted, files_in, stays_below};
pub(crate) use weights::PublishedFolder;

pub(crate) use description::ROUNDED_CROP;
pub use description::{Description, Sizes};
