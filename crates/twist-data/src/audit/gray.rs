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
            for (value, cell) in line.iter_mut().zip(&across.0) {
                *value = cell.sum(row);
            }
            for (cell, weight) in down.parts(y) {
                let own = &mut sums[cell * width..][..width];
                own.iter_mut().zip(&line).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        let area = (self.width * self.height) as f32 / (width * height) as f32;
        Self { width, height, values: sums.iter().map(|sum| (sum / area + 0.5) as u8).collect() }
    }
}

/// A row of cells above a row of pixels.
struct Cells(Vec<Cell>);

/// The pixels below a cell: those from `first` to `last`, of which these two count in part.
struct Cell {
    first: usize,
    last: usize,
    first_part: f32,
    last_part: f32,
}

impl Cells {
    fn new(pixels: usize, cells: usize) -> Self {
        let begin = |cell: usize| (cell * pixels) as f32 / cells as f32;
        let of = |cell: usize| {
            let (from, to) = (begin(cell), begin(cell + 1));
            let last = (to.ceil() as usize - 1).min(pixels - 1);
            let first = (from as usize).min(last);
            if first == last {
                return Cell { first, last, first_part: to - from, last_part: 0.0 };
            }
            Cell { first, last, first_part: (first + 1) as f32 - from, last_part: to - last as f32 }
        };
        Self((0..cells).map(of).collect())
    }

    /// How much of a pixel counts for each of the cells.
    fn parts(&self, pixel: usize) -> impl Iterator<Item = (usize, f32)> {
        let begin = self.0.partition_point(|cell| cell.last < pixel);
        let below = self.0[begin..].iter().take_while(move |cell| cell.first <= pixel);
        below.enumerate().map(move |(place, cell)| {
            let part = match pixel {
                _ if pixel == cell.first => cell.first_part,
                _ if pixel == cell.last => cell.last_part,
                _ => 1.0,
            };
            (begin + place, part)
        })
    }
}

impl Cell {
    /// The sum of the values below.
    fn sum(&self, values: &[u8]) -> f32 {
        let borders =
            self.first_part * f32::from(values[self.first]) + self.last_part * f32::from(values[self.last]);
        let within = values.get(self.first + 1..self.last).unwrap_or_default();
        borders + within.iter().map(|value| u32::from(*value)).sum::<u32>() as f32
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
