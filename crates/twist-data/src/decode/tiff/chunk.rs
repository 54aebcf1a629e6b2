//! Samples of a strip or tile to pixels.

use tiff::ColorType;
use tiff::decoder::DecodingResult;

use super::Rgb8;
use super::error::{damaged, describe, unsupported};
use super::palette::Palette;
use crate::decode::DecodeError;
use crate::decode::samples::{Narrow, from_cmyk};

/// Samples as bytes; those of fewer than 8 bits stay packed.
pub(super) fn to_bytes(found: DecodingResult, narrow: &mut Narrow) -> Result<Vec<u8>, DecodeError> {
    Ok(match found {
        DecodingResult::U8(values) => values,
        DecodingResult::U16(values) => values.into_iter().map(|value| narrow.u16(value)).collect(),
        DecodingResult::U32(values) => values.into_iter().map(|value| narrow.u32(value)).collect(),
        DecodingResult::U64(values) => values.into_iter().map(|value| narrow.u64(value)).collect(),
        DecodingResult::F16(values) => {
            values.into_iter().map(|value| narrow.float(f64::from(value))).collect::<Result<_, _>>()?
        }
        DecodingResult::F32(values) => {
            values.into_iter().map(|value| narrow.float(f64::from(value))).collect::<Result<_, _>>()?
        }
        DecodingResult::F64(values) => {
            values.into_iter().map(|value| narrow.float(value)).collect::<Result<_, _>>()?
        }
        DecodingResult::I8(_) => return Err(narrow.signed(8)),
        DecodingResult::I16(_) => return Err(narrow.signed(16)),
        DecodingResult::I32(_) => return Err(narrow.signed(32)),
        DecodingResult::I64(_) => return Err(narrow.signed(64)),
    })
}

/// How the samples of a pixel become red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gray,
    Rgb,
    Cmyk,
    Ycc,
}

/// An image that is filled part by part.
pub(super) struct Pixels {
    pub(super) image: Rgb8,
    kind: Kind,
    /// Samples of a pixel in the parts.
    samples: usize,
    /// Bits of a sample, at most 8.
    bits: usize,
    /// Whether the last of the samples that count is alpha that the others were multiplied by.
    is_associated: bool,
    palette: Option<Palette>,
}

impl Pixels {
    /// A black image of this size.
    pub(super) fn new(
        width: u32,
        height: u32,
        color: ColorType,
        is_associated: bool,
        palette: Option<Palette>,
    ) -> Result<Self, DecodeError> {
        let kind = match color {
            ColorType::Gray(_) | ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. } => {
                Kind::Gray
            }
            ColorType::RGB(_) | ColorType::RGBA(_) => Kind::Rgb,
            ColorType::CMYK(_) | ColorType::CMYKA(_) => Kind::Cmyk,
            ColorType::YCbCr(8) => Kind::Ycc,
            other => return Err(unsupported(&describe(other))),
        };
        let (samples, bits) = (usize::from(color.num_samples()), usize::from(color.bit_depth().min(8)));
        let is_associated =
            is_associated && (kind == Kind::Rgb && samples > 3 || kind == Kind::Gray && samples > 1);
        if bits < 8 && samples > 1 {
            return Err(unsupported(&describe(color)));
        }
        let pixels = vec![0; 3 * width as usize * height as usize];
        Ok(Self { image: Rgb8 { width, height, pixels }, kind, samples, bits, is_associated, palette })
    }

    /// Number of planes that matter where each channel lies in one of its own.
    pub(super) fn channels(&self) -> u64 {
        if self.kind == Kind::Gray { 1 } else { 3 }
    }

    /// Writes a part of `size` at `corner`; of one channel, where a plane is given.
    pub(super) fn put(
        &mut self,
        samples: &[u8],
        corner: (u32, u32),
        size: (u32, u32),
        plane: Option<usize>,
    ) -> Result<(), DecodeError> {
        let (width, height) = (size.0 as usize, size.1 as usize);
        let each = if plane.is_some() { 1 } else { self.samples };
        let row_bytes = (width * each * self.bits).div_ceil(8);
        if samples.len() < row_bytes * height || corner.0 >= self.image.width || corner.1 >= self.image.height
        {
            return Err(damaged("the sizes of its parts differ from its data"));
        }
        // What tiles have beyond the image is dropped.
        let width = width.min((self.image.width - corner.0) as usize);
        let rows = height.min((self.image.height - corner.1) as usize);
        let pitch = 3 * self.image.width as usize;
        let mut unpacked = Vec::new();
        for (y, row) in samples.chunks_exact(row_bytes).take(rows).enumerate() {
            let at = (corner.1 as usize + y) * pitch + 3 * corner.0 as usize;
            let row = if self.bits < 8 {
                unpack(row, self.bits, width, &mut unpacked);
                unpacked.as_slice()
            } else {
                row
            };
            let out = self.image.pixels[at..at + 3 * width].chunks_exact_mut(3);
            match (plane, &self.palette) {
                (Some(_), _) if self.kind == Kind::Gray => {
                    out.zip(row).for_each(|(pixel, &gray)| pixel.fill(gray));
                }
                (Some(channel), _) => out.zip(row).for_each(|(pixel, &value)| pixel[channel] = value),
                (None, Some(palette)) => {
                    out.zip(row).for_each(|(pixel, &index)| pixel.copy_from_slice(&palette.color(index)));
                }
                (None, None) => {
                    let white = (1 << self.bits) - 1;
                    for (pixel, samples) in out.zip(row.chunks_exact(each)) {
                        pixel.copy_from_slice(&rgb(self.kind, samples, white));
                        if self.is_associated {
                            divide(pixel, samples[if self.kind == Kind::Gray { 1 } else { 3 }]);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// A row of samples of 1, 2 or 4 bits as one byte each.
fn unpack(row: &[u8], bits: usize, width: usize, out: &mut Vec<u8>) {
    let mask = ((1u16 << bits) - 1) as u8;
    let sample = |x: usize| {
        let bit = x * bits;
        row[bit / 8] >> (8 - bits - bit % 8) & mask
    };
    out.clear();
    out.extend((0..width).map(sample));
}

/// One pixel; `white` is the largest value of a gray sample.
#[inline(always)]
fn rgb(kind: Kind, samples: &[u8], white: u32) -> [u8; 3] {
    match kind {
        Kind::Gray => [((u32::from(samples[0]) * 255 + white / 2) / white) as u8; 3],
        Kind::Rgb => [samples[0], samples[1], samples[2]],
        Kind::Cmyk => from_cmyk(samples),
        Kind::Ycc => from_ycc([0, 1, 2].map(|channel| f32::from(samples[channel]))),
    }
}

/// Undoes the multiplication of colours by alpha, rounded down as Pillow does it.
fn divide(pixel: &mut [u8], alpha: u8) {
    for value in pixel {
        let whole = u32::from(*value) * 255;
        *value = whole.checked_div(u32::from(alpha)).map_or(0, |value| value.min(255) as u8);
    }
}

/// ITU-R BT.601 at full range, as in JFIF.
fn from_ycc([y, cb, cr]: [f32; 3]) -> [u8; 3] {
    let (cb, cr) = (cb - 128.0, cr - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|value| value.round() as u8)
}
