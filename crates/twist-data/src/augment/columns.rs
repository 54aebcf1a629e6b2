//! Filtering along columns: weighted sums of rows.

use super::rows::PixelRows;
use super::simd::{Kernel, dispatch, mul_add, round_to_u8};
use super::taps::Taps;

/// Filters `width` bytes of each row into rows of the same length without gaps, one for each of `taps`. The first row of
/// `source` is row `first` of the taps' input.
pub(crate) fn filter_columns(source: PixelRows<'_>, first: usize, taps: &Taps, out: &mut [u8], width: usize) {
    dispatch(Columns { source, first, taps, out, width });
}

struct Columns<'a> {
    source: PixelRows<'a>,
    first: usize,
    taps: &'a Taps,
    out: &'a mut [u8],
    width: usize,
}

impl Kernel for Columns<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        match self.width {
            64.. => self.run_in_steps::<FUSED, 64>(),
            16.. => self.run_in_steps::<FUSED, 16>(),
            _ => self.run_in_steps::<FUSED, 1>(),
        }
    }
}

impl Columns<'_> {
    /// Rows in steps of `STEP` bytes, whose sums stay in registers. The last step of a row overlaps the one before.
    #[inline(always)]
    fn run_in_steps<const FUSED: bool, const STEP: usize>(self) {
        for (position, out) in self.out.chunks_exact_mut(self.width).enumerate() {
            let (start, weights) = self.taps.at(position);
            let rows = &self.source.bytes[(start - self.first) * self.source.pitch..];
            for from in (0..self.width).step_by(STEP) {
                let from = from.min(self.width - STEP);
                let mut sums = [0.0; STEP];
                for (row, &weight) in weights.iter().enumerate() {
                    let at = row * self.source.pitch + from;
                    for (sum, &value) in sums.iter_mut().zip(&rows[at..at + STEP]) {
                        *sum = mul_add::<FUSED>(f32::from(value), weight, *sum);
                    }
                }
                for (byte, &sum) in out[from..from + STEP].iter_mut().zip(&sums) {
                    *byte = round_to_u8(sum);
                }
            }
        }
    }
}
