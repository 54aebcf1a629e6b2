//! Which feature a vision transformer gives.

use std::fmt;

/// What a network gives for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VitFeature {
    /// The class token after the last norm.
    ClassToken,
    /// The mean of all patches, through a norm of its own.
    MeanOfPatches,
    /// The class token after the last norm, projected into the space that images share with texts.
    Projected,
    /// What a learned query attends to.
    Attended,
}

impl VitFeature {
    /// What a name ends in where a network gives this and it is not the usual feature of its family.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::ClassToken => "class",
            Self::MeanOfPatches => "avg",
            Self::Projected => "projected",
            Self::Attended => "attended",
        }
    }
}

impl fmt::Display for VitFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClassToken => "class token after the last norm",
            Self::MeanOfPatches => "mean of the patches, then a norm",
            Self::Projected => "class token after the last norm, projected",
            Self::Attended => "attention pooling",
        })
    }
}
