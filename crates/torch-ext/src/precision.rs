//! The arithmetic of a network.

use serde::{Deserialize, Serialize};

/// The element type of the backbone's and the head's matrix products. The loss is always computed in fp32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats throughout.
    Fp32,
    /// bf16 autocast: fp32 weights, bf16 products; it needs no loss scaling.
    Bf16,
}

impl Precision {
    /// The element type for [`Autocast::scope`](crate::Autocast::scope).
    pub fn kind(self) -> tch::Kind {
        match self {
            Self::Fp32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
        }
    }

    /// `fp32` or `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }
}
