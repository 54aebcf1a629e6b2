//! Passes over a whole data set: [`info`] describes it, [`verify`] checks that all of it can be read.

mod info;
mod pass;
mod pixels;
mod probe;
mod shared;
mod verify;

pub(crate) use self::info::content_hash;
pub use self::info::{ClassCount, DataInfo, Duplicates, Shade, Spread, info};
pub(crate) use self::pass::in_threads;
pub use self::pass::{OnProgress, Remark, SurveyOptions, Unreadable};
pub(crate) use self::probe::probe;
pub use self::probe::{extension_of, extension_of_name};
pub use self::shared::shared;
pub use self::verify::{VerifyReport, verify};
