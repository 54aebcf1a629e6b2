//! Non-linearities by their names.

use serde::{Deserialize, Serialize};

/// The non-linearity of the projection head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`, for convolutional networks.
    #[default]
    Relu,
    /// `x Φ(x)`, for transformers.
    Gelu,
}
