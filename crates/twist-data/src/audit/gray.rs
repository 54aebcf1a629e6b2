//! Images in gray, and smaller.

use crate::image::Rgb8;

/// Gray values, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gray {
    pub(super) width: usize,
    pub(super) height: usize,
    /// `[height, width]`.
    pub(super) values: Vec<u8>,
}

impl Gray {
    /// The luma of an image (ITU-R BT.601, in whole numbers as Pillow computes it).
    pub(super) fn of(image: &Rgb8) -> Self {
        let luma = |pixel: &[u8]| {
            let [r, g, b] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
            ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8
        };
        let values = image.pixels.chunks_exact(3).map(luma).collect();
        Self { width: image.width as usize, height: image.height as usize, values }
    }

    /// The means of `width` × `height` cells of equal size. A pixel at the border of a cell counts in part.
    pub(super) fn reduced(&self, width: usize, height: usize) -> Self {
        let (across, down) = (Cells::new(self.width, width), Cells::new(self.height, height));
        let (mut sums, mut line) = (vec![0f32; width * height], vec![0f32; width]);
        for (y, row) in self.values.chunks_exact(self.width).enumerate() {
            for (cell, value) in line.iter_mut().enumerate() {
                *value = across.sum(cell, row);
            }
            for (cell, weight) in down.above(y) {
                let own = &mut sums[cell * width..][..width];
                own.iter_mut().zip(&line).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        let area = (self.width * self.height) as f32 / (width * height) as f32;
        Self { width, height, values: sums.iter().map(|sum| (sum / area).round() as u8).collect() }
    }
}

/// A row of pixels below a row of cells.
struct Cells {
    pixels: usize,
    cells: usize,
}

impl Cells {
    fn new(pixels: usize, cells: usize) -> Self {
        Self { pixels, cells }
    }

    /// Where a cell begins, in pixels.
    fn begin(&self, cell: usize) -> f32 {
        (cell * self.pixels) as f32 / self.cells as f32
    }

    /// The values below a cell, those at its borders in part.
    fn sum(&self, cell: usize, values: &[u8]) -> f32 {
        let (begin, end) = (self.begin(cell), self.begin(cell + 1));
        let (first, last) = (begin as usize, (end.ceil() as usize - 1).min(self.pixels - 1));
        if first >= last {
            return (end - begin) * f32::from(values[last]);
        }
        let within: u32 = values[first + 1..last].iter().map(|value| u32::from(*value)).sum();
        let borders = ((first + 1) as f32 - begin) * f32::from(values[first])
            + (end - last as f32) * f32::from(values[last]);
        within as f32 + borders
    }

    /// The cells above a pixel, and how much of the pixel lies below each.
    fn above(&self, pixel: usize) -> impl Iterator<Item = (usize, f32)> {
        let (begin, end) = (pixel as f32, (pixel + 1) as f32);
        let first = pixel * self.cells / self.pixels;
        let last = ((pixel + 1) * self.cells).div_ceil(self.pixels).min(self.cells);
        (first..last).map(move |cell| {
            let (from, to) = (self.begin(cell).max(begin), self.begin(cell + 1).min(end));
            (cell, (to - from).max(0.0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of each cell as a sum over all pixels.
    fn plain(gray: &Gray, width: usize, height: usize) -> Vec<f32> {
        let part = |cell: usize, place: usize, pixels: usize, cells: usize| {
            let side = pixels as f32 / cells as f32;
            let (from, to) = (cell as f32 * side, (cell + 1) as f32 * side);
            (to.min((place + 1) as f32) - from.max(place as f32)).max(0.0) / side
        };
        let mut cells = Vec::new();
        for i in 0..width * height {
            let mut sum = 0.0;
            for (place, value) in gray.values.iter().enumerate() {
                let (column, row) = (place % gray.width, place / gray.width);
                let across = part(i % width, column, gray.width, width);
                sum += across * part(i / width, row, gray.height, height) * f32::from(*value);
            }
            cells.push(sum);
        }
        cells
    }

    #[test]
    fn cells_are_means_whatever_the_size() {
        for (width, height) in [(32, 32), (64, 96), (45, 71), (16, 16), (1, 50), (7, 3)] {
            let value = |i: usize| (i * 7919 % 251) as u8 / 2 + (i % width) as u8;
            let gray = Gray { width, height, values: (0..width * height).map(value).collect() };
            let (reduced, expected) = (gray.reduced(32, 20), plain(&gray, 32, 20));
            let far = reduced.values.iter().zip(expected).map(|(a, b)| (f32::from(*a) - b).abs());
            assert!(far.fold(0.0, f32::max) < 0.51, "{width} x {height}");
        }
    }

    #[test]
    fn luma_of_colours() {
        let image = Rgb8::new(2, 2, vec![255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255]).unwrap();
        assert_eq!(Gray::of(&image).values, [255, 76, 150, 29]);
    }
}
