//! Where Lloyd's iterations begin.

use tch::{Kind, Tensor};
use twist_io::{GOLDEN, splitmix};

use super::points::Points;
use crate::EvalError;

/// Greedy k-means++: each next centroid is, of `2 + ln K` points drawn with probability proportional to their squared
/// distance to the nearest centroid so far, the one that leaves the least inertia. With a single draw, as in k-means++
/// itself, features of many numbers often end with two groups in one cluster.
pub(super) fn start(points: &Points<'_>, clusters: i64, random: &mut Random) -> Result<Tensor, EvalError> {
    let trials = 2 + (clusters as f64).ln() as usize;
    let len = points.len();
    let first = Tensor::f_from_slice(&[((random.uniform() * len as f64) as i64).min(len - 1)])?;
    let first = points.select(&first.f_to_device(points.origin.device())?)?;
    let mut nearest = points.all_distances(&first)?;
    let mut chosen = vec![first];
    while (chosen.len() as i64) < clusters {
        let cumulative = nearest.f_flatten(0, -1)?.f_cumsum(0, Kind::Double)?;
        let total = cumulative.f_double_value(&[len - 1])?;
        let targets: Vec<f64> = (0..trials).map(|_| random.uniform() * total).collect();
        let targets = Tensor::f_from_slice(&targets)?.f_to_device(cumulative.device())?;
        // tch puts the values first, the sorted sequence second.
        let drawn = targets.f_searchsorted(&cumulative, false, true, "right", None::<Tensor>)?;
        let candidates = points.select(&drawn.f_to_kind(Kind::Int64)?.f_clamp_max(len - 1)?)?;
        let left = points.all_distances(&candidates)?.f_minimum(&nearest)?;
        let best = left.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?.f_argmin(0, false)?;
        let best = best.f_int64_value(&[])?;
        nearest = left.f_narrow(1, best, 1)?.f_contiguous()?;
        chosen.push(candidates.f_narrow(0, best, 1)?);
    }
    Ok(Tensor::f_cat(&chosen, 0)?)
}

/// SplitMix64: a few draws per fit, independent of libtorch's global generator, which training owns.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// Uniform in [0, 1) with 53 bits.
    fn uniform(&mut self) -> f64 {
        let bits = splitmix(self.0);
        self.0 = self.0.wrapping_add(GOLDEN);
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}
