//! Passes over a whole data set: [`info`] describes it, [`verify`] checks that all of it can be read.

mod info;
mod pass;
mod pixels;
mod probe;
mod verify;

pub use self::info::{ClassCount, DataInfo, Duplicates, InfoOptions, Shade, Spread, info};
pub(crate) use self::pass::in_threads;
pub use self::pass::{OnProgress, Remark, Unreadable};
pub(crate) use self::probe::extension_of;
pub use self::verify::{VerifyOptions, VerifyReport, verify};
