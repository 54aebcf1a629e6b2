//! An image in gray at 32 × 32: all that the search for near copies keeps of it.

use super::gray::Gray;

/// Cells of a thumbnail across and down.
pub(super) const SIDE: usize = 32;
/// A thumbnail whose values deviate less than this from their mean, of 255, shows nothing that could be compared.
const FLAT: f32 = 2.0;

/// Gray values, row by row: each is the mean of the part of the image below its cell, whatever the shape of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thumbnail(Box<[u8; SIDE * SIDE]>);

impl Thumbnail {
    /// Of an image in gray.
    pub(super) fn new(gray: &Gray) -> Self {
        let mut cells = Box::new([0; SIDE * SIDE]);
        cells.copy_from_slice(&gray.reduced(SIDE, SIDE).values);
        Self(cells)
    }

    /// All cells, row by row.
    pub(super) fn cells(&self) -> &[u8; SIDE * SIDE] {
        &self.0
    }

    /// From the cells that [`Thumbnail::cells`] gave.
    pub(super) fn of_cells(cells: &[u8; SIDE * SIDE]) -> Self {
        Self(Box::new(*cells))
    }

    /// Row `y`.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.0[y * SIDE..][..SIDE]
    }

    /// Whether it shows next to nothing.
    pub(super) fn is_flat(&self) -> bool {
        let (mut sum, mut squares) = (0u64, 0u64);
        for &value in &self.0[..] {
            sum += u64::from(value);
            squares += u64::from(value) * u64::from(value);
        }
        let mean = sum as f32 / (SIDE * SIDE) as f32;
        squares as f32 / (SIDE * SIDE) as f32 - mean * mean < FLAT * FLAT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_thumbnails() {
        let of = |value: fn(usize) -> u8| {
            Thumbnail::new(&Gray { width: 10, height: 10, values: (0..100).map(value).collect() })
        };
        assert!(of(|_| 7).is_flat());
        assert!(!of(|i| if i < 50 { 10 } else { 20 }).is_flat());
    }
}
