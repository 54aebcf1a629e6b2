//! A data set of images with labels, and how its figure is called.

use std::sync::Arc;

use super::kind::{OfficialKind, TransferMetric};
use super::layout::Layout;
use super::tags::Tags;
use crate::Dataset;

/// A data set that transfer is measured on.
#[derive(Clone)]
pub struct OfficialSet {
    /// Which one it is.
    pub kind: OfficialKind,
    /// Images with labels that may be used.
    pub train: Arc<dyn Dataset>,
    /// Indices into `train` of the images that the authors set apart for choosing hyper-parameters, ascending; `None`
    /// where they name none.
    pub validation: Option<Vec<u32>>,
    /// Images that the figure is measured on.
    pub test: Arc<dyn Dataset>,
    /// The tags of both, where an image shows several classes; then neither has labels.
    pub tags: Option<SetTags>,
    /// How images were divided, in words.
    pub split: String,
}

/// Tags of the two parts of an [`OfficialSet`].
#[derive(Clone, Debug)]
pub struct SetTags {
    /// Of the training images.
    pub train: Tags,
    /// Of the test images.
    pub test: Tags,
}

impl OfficialSet {
    /// A set with labels whose authors set nothing apart for choosing hyper-parameters. `split` says how it was divided.
    pub(super) fn new(
        layout: &Layout,
        [train, test]: [Arc<dyn Dataset>; 2],
        split: impl Into<String>,
    ) -> Self {
        Self { kind: layout.kind, train, validation: None, test, tags: None, split: split.into() }
    }

    /// With these of the training images set apart.
    pub(super) fn with_validation(self, apart: impl IntoIterator<Item = u32>) -> Self {
        Self { validation: Some(apart.into_iter().collect()), ..self }
    }

    /// What it is called on the command line and in files.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// The figure that the field reports.
    pub fn metric(&self) -> TransferMetric {
        self.kind.metric()
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        self.tags.as_ref().map_or_else(|| self.train.classes(), |tags| tags.train.classes())
    }
}
