//! The TWIST loss.

mod classes;
mod twist;

pub use classes::classes_in_use;
pub use twist::{LossTerms, TwistLoss};
