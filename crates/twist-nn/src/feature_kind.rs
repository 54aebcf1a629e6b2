//! Which features of a backbone a classifier sees.

use std::fmt;

use tch::Tensor;

use crate::{Backbone, Mode, NnError};

/// Which features of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeatureKind {
    /// What the backbone gives.
    #[default]
    Last,
    /// The class tokens of a transformer's last n blocks after its final norm, one after the other.
    LastBlocks(usize),
}

impl FeatureKind {
    /// Features `[B, D]` of images `[B, 3, S, S]`.
    ///
    /// # Errors
    /// Images that do not fit; class tokens of a network that has none.
    pub fn of(self, backbone: &dyn Backbone, images: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        match self {
            Self::Last => backbone.forward(images, mode),
            Self::LastBlocks(n) => backbone.last_class_tokens(images, n, mode),
        }
    }

    /// Their width, where the backbone has `feature_dim` features.
    pub fn width(self, feature_dim: i64) -> i64 {
        match self {
            Self::Last => feature_dim,
            Self::LastBlocks(blocks) => blocks as i64 * feature_dim,
        }
    }
}

impl fmt::Display for FeatureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("last layer"),
            Self::LastBlocks(n) => write!(f, "class tokens of the last {n} blocks"),
        }
    }
}
