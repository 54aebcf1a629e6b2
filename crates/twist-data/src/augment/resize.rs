//! Antialiased resampling, the arithmetic of Pillow's `resize`: one direction, rounded to 8 bits, then the other.
//!
//! Crops are resized straight from the source, without a copy, but as if they had been cut out before: pixels around them
//! have no influence, as in torchvision's `resized_crop`. Weights are `f32` where Pillow has 22-bit integers; both are far
//! below half a step of the result.

use super::columns::filter_columns;
use super::draw::Crop;
use super::interpolation::Interpolation;
use super::planes::Planes;
use super::rows::{LANES, PixelRows, filter_rows};
use super::taps::{Axis, Taps};
use crate::image::Rgb8;

/// Which part of a virtual resized image is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
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
    /// Some rows of the source, transposed.
    columns: Vec<[f32; LANES]>,
    /// The image between the passes.
    middle: Vec<u8>,
}

impl Resizer {
    /// Resizes `crop` of `source` into `planes`. The crop lies inside the source.
    pub(crate) fn resize(&mut self, source: &Rgb8, crop: Crop, target: &Target, planes: &mut Planes) {
        let Target { interpolation, resized, from, size, flip } = *target;
        let (width, height) = (size.0 as usize, size.1 as usize);
        planes.reshape(width, height);
        let across =
            Axis { input: crop.width, output: resized.0, from: from.0, count: size.0, mirrored: flip };
        let down =
            Axis { input: crop.height, output: resized.1, from: from.1, count: size.1, mirrored: false };
        self.horizontal.prepare(across, interpolation);
        self.vertical.prepare(down, interpolation);
        let pitch = 3 * source.width as usize;
        let source = |row: usize| PixelRows {
            bytes: &source.pixels[(crop.top as usize + row) * pitch + 3 * crop.left as usize..],
            pitch,
        };
        if columns_first(crop, resized) {
            let pitch = 3 * crop.width as usize;
            self.middle.resize(pitch * height, 0);
            filter_columns(source(0), 0, &self.vertical, &mut self.middle, pitch);
            let middle = PixelRows { bytes: &self.middle, pitch };
            filter_rows(
                middle,
                &self.horizontal,
                &mut self.columns,
                planes.bytes_mut(),
                width,
                width * height,
                height,
            );
        } else {
            // Only rows that some output row looks at are filtered. The result has its channels one after another.
            let rows = self.vertical.inputs();
            self.middle.resize(3 * width * rows.len(), 0);
            let (horizontal, columns) = (&self.horizontal, &mut self.columns);
            filter_rows(
                source(rows.start),
                horizontal,
                columns,
                &mut self.middle,
                3 * width,
                width,
                rows.len(),
            );
            for (channel, plane) in planes.channels_mut().into_iter().enumerate() {
                let middle = PixelRows { bytes: &self.middle[channel * width..], pitch: 3 * width };
                filter_columns(middle, rows.start, &self.vertical, plane, width);
            }
        }
    }
}

/// Pillow 13's order of the passes: columns first when the height shrinks by more than twice what the width does.
/// Rounding in between makes the order visible at edges between black and white.
fn columns_first(crop: Crop, resized: (u32, u32)) -> bool {
    let shrinks = |from: u32, to: u32| i64::from(from) - i64::from(to);
    let height = shrinks(crop.height, resized.1);
    height > 0 && height > 2 * shrinks(crop.width, resized.0)
}
