//! Bytes to the numbers a network sees.

use serde::{Deserialize, Serialize};

use super::simd::{Kernel, dispatch, mul_add};

/// `(byte / 255 - mean) / std` for each channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// Mean of red, green, blue in `[0, 1]`.
    pub mean: [f32; 3],
    /// Standard deviation of red, green, blue, positive.
    pub std: [f32; 3],
}

impl Normalize {
    /// The values of ImageNet that the paper uses.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// Normalises interleaved pixels `[.., 3]` into as many floats.
    ///
    /// # Panics
    /// When the lengths differ or are not a multiple of 3.
    pub fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        assert_eq!(pixels.len(), out.len(), "one float per byte");
        assert_eq!(pixels.len() % 3, 0, "whole pixels");
        dispatch(Scale {
            pixels,
            out,
            scale: self.std.map(|std| 1.0 / (255.0 * std)),
            offset: std::array::from_fn(|c| -self.mean[c] / self.std[c]),
        });
    }
}

struct Scale<'a> {
    pixels: &'a [u8],
    out: &'a mut [f32],
    scale: [f32; 3],
    offset: [f32; 3],
}

impl Kernel for Scale<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        // Sixteen pixels are a whole number of vectors, with the channels always in the same lanes.
        const STEP: usize = 48;
        let scale: [f32; STEP] = std::array::from_fn(|i| self.scale[i % 3]);
        let offset: [f32; STEP] = std::array::from_fn(|i| self.offset[i % 3]);
        for (pixels, out) in self.pixels.chunks(STEP).zip(self.out.chunks_mut(STEP)) {
            for (((out, &byte), &scale), &offset) in out.iter_mut().zip(pixels).zip(&scale).zip(&offset) {
                *out = mul_add::<FUSED>(f32::from(byte), scale, offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_its_own_mean_and_deviation() {
        let normalize = Normalize::IMAGENET;
        let pixels: Vec<u8> = (0..=255).flat_map(|v: u8| [v, v.wrapping_mul(7), 255 - v]).collect();
        let mut out = vec![0.0; pixels.len()];
        normalize.apply(&pixels, &mut out);
        for (i, (&byte, &value)) in pixels.iter().zip(&out).enumerate() {
            let expected = (f32::from(byte) / 255.0 - normalize.mean[i % 3]) / normalize.std[i % 3];
            assert!((value - expected).abs() < 1e-5, "{i}: {value} and {expected}");
        }
    }
}
