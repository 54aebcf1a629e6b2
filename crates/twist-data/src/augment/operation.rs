//! The operations of RandAugment: timm's fifteen, with its strengths and Pillow's arithmetic.

use serde::{Deserialize, Serialize};

use super::affine::{Affine, transform};
use super::color::{brightness, contrast, saturation, solarize};
use super::planes::Planes;
use super::sharpness::sharpness;
use super::tone::{autocontrast, equalize, posterize, solarize_add};

/// One operation with its strength.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Stretch each channel over all of 0..=255.
    AutoContrast,
    /// Spread the values of each channel evenly.
    Equalize,
    /// Take the negative.
    Invert,
    /// Turn counter-clockwise, in degrees.
    Rotate(f64),
    /// Keep this many of the highest bits, at most 8.
    Posterize(u8),
    /// Invert values from this one on; 256 inverts none.
    Solarize(u16),
    /// Add to values below 128.
    SolarizeAdd(u8),
    /// 0 is grayscale, 1 changes nothing.
    Color(f32),
    /// 0 is the mean gray, 1 changes nothing.
    Contrast(f32),
    /// 0 is black, 1 changes nothing.
    Brightness(f32),
    /// 0 is blurred, 1 changes nothing, more is sharper.
    Sharpness(f32),
    /// Shift rows to the left, in pixels per row.
    ShearX(f64),
    /// Shift columns upwards, in pixels per column.
    ShearY(f64),
    /// Shift to the left, in parts of the width.
    TranslateX(f64),
    /// Shift upwards, in parts of the height.
    TranslateY(f64),
}

/// Buffers of the operations, kept from view to view.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    plane: Vec<u8>,
    pixels: Vec<u8>,
}

impl Operation {
    /// How many kinds there are.
    pub(super) const COUNT: u64 = 15;

    /// The operation with number `choice` of timm's `_RAND_INCREASING_TRANSFORMS` at a `level` in 0..=1. `sign` is 1 or
    /// -1; it matters to those that have two directions.
    pub(super) fn at(choice: u64, level: f64, sign: f64) -> Self {
        let factor = (1.0 + sign * (level * 0.9)).max(0.1) as f32;
        match choice {
            0 => Self::AutoContrast,
            1 => Self::Equalize,
            2 => Self::Invert,
            3 => Self::Rotate(sign * (level * 30.0)),
            4 => Self::Posterize(4 - (level * 4.0) as u8),
            5 => Self::Solarize(256 - (level * 256.0) as u16),
            6 => Self::SolarizeAdd((level * 110.0) as u8),
            7 => Self::Color(factor),
            8 => Self::Contrast(factor),
            9 => Self::Brightness(factor),
            10 => Self::Sharpness(factor),
            11 => Self::ShearX(sign * (level * 0.3)),
            12 => Self::ShearY(sign * (level * 0.3)),
            13 => Self::TranslateX(sign * (level * 0.45)),
            _ => Self::TranslateY(sign * (level * 0.45)),
        }
    }

    /// Changes a view of any size. What comes in from outside has the colour `fill`.
    pub(super) fn apply(self, planes: &mut Planes, fill: [u8; 3], scratch: &mut Scratch) {
        let (width, height) = planes.size();
        let (width, height) = (width as f64, height as f64);
        let matrix = match self {
            Self::AutoContrast => return autocontrast(planes),
            Self::Equalize => return equalize(planes),
            Self::Invert => return solarize(planes, 0),
            Self::Posterize(bits) => return posterize(planes, bits),
            Self::Solarize(threshold) => {
                return if let Ok(threshold) = u8::try_from(threshold) {
                    solarize(planes, threshold)
                };
            }
            Self::SolarizeAdd(add) => return solarize_add(planes, add),
            Self::Color(factor) => return saturation(planes, factor),
            Self::Contrast(factor) => return contrast(planes, factor),
            Self::Brightness(factor) => return brightness(planes, factor),
            Self::Sharpness(factor) => return sharpness(planes, factor, &mut scratch.plane),
            Self::Rotate(degrees) => Affine::rotation(degrees, width, height),
            Self::ShearX(shear) => Affine { x: [1.0, shear, 0.0], y: [0.0, 1.0, 0.0] },
            Self::ShearY(shear) => Affine { x: [1.0, 0.0, 0.0], y: [shear, 1.0, 0.0] },
            Self::TranslateX(part) => Affine { x: [1.0, 0.0, part * width], y: [0.0, 1.0, 0.0] },
            Self::TranslateY(part) => Affine { x: [1.0, 0.0, 0.0], y: [0.0, 1.0, part * height] },
        };
        transform(planes, &matrix, fill, &mut scratch.pixels);
    }
}

#[cfg(test)]
mod tests {
    use super::Operation::*;
    use super::*;

    #[test]
    fn strengths_are_timms() {
        let at = |level, sign| (0..Operation::COUNT).map(move |choice| Operation::at(choice, level, sign));
        let nine = [
            AutoContrast,
            Equalize,
            Invert,
            Rotate(-27.0),
            Posterize(1),
            Solarize(26),
            SolarizeAdd(99),
            Color(0.19),
            Contrast(0.19),
            Brightness(0.19),
            Sharpness(0.19),
            ShearX(-0.27),
            ShearY(-0.27),
            TranslateX(-0.405),
            TranslateY(-0.405),
        ];
        assert!(at(0.9, -1.0).eq(nine));
        // The ends of the scale; factors do not fall below 0.1.
        let ends = |choice| [(0.0, 1.0), (1.0, 1.0), (1.0, -1.0)].map(|(l, s)| Operation::at(choice, l, s));
        assert_eq!(ends(3), [Rotate(0.0), Rotate(30.0), Rotate(-30.0)]);
        assert_eq!(ends(4), [Posterize(4), Posterize(0), Posterize(0)]);
        assert_eq!(ends(5), [Solarize(256), Solarize(0), Solarize(0)]);
        assert_eq!(ends(6), [SolarizeAdd(0), SolarizeAdd(110), SolarizeAdd(110)]);
        assert_eq!(ends(7), [Color(1.0), Color(1.9), Color(0.1)]);
        assert_eq!(ends(14), [TranslateY(0.0), TranslateY(0.45), TranslateY(-0.45)]);
    }
}
