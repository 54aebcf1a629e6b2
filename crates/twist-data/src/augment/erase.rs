//! Random erasing (Zhong, Zheng, Kang, Li and Yang, 2017) with timm's mode `pixel`: a rectangle becomes normal noise.
//!
//! timm puts standard normal numbers into the normalised view. Views have 8 bits here, so a number `n` becomes the byte
//! next to `255 (mean + std n)`, which the normalisation turns back. That cut to 0..=255 is the one difference: with
//! ImageNet's values, noise ends at about 2.2 standard deviations on either side.

use serde::{Deserialize, Serialize};

use super::planes::Planes;
use super::policy::ViewPolicy;
use super::random::Draws;
use super::simd::round_to_u8;

/// The rectangle of a view that becomes noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Erase {
    /// First row.
    pub top: u32,
    /// First column.
    pub left: u32,
    /// Number of rows.
    pub height: u32,
    /// Number of columns.
    pub width: u32,
    /// Names the noise.
    pub seed: u64,
    /// Mean of the noise in red, green and blue, in `[0, 1]`.
    pub mean: [f64; 3],
    /// Its standard deviation.
    pub std: [f64; 3],
}

/// Attempts at a rectangle that is smaller than the view, in both directions.
const ATTEMPTS: u64 = 10;

/// Narrowest and widest height : width.
const RATIO: [f64; 2] = [0.3, 1.0 / 0.3];

/// Slots of the random numbers.
mod slot {
    pub(super) const NOISE: u64 = 0;
    /// Area, aspect, top and left of each attempt.
    pub(super) const RECTANGLE: u64 = NOISE + 1;
}

impl Erase {
    /// timm's `RandomErasing`, from the slots that begin at `first`: a uniform area and log-uniform aspect ratio, anywhere.
    /// `None` when no attempt gives a rectangle that fits. Halves round to even, as in Python.
    pub(super) fn draw(policy: &ViewPolicy, draws: &Draws, first: u64) -> Option<Self> {
        let size = f64::from(policy.size);
        (0..ATTEMPTS).find_map(|attempt| {
            let slot = first + slot::RECTANGLE + 4 * attempt;
            let area = size * size * draws.range(slot, policy.erase_area[0], policy.erase_area[1]);
            let aspect = draws.range(slot + 1, RATIO[0].ln(), RATIO[1].ln()).exp();
            let height = (area * aspect).sqrt().round_ties_even() as u32;
            let width = (area / aspect).sqrt().round_ties_even() as u32;
            (width < policy.size && height < policy.size).then(|| Self {
                top: draws.below(slot + 2, u64::from(policy.size - height) + 1) as u32,
                left: draws.below(slot + 3, u64::from(policy.size - width) + 1) as u32,
                height,
                width,
                seed: draws.bits(first + slot::NOISE),
                mean: policy.erase_mean,
                std: policy.erase_std,
            })
        })
    }

    /// Puts the noise in.
    ///
    /// # Panics
    /// When the rectangle does not lie inside of the view.
    pub(super) fn apply(&self, planes: &mut Planes) {
        let (pitch, _) = planes.size();
        let (top, left) = (self.top as usize, self.left as usize);
        let draws = Draws::new(&[self.seed]);
        let mut slots = (0..).step_by(2);
        for (channel, plane) in planes.channels_mut().into_iter().enumerate() {
            let (mean, std) = (255.0 * self.mean[channel], 255.0 * self.std[channel]);
            for row in top..top + self.height as usize {
                let line = &mut plane[row * pitch..(row + 1) * pitch][left..left + self.width as usize];
                for (pair, slot) in line.chunks_mut(2).zip(&mut slots) {
                    for (byte, normal) in pair.iter_mut().zip(draws.normals(slot)) {
                        *byte = round_to_u8((mean + std * normal) as f32);
                    }
                }
            }
        }
    }
}
