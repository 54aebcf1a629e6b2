//! Whether every image can be read.

use super::pass::{Remark, SurveyOptions, Unreadable};
use crate::dataset::{Dataset, LeftOut};

/// The outcome.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct VerifyReport {
    /// Number of images.
    pub images: usize,
    /// Those that cannot be decoded, in the order of the data set.
    pub unreadable: Vec<Unreadable>,
    /// Those that are odd and were read all the same.
    pub remarks: Vec<Remark>,
    /// What else was found beside the images.
    pub left_out: Vec<LeftOut>,
}

/// Reads and decodes every image.
pub fn verify(dataset: &dyn Dataset, options: &SurveyOptions<'_>) -> VerifyReport {
    let indices: Vec<usize> = (0..dataset.len()).collect();
    let (mut unreadable, mut remarks) = (Vec::new(), Vec::new());
    for image in options.run(dataset, &indices, |index, _, _, note| (index, note)) {
        match image {
            Ok((index, note)) => remarks.extend(Remark::of(dataset, index, note)),
            Err(error) => unreadable.push(error),
        }
    }
    VerifyReport { images: dataset.len(), unreadable, remarks, left_out: dataset.left_out().to_vec() }
}
