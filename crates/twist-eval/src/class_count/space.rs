//! The space in which rows are compared.

use tch::{Kind, Tensor};
use twist_model::{nearest, unit_rows};

use crate::EvalError;

/// Directions that are kept, those of the largest variance; and rows for each of them, at least.
const DIRECTIONS: i64 = 64;
const ROWS_EACH: i64 = 5;
/// Neighbours whose differences say what is noise.
const NEIGHBOURS: usize = 10;
/// How much of the covariance of the differences is replaced by that of a sphere.
const SHRINKAGE: f64 = 0.1;

/// A space in which differences between neighbours have the same variance in all directions: that of the rows of unit
/// length in the directions of their largest variance, scaled.
///
/// Neighbours are mostly of one class, so what differs between them is what classes do not depend on.
pub(crate) struct NeighbourScaling {
    /// The mean of the rows, `[1, D]`.
    mean: Tensor,
    /// `[D, d]`.
    directions: Tensor,
    /// The Cholesky factor of the covariance of the differences, `[d, d]` float64.
    lower: Tensor,
}

impl NeighbourScaling {
    /// That of `rows` `[N, D]`.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn of(rows: &Tensor) -> Result<Self, EvalError> {
        let unit = unit_rows(&rows.f_to_kind(Kind::Float)?)?;
        let mean = unit.f_mean_dim([0i64].as_slice(), true, Kind::Float)?;
        let centred = unit.f_sub(&mean)?;
        let (len, width) = centred.size2()?;
        let kept = DIRECTIONS.min(width).min((len / ROWS_EACH).max(1));
        let covariance = covariance(&centred)?;
        // Eigenvalues ascend.
        let (_, directions) = covariance.f_linalg_eigh("L")?;
        let directions = directions.f_narrow(1, width - kept, kept)?.f_to_kind(Kind::Float)?;
        let main = centred.f_matmul(&directions)?;

        let neighbours = others(&unit_rows(&main)?, NEIGHBOURS)?;
        let mut noise = Tensor::f_zeros([kept, kept], (Kind::Double, main.device()))?;
        for place in 0..neighbours.size2()?.1 {
            let near = main.f_index_select(0, &neighbours.f_select(1, place)?)?;
            noise = noise.f_add(&self::covariance(&main.f_sub(&near)?)?)?;
        }
        let size = noise.f_trace()?.f_double_value(&[])? / kept as f64;
        let sphere = Tensor::f_eye(kept, (Kind::Double, main.device()))?;
        // Rows that are all equal have no noise; any scale serves them.
        let sphere = sphere.f_mul_scalar(if size > 0.0 { size } else { 1.0 })?;
        let lower = noise.f_lerp(&sphere, SHRINKAGE)?.f_linalg_cholesky(false)?;
        Ok(Self { mean, directions, lower })
    }

    /// `rows` `[N, D]` in this space, of unit length: `[N, d]` float32.
    ///
    /// # Errors
    /// Rows of another width; libtorch's own.
    pub(crate) fn apply(&self, rows: &Tensor) -> Result<Tensor, EvalError> {
        let unit = unit_rows(&rows.f_to_kind(Kind::Float)?)?;
        let main = unit.f_sub(&self.mean)?.f_matmul(&self.directions)?.f_to_kind(Kind::Double)?;
        let scaled = self.lower.f_linalg_solve_triangular(&main.f_tr()?, false, true, false)?;
        Ok(unit_rows(&scaled.f_tr()?.f_to_kind(Kind::Float)?.f_contiguous()?)?)
    }
}

/// `rows` `[N, D]` in their own [`NeighbourScaling`].
///
/// # Errors
/// libtorch's own.
pub(super) fn scaled_by_neighbours(rows: &Tensor) -> Result<Tensor, EvalError> {
    NeighbourScaling::of(rows)?.apply(rows)
}

/// The `k` rows nearest to each row of `unit` `[N, D]`, without the row itself: `[N, k]` int64, fewer where there are
/// fewer rows.
///
/// # Errors
/// libtorch's own.
pub(super) fn others(unit: &Tensor, k: usize) -> Result<Tensor, EvalError> {
    let len = unit.size2()?.0;
    let k = (k as i64).min(len - 1);
    let index = nearest(unit, unit, k + 1)?.index;
    // Where many rows are equal, a row may not be among its own neighbours: then the last one is left out.
    let own = Tensor::f_arange(len, (Kind::Int64, index.device()))?.f_unsqueeze(1)?;
    let is_other = index.f_ne_tensor(&own)?.f_to_kind(Kind::Int64)?;
    let order = is_other.f_argsort_stable(true, 1, true)?;
    Ok(index.f_gather(1, &order.f_narrow(1, 0, k)?, false)?)
}

/// The sum of the products of all pairs of columns, float64.
fn covariance(rows: &Tensor) -> Result<Tensor, EvalError> {
    Ok(rows.f_tr()?.f_matmul(rows)?.f_to_kind(Kind::Double)?)
}

#[cfg(test)]
mod tests {
    use tch::Device;
    use torch_ext::RandomNumbers;

    use super::*;

    #[test]
    fn a_row_is_not_its_own_neighbour_even_among_equal_rows() {
        let rows = Tensor::from_slice(&[1.0f32, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]).view([4, 2]);
        let found = Vec::<Vec<i64>>::try_from(others(&rows, 2).unwrap()).unwrap();
        assert_eq!(found.len(), 4);
        for (row, near) in found.iter().enumerate() {
            assert_eq!(near.len(), 2);
            assert!(!near.contains(&(row as i64)), "{found:?}");
        }
        assert_eq!(others(&rows, 9).unwrap().size(), [4, 3]);
    }

    #[test]
    fn noise_that_all_classes_share_counts_less() {
        let _numbers = RandomNumbers::seeded(3);
        // Two classes differ in the first number; the other twenty are noise of its size.
        let class = Tensor::arange(400, (Kind::Int64, Device::Cpu)).remainder(2).to_kind(Kind::Float);
        let told =
            (&class * 2.0 - 1.0).unsqueeze(1) + Tensor::randn([400, 1], (Kind::Float, Device::Cpu)) * 0.1;
        let noise = Tensor::randn([400, 20], (Kind::Float, Device::Cpu)) * 0.7;
        let rows = Tensor::cat(&[told, noise], 1);
        let same = |rows: &Tensor| {
            let near = others(&unit_rows(rows).unwrap(), 10).unwrap();
            let near = class.index_select(0, &near.flatten(0, -1)).view([400, 10]);
            near.eq_tensor(&class.unsqueeze(1)).to_kind(Kind::Float).mean(Kind::Float).double_value(&[])
        };
        let (before, after) = (same(&rows), same(&scaled_by_neighbours(&rows).unwrap()));
        assert!(after > before + 0.02, "{before} {after}");
    }

    #[test]
    fn equal_rows_stay_finite() {
        let rows = Tensor::ones([50, 8], (Kind::Float, Device::Cpu));
        let found = scaled_by_neighbours(&rows).unwrap();
        assert_eq!(found.isfinite().all().int64_value(&[]), 1);
    }
}
