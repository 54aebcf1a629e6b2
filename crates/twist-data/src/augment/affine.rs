//! Turning, shearing and shifting: Pillow's `Image.transform` with `AFFINE` and `BICUBIC`.
//!
//! Pillow cuts the result down to whole numbers, so its last bit decides where the exact value is one, as it is wherever
//! pixels are only moved. The arithmetic is therefore Pillow's: `double`, without fused operations, in the same order.

use super::planes::Planes;
use super::rows::{LANES, transpose};
use super::simd::{Kernel, dispatch, truncate};

/// Where a pixel comes from: column `x · (column, row, 1)` and row `y · (column, row, 1)` of the original, where the
/// centre of the first pixel is at ½, ½.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) x: [f64; 3],
    pub(crate) y: [f64; 3],
}

impl Affine {
    /// The turn of Pillow's `Image.rotate`: counter-clockwise, around the centre.
    pub(crate) fn rotation(degrees: f64, width: f64, height: f64) -> Self {
        let (sin, cos) = (-degrees.rem_euclid(360.0).to_radians()).sin_cos();
        let [cos, sin] = [cos, sin].map(|x| (x * 1e15).round_ties_even() / 1e15);
        let (x, y) = (width / 2.0, height / 2.0);
        Self { x: [cos, sin, cos * -x + sin * -y + x], y: [-sin, cos, -sin * -x + cos * -y + y] }
    }

    /// The place in the original of a place in the result.
    #[inline(always)]
    fn source(&self, x: f64, y: f64) -> (f64, f64) {
        let along = |[a, b, c]: [f64; 3]| a * x + b * y + c;
        (along(self.x), along(self.y))
    }
}

/// Moves every pixel; what comes from outside of the view is `fill`. `pixels` is a buffer.
pub(crate) fn transform(planes: &mut Planes, matrix: &Affine, fill: [u8; 3], pixels: &mut Vec<u8>) {
    let (width, height) = planes.size();
    pixels.resize(PIXEL * (width + 2 * MARGIN) * (height + 2 * MARGIN), 0);
    dispatch(Transform { planes, matrix, fill, pixels });
}

/// Pixels that the filter reaches beyond the border, where the outermost ones are repeated.
const MARGIN: usize = 2;

/// Bytes of a pixel in the copy that is read from: four neighbours are one line of a 16 × 16 tile.
const PIXEL: usize = 4;

struct Transform<'a> {
    planes: &'a mut Planes,
    matrix: &'a Affine,
    fill: [u8; 3],
    pixels: &'a mut [u8],
}

impl Kernel for Transform<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let (width, height) = self.planes.size();
        copy_with_margin(self.planes, self.pixels);
        let mut channels = self.planes.channels_mut();
        for row in 0..height {
            for first in (0..width).step_by(LANES) {
                // Lanes beyond the end of the row are worked out and dropped.
                let columns = LANES.min(width - first);
                let places = Places::of(self.matrix, first, row, (width, height));
                let values = sample(self.pixels, PIXEL * (width + 2 * MARGIN), &places);
                for ((plane, values), fill) in channels.iter_mut().zip(&values).zip(self.fill) {
                    let mut bytes = [fill; LANES];
                    for ((byte, &value), &inside) in bytes.iter_mut().zip(values).zip(&places.inside) {
                        let value = truncate(value.clamp(0.0, 255.0)) as u8;
                        *byte = if inside { value } else { *byte };
                    }
                    plane[row * width + first..][..columns].copy_from_slice(&bytes[..columns]);
                }
            }
        }
    }
}

/// Interleaves the channels, with a margin all around.
#[inline(always)]
fn copy_with_margin(planes: &Planes, pixels: &mut [u8]) {
    let (width, height) = planes.size();
    for (row, line) in pixels.chunks_exact_mut(PIXEL * (width + 2 * MARGIN)).enumerate() {
        let start = row.saturating_sub(MARGIN).min(height - 1) * width;
        let [red, green, blue] = planes.channels().map(|plane| &plane[start..start + width]);
        let (left, line) = line.split_at_mut(PIXEL * MARGIN);
        let (line, right) = line.split_at_mut(PIXEL * width);
        for (((pixel, &red), &green), &blue) in line.chunks_exact_mut(PIXEL).zip(red).zip(green).zip(blue) {
            pixel.copy_from_slice(&[red, green, blue, 0]);
        }
        left.chunks_exact_mut(PIXEL).for_each(|pixel| pixel.copy_from_slice(&line[..PIXEL]));
        right.chunks_exact_mut(PIXEL).for_each(|pixel| pixel.copy_from_slice(&line[PIXEL * (width - 1)..]));
    }
}

/// Where sixteen pixels of a row come from.
struct Places {
    /// Whether that is inside of the view. What is not has the place of the first pixel.
    inside: [bool; LANES],
    /// First byte of the copy that the filter reads.
    start: [usize; LANES],
    /// How far the place is beyond the second column and row.
    dx: [f64; LANES],
    dy: [f64; LANES],
}

impl Places {
    #[inline(always)]
    fn of(matrix: &Affine, first: usize, row: usize, (width, height): (usize, usize)) -> Self {
        let mut places =
            Self { inside: [false; LANES], start: [0; LANES], dx: [0.0; LANES], dy: [0.0; LANES] };
        let pitch = (PIXEL * (width + 2 * MARGIN)) as f64;
        // The filter begins one pixel further to the left and above; the copy begins by its margin earlier.
        const FIRST: f64 = (MARGIN - 1) as f64;
        for lane in 0..LANES {
            let (x, y) = matrix.source((first + lane) as f64 + 0.5, row as f64 + 0.5);
            let inside = (0.0 <= x) & (x < width as f64) & (0.0 <= y) & (y < height as f64);
            let (x, y) = if inside { (x - 0.5, y - 0.5) } else { (0.0, 0.0) };
            places.inside[lane] = inside;
            let start = (y.floor() + FIRST) * pitch + (x.floor() + FIRST) * PIXEL as f64;
            places.start[lane] = truncate(start) as usize;
            (places.dx[lane], places.dy[lane]) = (x - x.floor(), y - y.floor());
        }
        places
    }
}

/// The three channels of sixteen places.
#[inline(always)]
fn sample(pixels: &[u8], pitch: usize, places: &Places) -> [[f64; LANES]; 3] {
    // Between no rows, as in all that goes sideways only, the row itself is the result.
    if places.dy.iter().all(|dy| *dy == 0.0) {
        return sample_line(&pixels[pitch..], places);
    }
    let mut lines = [[[0.0; LANES]; 4]; 3];
    for index in 0..4 {
        let line = sample_line(&pixels[index * pitch..], places);
        for (lines, line) in lines.iter_mut().zip(line) {
            lines[index] = line;
        }
    }
    let mut values = [[0.0; LANES]; 3];
    for (values, lines) in values.iter_mut().zip(&lines) {
        cubic(lines, &places.dy, values);
    }
    values
}

/// The three channels of sixteen places between the columns of one row.
#[inline(always)]
fn sample_line(pixels: &[u8], places: &Places) -> [[f64; LANES]; 3] {
    let mut tile = [[0; LANES]; LANES];
    for (neighbours, &start) in tile.iter_mut().zip(&places.start) {
        neighbours.copy_from_slice(&pixels[start..start + LANES]);
    }
    let tile = transpose(&tile);
    let mut values = [[0.0; LANES]; 3];
    for (channel, values) in values.iter_mut().enumerate() {
        let mut neighbours = [[0.0; LANES]; 4];
        for (tap, neighbours) in neighbours.iter_mut().enumerate() {
            for (value, &byte) in neighbours.iter_mut().zip(&tile[PIXEL * tap + channel]) {
                *value = f64::from(byte);
            }
        }
        cubic(&neighbours, &places.dx, values);
    }
    values
}

/// Pillow's `BICUBIC`, Keys' cubic with a = -1: the values at `d` after the second of four neighbours.
#[inline(always)]
fn cubic([a, b, c, e]: &[[f64; LANES]; 4], d: &[f64; LANES], values: &mut [f64; LANES]) {
    for i in 0..LANES {
        let square = 2.0 * (a[i] - b[i]) + c[i] - e[i];
        let cube = -a[i] + b[i] - c[i] + e[i];
        values[i] = b[i] + d[i] * ((-a[i] + c[i]) + d[i] * (square + d[i] * cube));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_moves_pixels_exactly() {
        let mut planes = Planes::default();
        planes.reshape(5, 5);
        let before: Vec<u8> = (0..75).map(|i| i * 3).collect();
        planes.bytes_mut().copy_from_slice(&before);
        transform(&mut planes, &Affine::rotation(90.0, 5.0, 5.0), [1, 2, 3], &mut Vec::new());
        for (channel, plane) in planes.channels().into_iter().enumerate() {
            for (at, &value) in plane.iter().enumerate() {
                let (row, column) = (at / 5, at % 5);
                assert_eq!(value, before[25 * channel + 5 * column + 4 - row]);
            }
        }
    }
}
