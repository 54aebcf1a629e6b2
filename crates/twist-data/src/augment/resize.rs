//! Antialiased resampling, the arithmetic of Pillow's `resize`: first along rows, rounded to 8 bits, then along columns.
//!
//! The rows go first and sixteen at a time: their bytes are transposed, so that one tap of the filter is one vector
//! operation on sixteen rows. The result comes out as three planes, which is what the colour kernels want.
//! Weights are `f32` where Pillow has 22-bit integers; both are far below half a step of the result.

use super::draw::Crop;
use super::planes::Planes;
use super::policy::Interpolation;
use super::simd::{Kernel, dispatch, mul_add, round_to_u8};
use super::taps::{Axis, Taps};
use crate::image::Rgb8;

/// Rows that are filtered together, and bytes that are transposed together.
const LANES: usize = 16;
/// Columns of one step of the vertical pass.
const STEP: usize = 64;

/// Which part of a virtual resized image is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The filter.
    pub(crate) interpolation: Interpolation,
    /// Size of the whole resized crop: width, height.
    pub(crate) resized: (u32, u32),
    /// First column and row that are wanted.
    pub(crate) from: (u32, u32),
    /// Size of what is wanted: width, height.
    pub(crate) size: (u32, u32),
    /// Mirror left and right.
    pub(crate) flip: bool,
}

/// Resamples; keeps its buffers from image to image.
#[derive(Debug, Default)]
pub(crate) struct Resizer {
    horizontal: Taps,
    vertical: Taps,
    /// Sixteen source rows, transposed: element `3 * x + c` holds channel `c` of column `x` of all rows.
    columns: Vec<[f32; LANES]>,
    /// The image between the passes: for each source row three planar rows, padded to whole [`STEP`]s.
    middle: Vec<u8>,
}

impl Resizer {
    /// Resizes `crop` of `source` into `planes`. The crop lies inside the source; pixels around it have no influence.
    pub(crate) fn resize(&mut self, source: &Rgb8, crop: Crop, target: &Target, planes: &mut Planes) {
        let (width, height) = (target.size.0 as usize, target.size.1 as usize);
        planes.reshape(width, height);
        let axis = |input, output, from, count, mirrored| Axis { input, output, from, count, mirrored };
        self.horizontal.prepare(
            axis(crop.width, target.resized.0, target.from.0, target.size.0, target.flip),
            target.interpolation,
        );
        self.vertical.prepare(
            axis(crop.height, target.resized.1, target.from.1, target.size.1, false),
            target.interpolation,
        );
        // Only rows that some output row looks at are filtered.
        let rows = self.vertical.inputs();
        let stride = width.next_multiple_of(STEP);
        self.columns.resize(3 * crop.width as usize, [0.0; LANES]);
        self.middle.resize(rows.len() * 3 * stride, 0);
        dispatch(Rows {
            source: &source.pixels,
            pitch: 3 * source.width as usize,
            origin: (crop.top as usize + rows.start) * 3 * source.width as usize + 3 * crop.left as usize,
            taps: &self.horizontal,
            columns: &mut self.columns,
            middle: &mut self.middle,
            stride,
        });
        dispatch(Columns {
            middle: &self.middle,
            first: rows.start,
            stride,
            width,
            taps: &self.vertical,
            planes,
        });
    }
}

/// The pass along rows.
struct Rows<'a> {
    source: &'a [u8],
    /// Bytes from one source row to the next.
    pitch: usize,
    /// Where the first row of the crop starts.
    origin: usize,
    taps: &'a Taps,
    columns: &'a mut [[f32; LANES]],
    middle: &'a mut [u8],
    stride: usize,
}

impl Kernel for Rows<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let bytes = self.columns.len();
        for (block, out) in self.middle.chunks_mut(LANES * 3 * self.stride).enumerate() {
            // The last block repeats its last row: unused lanes cost nothing.
            let rows = out.len() / (3 * self.stride);
            let lines: [&[u8]; LANES] = std::array::from_fn(|lane| {
                let start = self.origin + (block * LANES + lane.min(rows - 1)) * self.pitch;
                &self.source[start..start + bytes]
            });
            transpose_in(&lines, self.columns);
            for first in (0..self.taps.len()).step_by(LANES) {
                let mut tiles = [[[0; LANES]; LANES]; 3];
                for position in first..self.taps.len().min(first + LANES) {
                    let (start, weights) = self.taps.at(position);
                    let mut sums = [[0.0; LANES]; 3];
                    for (column, &weight) in self.columns[3 * start..].chunks_exact(3).zip(weights) {
                        for (sum, values) in sums.iter_mut().zip(column) {
                            for (sum, &value) in sum.iter_mut().zip(values) {
                                *sum = mul_add::<FUSED>(value, weight, *sum);
                            }
                        }
                    }
                    for (tile, sum) in tiles.iter_mut().zip(&sums) {
                        tile[position - first] = sum.map(|value| round_to_u8(value.clamp(0.0, 255.0)));
                    }
                }
                for (channel, tile) in tiles.iter().enumerate() {
                    let tile = transpose(tile);
                    for (row, values) in out.chunks_exact_mut(3 * self.stride).zip(&tile) {
                        row[channel * self.stride + first..][..LANES].copy_from_slice(values);
                    }
                }
            }
        }
    }
}

/// Sixteen rows of bytes to one vector of sixteen floats per byte column.
#[inline(always)]
fn transpose_in(lines: &[&[u8]; LANES], columns: &mut [[f32; LANES]]) {
    for (index, columns) in columns.chunks_mut(LANES).enumerate() {
        let mut tile = [[0; LANES]; LANES];
        for (tile, line) in tile.iter_mut().zip(lines) {
            let line = &line[index * LANES..];
            match line.first_chunk() {
                Some(values) => *tile = *values,
                None => tile[..line.len()].copy_from_slice(line),
            }
        }
        for (column, values) in columns.iter_mut().zip(transpose(&tile)) {
            *column = values.map(f32::from);
        }
    }
}

/// A 16 × 16 byte transpose in four rounds: each interleaves the halves of the list of rows, which moves one bit of the
/// row number into the column number.
#[inline(always)]
fn transpose(tile: &[[u8; LANES]; LANES]) -> [[u8; LANES]; LANES] {
    use wide::u8x16;
    let mut rows = tile.map(u8x16::new);
    for _ in 0..4 {
        let (low, high) = rows.split_at(LANES / 2);
        rows = std::array::from_fn(|i| {
            if i % 2 == 0 {
                u8x16::unpack_low(low[i / 2], high[i / 2])
            } else {
                u8x16::unpack_high(low[i / 2], high[i / 2])
            }
        });
    }
    rows.map(u8x16::to_array)
}

/// The pass along columns.
struct Columns<'a> {
    middle: &'a [u8],
    /// The source row that `middle` starts with.
    first: usize,
    stride: usize,
    width: usize,
    taps: &'a Taps,
    planes: &'a mut Planes,
}

impl Kernel for Columns<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for (channel, plane) in self.planes.channels_mut().into_iter().enumerate() {
            for (position, out) in plane.chunks_exact_mut(self.width).enumerate() {
                let (start, weights) = self.taps.at(position);
                for (step, out) in out.chunks_mut(STEP).enumerate() {
                    let at = ((start - self.first) * 3 + channel) * self.stride + step * STEP;
                    let mut sums = [0.0; STEP];
                    for (row, &weight) in self.middle[at..].chunks(3 * self.stride).zip(weights) {
                        if let Some(row) = row.first_chunk::<STEP>() {
                            for (sum, &value) in sums.iter_mut().zip(row) {
                                *sum = mul_add::<FUSED>(f32::from(value), weight, *sum);
                            }
                        }
                    }
                    let values = sums.map(|value| round_to_u8(value.clamp(0.0, 255.0)));
                    match out.first_chunk_mut::<STEP>() {
                        Some(out) => *out = values,
                        None => out.copy_from_slice(&values[..out.len()]),
                    }
                }
            }
        }
    }
}
