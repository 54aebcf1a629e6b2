//! Brightness, contrast, saturation, grayscale and solarisation with the arithmetic of Pillow's `ImageEnhance`,
//! `convert("L")` and `ImageOps.solarize`.

use super::planes::Planes;
use super::simd::{Kernel, dispatch, each_byte, truncate_to_u8};

/// `ImageEnhance.Brightness`: a blend with black.
pub(crate) fn brightness(planes: &mut Planes, factor: f32) {
    each_byte(planes.bytes_mut(), move |byte| blend(0, byte, factor));
}

/// `ImageEnhance.Contrast`: a blend with the mean of the grayscale image, rounded to 8 bits.
pub(crate) fn contrast(planes: &mut Planes, factor: f32) {
    let mut sum = 0;
    dispatch(SumLuma { channels: planes.channels(), sum: &mut sum });
    let pixels = planes.channels()[0].len();
    let mean = (sum as f64 / pixels.max(1) as f64 + 0.5) as u8;
    each_byte(planes.bytes_mut(), move |byte| blend(mean, byte, factor));
}

/// `ImageEnhance.Color`: a blend with the grayscale image.
pub(crate) fn saturation(planes: &mut Planes, factor: f32) {
    dispatch(BlendWithLuma { channels: planes.channels_mut(), factor });
}

/// `convert("L")` in all three channels.
pub(crate) fn grayscale(planes: &mut Planes) {
    dispatch(ReplaceByLuma { channels: planes.channels_mut() });
}

/// `ImageOps.solarize`: inverts values from `threshold` on.
pub(crate) fn solarize(planes: &mut Planes, threshold: u8) {
    each_byte(planes.bytes_mut(), move |byte| if byte < threshold { byte } else { 255 - byte });
}

/// ITU-R 601-2 luma in 16-bit fixed point: `L = (19595 R + 38470 G + 7471 B + 2^15) / 2^16`.
#[inline(always)]
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// Pillow's `Image.blend`: from `base` towards `value` and beyond, in `f32` without fused operations, cut to 0..=255 and
/// then truncated.
#[inline(always)]
pub(super) fn blend(base: u8, value: u8, factor: f32) -> u8 {
    let (base, value) = (f32::from(base), f32::from(value));
    truncate_to_u8((base + factor * (value - base)).clamp(0.0, 255.0))
}

struct SumLuma<'a> {
    channels: [&'a [u8]; 3],
    sum: &'a mut u64,
}

impl Kernel for SumLuma<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        // Blocks whose sum fits 32 bits.
        const BLOCK: usize = 1 << 16;
        let [r, g, b] = self.channels;
        for ((r, g), b) in r.chunks(BLOCK).zip(g.chunks(BLOCK)).zip(b.chunks(BLOCK)) {
            let sum: u32 = r.iter().zip(g).zip(b).map(|((&r, &g), &b)| u32::from(luma(r, g, b))).sum();
            *self.sum += u64::from(sum);
        }
    }
}

struct BlendWithLuma<'a> {
    channels: [&'a mut [u8]; 3],
    factor: f32,
}

impl Kernel for BlendWithLuma<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let [r, g, b] = self.channels;
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let gray = luma(*r, *g, *b);
            *r = blend(gray, *r, self.factor);
            *g = blend(gray, *g, self.factor);
            *b = blend(gray, *b, self.factor);
        }
    }
}

struct ReplaceByLuma<'a> {
    channels: [&'a mut [u8]; 3],
}

impl Kernel for ReplaceByLuma<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let [r, g, b] = self.channels;
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let gray = luma(*r, *g, *b);
            (*r, *g, *b) = (gray, gray, gray);
        }
    }
}
