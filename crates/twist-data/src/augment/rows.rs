//! Filtering along rows, sixteen of them at a time.
//!
//! Their bytes are transposed, so that one tap of the filter is one vector operation on sixteen rows, and every lane is
//! used however few taps there are. The result comes out with its channels apart, which is what the colour kernels want.

use wide::u8x16;

use super::simd::{Kernel, dispatch, mul_add, round_to_u8};
use super::taps::Taps;

/// Rows that are filtered together, and bytes that are transposed together.
pub(crate) const LANES: usize = 16;

/// Bytes of an image, or of a part of it.
#[derive(Clone, Copy)]
pub(crate) struct PixelRows<'a> {
    /// From the first byte of the part to the end of the image.
    pub(crate) bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub(crate) pitch: usize,
}

/// Filters `rows` rows of interleaved pixels. Channel `c` of row `y` goes to
/// `out[y * row_pitch + c * channel_pitch..]`, as many bytes as there are taps.
pub(crate) fn filter_rows(
    source: PixelRows<'_>,
    taps: &Taps,
    columns: &mut Vec<[f32; LANES]>,
    out: &mut [u8],
    row_pitch: usize,
    channel_pitch: usize,
    rows: usize,
) {
    columns.resize(3 * taps.input, [0.0; LANES]);
    dispatch(RowKernel { source, taps, columns, out, row_pitch, channel_pitch, rows });
}

struct RowKernel<'a> {
    source: PixelRows<'a>,
    taps: &'a Taps,
    /// Element `3 * x + c` holds channel `c` of column `x` of all sixteen rows.
    columns: &'a mut [[f32; LANES]],
    out: &'a mut [u8],
    row_pitch: usize,
    channel_pitch: usize,
    rows: usize,
}

impl Kernel for RowKernel<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let bytes = self.columns.len();
        for first_row in (0..self.rows).step_by(LANES) {
            // The last block repeats its last row: unused lanes cost nothing.
            let rows = LANES.min(self.rows - first_row);
            let lines: [&[u8]; LANES] = std::array::from_fn(|lane| {
                let start = (first_row + lane.min(rows - 1)) * self.source.pitch;
                &self.source.bytes[start..start + bytes]
            });
            transpose_in(&lines, self.columns);
            for first in (0..self.taps.len()).step_by(LANES) {
                let positions = LANES.min(self.taps.len() - first);
                let mut tiles = [[[0; LANES]; LANES]; 3];
                for position in 0..positions {
                    let sums = filter::<FUSED>(self.columns, self.taps.at(first + position));
                    for (tile, sum) in tiles.iter_mut().zip(&sums) {
                        for (byte, &value) in tile[position].iter_mut().zip(sum) {
                            *byte = round_to_u8(value);
                        }
                    }
                }
                for (channel, tile) in tiles.iter().enumerate() {
                    for (row, values) in transpose(tile).iter().take(rows).enumerate() {
                        let at = (first_row + row) * self.row_pitch + channel * self.channel_pitch + first;
                        match self.out[at..].first_chunk_mut::<LANES>() {
                            Some(out) if positions == LANES => *out = *values,
                            _ => self.out[at..at + positions].copy_from_slice(&values[..positions]),
                        }
                    }
                }
            }
        }
    }
}

/// One output column of all rows: its three channels.
#[inline(always)]
fn filter<const FUSED: bool>(
    columns: &[[f32; LANES]],
    (start, weights): (usize, &[f32]),
) -> [[f32; LANES]; 3] {
    let mut sums = [[0.0; LANES]; 3];
    for (column, &weight) in columns[3 * start..].chunks_exact(3).zip(weights) {
        for (sum, values) in sums.iter_mut().zip(column) {
            for (sum, &value) in sum.iter_mut().zip(values) {
                *sum = mul_add::<FUSED>(value, weight, *sum);
            }
        }
    }
    sums
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
            for (value, byte) in column.iter_mut().zip(values) {
                *value = f32::from(byte);
            }
        }
    }
}

/// A 16 × 16 byte transpose in four rounds: each interleaves the halves of the list of rows, which moves one bit of the
/// row number into the column number.
#[inline(always)]
pub(super) fn transpose(tile: &[[u8; LANES]; LANES]) -> [[u8; LANES]; LANES] {
    let mut rows = tile.map(u8x16::new);
    for _ in 0..4 {
        let (low, high) = rows.split_at(LANES / 2);
        rows = std::array::from_fn(|i| match i % 2 {
            0 => u8x16::unpack_low(low[i / 2], high[i / 2]),
            _ => u8x16::unpack_high(low[i / 2], high[i / 2]),
        });
    }
    rows.map(u8x16::to_array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_swaps_rows_and_columns() {
        let tile: [[u8; LANES]; LANES] = std::array::from_fn(|y| std::array::from_fn(|x| (16 * y + x) as u8));
        let swapped = transpose(&tile);
        assert!((0..LANES).all(|y| (0..LANES).all(|x| swapped[x][y] == tile[y][x])));
    }
}
