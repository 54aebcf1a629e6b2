//! The fixed transform of evaluation: resize the shorter side, crop the centre.

use serde::{Deserialize, Serialize};

use super::draw::Crop;
use super::interpolation::Interpolation;
use super::planes::Planes;
use super::policy::{MAX_SIZE, PolicyError};
use super::resize::{Resizer, Target};
use crate::image::Rgb8;

/// torchvision's `Resize(resize)` and `CenterCrop(crop)` on Pillow images. With `resize == crop ==` both sides of the
/// image it is the identity. With [`whole`](Self::whole) it is `Resize((resize, resize))`, which keeps all of an image and
/// not its proportions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalTransform {
    /// Length of the shorter side after resizing.
    pub resize: u32,
    /// Side of the square that is cut from the centre, at most `resize`.
    pub crop: u32,
    /// Resampling filter.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// Whether both sides are resized to `resize`, instead of the shorter one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Whether the centre of an odd remainder begins at the pixel before it, as in the processors of `transformers`, instead of at
    /// the even one, as in torchvision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    #[serde(skip)]
    buffers: Buffers,
}

/// What is kept from image to image. No part of the transform's value: clones start without.
#[derive(Debug, Default)]
struct Buffers {
    resizer: Resizer,
    planes: Planes,
}

impl Clone for Buffers {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Buffers {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl EvalTransform {
    /// A transform from its two sizes.
    pub fn new(resize: u32, crop: u32, interpolation: Interpolation) -> Self {
        Self { resize, crop, interpolation, whole: false, truncated: false, buffers: Buffers::default() }
    }

    /// The same with [`whole`](Self::whole) as it is said.
    #[must_use]
    pub fn with_whole(mut self, whole: bool) -> Self {
        self.whole = whole;
        self
    }

    /// The same with [`truncated`](Self::truncated) as it is said.
    #[must_use]
    pub fn with_truncated(mut self, truncated: bool) -> Self {
        self.truncated = truncated;
        self
    }

    /// The same way of cutting to other sizes.
    #[must_use]
    pub fn with_sizes(&self, resize: u32, crop: u32, interpolation: Interpolation) -> Self {
        Self { resize, crop, interpolation, ..self.clone() }
    }

    /// Checks the sizes.
    ///
    /// # Errors
    /// When the crop is larger than the resized image may be, or a size is out of range.
    pub fn check(&self) -> Result<(), PolicyError> {
        let fail = |field, value: u32, rule| {
            Err(PolicyError { view: "evaluation".to_owned(), field, value: value.to_string(), rule })
        };
        if !(1..=MAX_SIZE).contains(&self.crop) {
            return fail("crop", self.crop, "a crop has between 1 and 4096 pixels on a side");
        }
        if !(self.crop..=MAX_SIZE).contains(&self.resize) {
            return fail("resize", self.resize, "it lies between the crop's size and 4096");
        }
        Ok(())
    }

    /// Writes the transformed image: `out` is `[crop, crop, 3]`.
    ///
    /// # Panics
    /// When `out` has another length, or the transform does not pass [`EvalTransform::check`].
    pub fn apply(&mut self, source: &Rgb8, out: &mut [u8]) {
        let crop = self.crop;
        assert_eq!(out.len(), 3 * (crop as usize).pow(2), "an evaluation crop of {crop} x {crop} pixels");
        assert!(crop <= self.resize, "a crop of {crop} from a shorter side of {}", self.resize);
        let resized = match self.whole {
            true => (self.resize, self.resize),
            false => resized_size(source.width, source.height, self.resize),
        };
        let target = Target {
            interpolation: self.interpolation,
            resized,
            from: (self.start(resized.0), self.start(resized.1)),
            size: (crop, crop),
            flip: false,
        };
        let whole = Crop { top: 0, left: 0, height: source.height, width: source.width };
        let Buffers { resizer, planes } = &mut self.buffers;
        resizer.resize(source, whole, &target, planes);
        planes.write_interleaved(out);
    }

    /// First pixel of the centre of a side of `length` pixels: half of the remainder, a whole number by the rule of the transform.
    fn start(&self, length: u32) -> u32 {
        let remainder = length - self.crop;
        match self.truncated {
            true => remainder / 2,
            false => (f64::from(remainder) / 2.0).round_ties_even() as u32,
        }
    }
}

/// Width and height after torchvision's `Resize(shorter)`: the longer side is truncated to whole pixels. What does not fit
/// into 32 bits becomes the largest number that does.
pub(crate) fn resized_size(width: u32, height: u32, shorter: u32) -> (u32, u32) {
    let longer = |long: u32, short: u32| {
        let exact = u64::from(shorter) * u64::from(long) / u64::from(short.max(1));
        u32::try_from(exact).unwrap_or(u32::MAX)
    };
    if width <= height { (shorter, longer(height, width)) } else { (longer(width, height), shorter) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_images_lose_their_proportions_and_no_part() {
        // Left half black, right half white, twice as wide as high.
        let pixels = (0..3 * 8 * 4).map(|at| if at / 3 % 8 < 4 { 0 } else { 255 }).collect();
        let image = Rgb8::new(8, 4, pixels).unwrap();
        let row = |transform: EvalTransform| {
            let mut out = vec![0; 3 * 4 * 4];
            transform.clone().apply(&image, &mut out);
            out[..12].iter().step_by(3).copied().collect::<Vec<u8>>()
        };
        let centre = EvalTransform::new(4, 4, Interpolation::Bilinear);
        assert_eq!(row(centre.clone()), [0, 0, 255, 255]);
        let whole = centre.with_whole(true);
        let squeezed = row(whole.clone());
        assert!(
            squeezed[0] == 0 && squeezed[1] > 0 && squeezed[2] < 255 && squeezed[3] == 255,
            "{squeezed:?}"
        );
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<EvalTransform>(&text).unwrap(), whole);
        assert!(
            text.contains("whole")
                && !serde_json::to_string(&whole.with_whole(false)).unwrap().contains("whole")
        );
    }

    #[test]
    fn half_a_pixel_goes_to_the_even_one_or_is_dropped() {
        // Rows 0 to 6 of one colour each; a crop of 4 leaves 3, so it begins at 1.5.
        let image = Rgb8::new(4, 7, (0..7u8).flat_map(|row| [20 * row; 12]).collect()).unwrap();
        let first = |transform: EvalTransform| {
            let mut out = vec![0; 3 * 4 * 4];
            transform.clone().apply(&image, &mut out);
            out[0]
        };
        let torchvision = EvalTransform::new(4, 4, Interpolation::Bilinear);
        assert_eq!(first(torchvision.clone()), 40);
        let transformers = torchvision.with_truncated(true);
        assert_eq!(first(transformers.clone()), 20);
        let text = serde_json::to_string(&transformers).unwrap();
        assert_eq!(serde_json::from_str::<EvalTransform>(&text).unwrap(), transformers);
    }

    #[test]
    fn extreme_proportions_do_not_overflow() {
        assert_eq!(resized_size(500, 375, 256), (341, 256));
        assert_eq!(resized_size(1 << 24, 1, 256), (u32::MAX, 256));
        assert_eq!(resized_size(1, 1 << 27, 32), (32, u32::MAX));
        let line = Rgb8::new(65_535, 1, (0..3 * 65_535u32).map(|at| (at / 3 / 257) as u8).collect()).unwrap();
        let mut out = vec![0; 3 * 8 * 8];
        EvalTransform::new(8, 8, Interpolation::Bicubic).apply(&line, &mut out);
        assert!(out.iter().all(|value| (126..=129).contains(value)), "{out:?}");
        let tall = Rgb8::new(1, 65_535, line.pixels).unwrap();
        EvalTransform::new(256, 8, Interpolation::Bilinear).apply(&tall, &mut out);
        assert!(out.iter().all(|value| (126..=129).contains(value)), "{out:?}");
    }
}
