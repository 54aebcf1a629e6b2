//! The filters that images are resampled with.

use serde::{Deserialize, Serialize};

/// The resampling filter of a crop, both antialiased as in Pillow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// Keys' cubic with a = -1/2, support 2: the paper's choice.
    #[default]
    Bicubic,
    /// The triangle filter, support 1.
    Bilinear,
}

impl Interpolation {
    /// Half the width of the filter in input samples, when not shrinking.
    pub(super) fn support(self) -> f64 {
        match self {
            Self::Bicubic => 2.0,
            Self::Bilinear => 1.0,
        }
    }

    /// The filter at a distance from its centre.
    #[inline(always)]
    pub(super) fn weight(self, x: f32) -> f32 {
        let x = x.abs();
        match self {
            Self::Bicubic => {
                let near = (1.5 * x - 2.5) * x * x + 1.0;
                let far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
                if x < 1.0 {
                    near
                } else if x < 2.0 {
                    far
                } else {
                    0.0
                }
            }
            Self::Bilinear => (1.0 - x).max(0.0),
        }
    }
}
