//! What is looked for, and from which value on it counts.

use std::fmt;
use std::str::FromStr;

/// Something to look for in a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// It cannot be read or decoded.
    Unreadable,
    /// It has the bytes or the pixels of another image.
    ExactCopy,
    /// It shows what another image shows, or a part of it.
    NearCopy,
    /// It has the bytes or the pixels of an image of the other data set.
    ExactLeak,
    /// It shows what an image of the other data set shows, or a part of it.
    NearLeak,
    /// Its content is of another type than its name says.
    WrongName,
    /// One of its sides has one pixel.
    OnePixel,
    /// It holds several pictures, of which one is read.
    Animated,
    /// It has a colour type that the other images do not have, and loses something as RGB of 8 bits.
    ColorType,
    /// Its file contradicts itself.
    OddFile,
    /// Even its bright parts are dark.
    Dark,
    /// Even its dark parts are bright.
    Bright,
    /// Its values hardly differ.
    LowInformation,
    /// It has no details.
    Blurry,
    /// It is much longer in one direction than in the other.
    AspectRatio,
    /// It is much larger or smaller than the other images.
    Size,
    /// Its features are unlike those of all other images.
    Outlier,
}

impl Check {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 17] = [
        Self::Unreadable,
        Self::ExactCopy,
        Self::NearCopy,
        Self::ExactLeak,
        Self::NearLeak,
        Self::WrongName,
        Self::OnePixel,
        Self::Animated,
        Self::ColorType,
        Self::OddFile,
        Self::Dark,
        Self::Bright,
        Self::LowInformation,
        Self::Blurry,
        Self::AspectRatio,
        Self::Size,
        Self::Outlier,
    ];

    /// Those whose images can go without anybody having looked at them: what cannot be read, and what is there twice.
    pub const REMOVED: [Self; 5] =
        [Self::Unreadable, Self::ExactCopy, Self::NearCopy, Self::ExactLeak, Self::NearLeak];

    /// Its name in tables and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::ExactCopy => "exact_copy",
            Self::NearCopy => "near_copy",
            Self::ExactLeak => "exact_leak",
            Self::NearLeak => "near_leak",
            Self::WrongName => "wrong_name",
            Self::OnePixel => "one_pixel",
            Self::Animated => "animated",
            Self::ColorType => "color_type",
            Self::OddFile => "odd_file",
            Self::Dark => "dark",
            Self::Bright => "bright",
            Self::LowInformation => "low_information",
            Self::Blurry => "blurry",
            Self::AspectRatio => "aspect_ratio",
            Self::Size => "size",
            Self::Outlier => "outlier",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Check {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        let unknown = || format!("no check has this name; there are {}", names.join(", "));
        Self::ALL.into_iter().find(|check| check.name() == text).ok_or_else(unknown)
    }
}

/// 99th percentile of brightness below which an image is dark: the value of CleanVision 0.3 (Cleanlab 2023), as the next three.
pub(super) const DARK: f32 = 0.32;
/// 5th percentile of brightness above which it is bright.
pub(super) const BRIGHT: f32 = 0.95;
/// Mean entropy of the three channels in bits below which it shows little. CleanVision has 3 bits for one histogram of all three,
/// which has log2 3 more.
pub(super) const ENTROPY: f32 = 1.415;
/// Shorter over longer side below which the shape is odd.
pub(super) const ASPECT_RATIO: f32 = 0.35;
/// Deviation of the Laplacian over that of the gray values below which it is blurred. Chosen on photographs: one in a thousand has
/// less, and nine of ten have less after a Gaussian blur of 2 % of their side.
pub(super) const SHARPNESS: f32 = 0.8;
/// Interquartile ranges beyond the quartiles from which a size is odd ("far out", Tukey 1977).
pub(super) const FAR_OUT: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for check in Check::ALL {
            assert_eq!(check.name().parse(), Ok(check));
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
        }
        assert!("blury".parse::<Check>().unwrap_err().contains("blurry"));
    }
}
