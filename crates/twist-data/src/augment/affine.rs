//! Turning, shearing and shifting: Pillow's `Image.transform` with `AFFINE` and `BICUBIC`.
//!
//! Pillow cuts the result down to whole numbers, so its last bit decides where the exact value is one, as it is wherever
//! pixels are only moved. The arithmetic is therefore Pillow's: `double`, without fused operations, in the same order.

use super::planes::Planes;
use super::simd::{Kernel, dispatch};

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
pub(crate) fn transform(planes: &mut Planes, matrix: &Affine, fill: [u8; 3], pixels: &mut Vec<[u8; 4]>) {
    let (width, height) = planes.size();
    pixels.resize((width + 2 * MARGIN) * (height + 2 * MARGIN), [0; 4]);
    dispatch(Transform { planes, matrix, fill, pixels });
}

/// Pixels that the filter reaches beyond the border, where the outermost ones are repeated.
const MARGIN: usize = 2;

struct Transform<'a> {
    planes: &'a mut Planes,
    matrix: &'a Affine,
    fill: [u8; 3],
    pixels: &'a mut [[u8; 4]],
}

impl Kernel for Transform<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let (width, height) = self.planes.size();
        let pitch = width + 2 * MARGIN;
        copy_with_margin(self.planes, self.pixels);
        let [red, green, blue] = self.planes.channels_mut();
        for row in 0..height {
            let line = row * width..(row + 1) * width;
            let out = red[line.clone()].iter_mut().zip(&mut green[line.clone()]).zip(&mut blue[line]);
            for (column, ((red, green), blue)) in out.enumerate() {
                let (x, y) = self.matrix.source(column as f64 + 0.5, row as f64 + 0.5);
                let inside = 0.0 <= x && x < width as f64 && 0.0 <= y && y < height as f64;
                [*red, *green, *blue] = if inside { sample(self.pixels, pitch, x, y) } else { self.fill };
            }
        }
    }
}

/// Interleaves the channels, four bytes to a pixel, with a margin all around.
#[inline(always)]
fn copy_with_margin(planes: &Planes, pixels: &mut [[u8; 4]]) {
    let (width, height) = planes.size();
    let [red, green, blue] = planes.channels();
    for (row, line) in pixels.chunks_exact_mut(width + 2 * MARGIN).enumerate() {
        let start = row.saturating_sub(MARGIN).min(height - 1) * width;
        let [red, green, blue] = [red, green, blue].map(|plane| &plane[start..start + width]);
        for (((pixel, &red), &green), &blue) in line[MARGIN..].iter_mut().zip(red).zip(green).zip(blue) {
            *pixel = [red, green, blue, 0];
        }
        let (first, last) = (line[MARGIN], line[MARGIN + width - 1]);
        line[..MARGIN].fill(first);
        line[MARGIN + width..].fill(last);
    }
}

/// The value at a place inside of the view.
#[inline(always)]
fn sample(pixels: &[[u8; 4]], pitch: usize, x: f64, y: f64) -> [u8; 3] {
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, above) = (x.floor(), y.floor());
    let (dx, dy) = (x - left, y - above);
    // The filter begins one pixel further to the left and above; the copy begins by its margin earlier.
    let first = (above + (MARGIN - 1) as f64) as usize * pitch + (left + (MARGIN - 1) as f64) as usize;
    let line = |index: usize| {
        let start = first + index * pitch;
        let taps = &pixels[start..start + 4];
        cubic(std::array::from_fn(|tap| taps[tap].map(f64::from)), dx)
    };
    // Between no rows, as in all that goes sideways only, the row itself is the result.
    let value = if dy == 0.0 { line(1) } else { cubic([line(0), line(1), line(2), line(3)], dy) };
    [value[0] as u8, value[1] as u8, value[2] as u8]
}

/// Pillow's `BICUBIC`, Keys' cubic with a = -1, of each channel: the value at `d` after the second of four neighbours.
#[inline(always)]
fn cubic(neighbours: [[f64; 4]; 4], d: f64) -> [f64; 4] {
    let [a, b, c, e] = neighbours;
    std::array::from_fn(|channel| {
        let (a, b, c, e) = (a[channel], b[channel], c[channel], e[channel]);
        b + d * ((-a + c) + d * ((2.0 * (a - b) + c - e) + d * (-a + b - c + e)))
    })
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
