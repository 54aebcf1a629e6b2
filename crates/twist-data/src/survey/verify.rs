//! Whether every image can be read.

use super::pass::{Pass, Progress, Unreadable};
use crate::dataset::{Dataset, LeftOut};
use crate::decode::DecodeLimits;

/// How to verify.
#[derive(Clone, Copy, Default)]
pub struct VerifyOptions<'a> {
    /// Threads that decode; 0 for one per core.
    pub threads: usize,
    /// Limits of decoding; what exceeds them counts as unreadable.
    pub limits: DecodeLimits,
    /// Told how many images are done.
    pub progress: Option<Progress<'a>>,
}

/// The outcome.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct VerifyReport {
    /// Number of images.
    pub images: usize,
    /// Those that cannot be decoded, in the order of the data set.
    pub unreadable: Vec<Unreadable>,
    /// What else was found beside the images.
    pub left_out: Vec<LeftOut>,
}

/// Reads and decodes every image.
pub fn verify(dataset: &dyn Dataset, options: &VerifyOptions<'_>) -> VerifyReport {
    let indices: Vec<usize> = (0..dataset.len()).collect();
    let pass = Pass { threads: options.threads, limits: options.limits, progress: options.progress };
    let unreadable = pass.run(dataset, &indices, |_, _, _| ()).into_iter().filter_map(Result::err).collect();
    VerifyReport { images: dataset.len(), unreadable, left_out: dataset.left_out().to_vec() }
}
