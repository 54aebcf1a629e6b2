//! Clusters of different sizes: a mixture of distributions around directions.

use tch::{Kind, TchError, Tensor};

use crate::EvalError;

/// Probabilities in memory at once: 64 MiB, whatever the numbers of rows and clusters are.
const PROBABILITIES: i64 = 1 << 24;
/// Iterations at most; fewer where one moves fewer rows than this part.
const ITERATIONS: usize = 60;
const SETTLED: f64 = 1e-4;
/// How often the logarithm of a cluster's size counts. In the mixture itself it counts once, which is too little: the
/// numbers of a row are not independent of each other, so a row seems surer of its cluster than it is.
const SIZE_COUNTS: f64 = 2.0;

/// K von Mises–Fisher distributions of one concentration, with sizes of their own (Banerjee et al., 2005).
///
/// In k-means all clusters weigh alike, so that large ones are divided and small ones are joined. Here a large cluster may
/// stay whole.
#[derive(Debug)]
pub(super) struct Mixture {
    /// Unit rows, `[K, d]`.
    directions: Tensor,
    /// The part of the rows in each, `[K]` float64.
    sizes: Tensor,
    concentration: f64,
}

impl Mixture {
    /// From the cluster of each of `rows` `[N, d]` of unit length (`clusters` `[N]` int64, below `count`), by expectation and
    /// maximisation. If a cluster loses all its rows on the way, its directions are those of `clusters` and its sizes are equal:
    /// where clusters overlap that much, sizes grow without end.
    ///
    /// # Errors
    /// libtorch's own.
    pub(super) fn fit(rows: &Tensor, clusters: &Tensor, count: i64) -> Result<Self, EvalError> {
        let hard =
            |start, length| clusters.f_narrow(0, start, length)?.f_one_hot(count)?.f_to_kind(rows.kind());
        let mut mixture = Self::of(rows, count, hard)?;
        let (mut before, in_use) = (clusters.shallow_clone(), in_use(clusters)?);
        for _ in 0..ITERATIONS {
            let expected = |start, length| {
                let scores = mixture.scores(&rows.f_narrow(0, start, length)?)?;
                scores.f_softmax(-1, scores.kind())
            };
            mixture = Self::of(rows, count, expected)?;
            let now = mixture.clusters(rows)?;
            if self::in_use(&now)? < in_use {
                let first = Self::of(rows, count, hard)?;
                return Ok(Self { sizes: first.sizes.f_ones_like()?, ..first });
            }
            let moved = now.f_ne_tensor(&before)?.f_sum(Kind::Double)?.f_double_value(&[])?;
            if moved < SETTLED * rows.size2()?.0 as f64 {
                break;
            }
            before = now;
        }
        Ok(mixture)
    }

    /// The cluster of each of `rows` `[N, d]`: `[N]` int64.
    ///
    /// # Errors
    /// libtorch's own.
    pub(super) fn clusters(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        let spans = spans(rows, self.directions.size2()?.0);
        let of_span = |(start, length)| self.scores(&rows.f_narrow(0, start, length)?)?.f_argmax(1, false);
        Tensor::f_cat(&spans.map(of_span).collect::<Result<Vec<Tensor>, TchError>>()?, 0)
    }

    /// The most probable mixture, from the probabilities `[length, K]` of the clusters of the rows from `start` on.
    fn of(
        rows: &Tensor,
        count: i64,
        probabilities: impl Fn(i64, i64) -> Result<Tensor, TchError>,
    ) -> Result<Self, TchError> {
        let (len, width) = rows.size2()?;
        let mut sizes = Tensor::f_zeros([count], (Kind::Double, rows.device()))?;
        let mut sums = Tensor::f_zeros([count, width], (Kind::Double, rows.device()))?;
        for (start, length) in spans(rows, count) {
            let of_rows = probabilities(start, length)?;
            sizes = sizes.f_add(&of_rows.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?)?;
            let block = of_rows.f_tr()?.f_matmul(&rows.f_narrow(0, start, length)?)?;
            sums = sums.f_add(&block.f_to_kind(Kind::Double)?)?;
        }
        let lengths = sums.f_norm_scalaropt_dim(2, [1i64].as_slice(), true)?;
        let directions = sums.f_div(&lengths.f_clamp_min(f64::MIN_POSITIVE)?)?.f_to_kind(rows.kind())?;
        let mean = lengths.f_sum(Kind::Double)?.f_double_value(&[])? / len as f64;
        Ok(Self {
            directions,
            sizes: sizes.f_div_scalar(len as f64)?,
            concentration: concentration(mean, width as f64),
        })
    }

    /// The logarithms of the probabilities of the clusters for each of `rows`, up to what all clusters share: `[n, K]`.
    fn scores(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        let sizes = self.sizes.f_clamp_min(f64::MIN_POSITIVE)?.f_log()?.f_mul_scalar(SIZE_COUNTS)?;
        let near = rows.f_matmul(&self.directions.f_tr()?)?.f_mul_scalar(self.concentration)?;
        near.f_add(&sizes.f_to_kind(rows.kind())?)
    }
}

/// The concentration of unit rows of `width` numbers whose mean has this length within a cluster, as Banerjee et al. estimate
/// it.
fn concentration(mean: f64, width: f64) -> f64 {
    mean * (width - mean * mean) / (1.0 - mean * mean).max(1e-6)
}

/// Different numbers among `clusters` `[N]` int64.
fn in_use(clusters: &Tensor) -> Result<i64, TchError> {
    clusters.f_bincount(None::<Tensor>, 0)?.f_gt(0.0)?.f_sum(Kind::Int64)?.f_int64_value(&[])
}

/// `(start, length)` of the rows whose probabilities of `count` clusters are in memory at once.
fn spans(rows: &Tensor, count: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
    let (len, block) = (rows.size()[0], (PROBABILITIES / count.max(1)).max(1));
    (0..len).step_by(block as usize).map(move |start| (start, block.min(len - start)))
}

#[cfg(test)]
mod tests {
    use tch::Device;
    use torch_ext::RandomNumbers;
    use twist_model::unit_rows;

    use super::*;

    /// Rows of unit length around corners of `d` dimensions, so many of each.
    fn clouds(sizes: &[i64], noise: f64) -> (Tensor, Vec<i64>) {
        let _numbers = RandomNumbers::seeded(2);
        let corners = Tensor::eye(16, (Kind::Float, Device::Cpu));
        let parts: Vec<Tensor> = (0i64..)
            .zip(sizes)
            .map(|(corner, &size)| {
                corners.get(corner) + Tensor::randn([size, 16], (Kind::Float, Device::Cpu)) * noise
            })
            .collect();
        let truth = (0i64..).zip(sizes).flat_map(|(corner, &size)| vec![corner; size as usize]);
        (unit_rows(&Tensor::cat(&parts, 0)).unwrap(), truth.collect())
    }

    #[test]
    fn concentration_is_that_of_banerjee() {
        // 0.5 (3 - 0.25) / 0.75
        assert!((concentration(0.5, 3.0) - 1.833_333_333).abs() < 1e-8);
        assert!(concentration(1.0, 64.0).is_finite());
    }

    #[test]
    fn sizes_and_directions_are_found_from_a_start_that_is_partly_wrong() {
        let (rows, truth) = clouds(&[400, 60, 40], 0.12);
        // Every fifth row starts in another cluster.
        let start: Vec<i64> =
            truth.iter().enumerate().map(|(row, &own)| (own + i64::from(row % 5 == 0)) % 3).collect();
        let mixture = Mixture::fit(&rows, &Tensor::from_slice(&start), 3).unwrap();
        assert_eq!(Vec::<i64>::try_from(mixture.clusters(&rows).unwrap()).unwrap(), truth);
        let sizes = Vec::<f64>::try_from(&mixture.sizes).unwrap();
        for (found, expected) in sizes.iter().zip([0.8, 0.12, 0.08]) {
            assert!((found - expected).abs() < 0.005, "{sizes:?}");
        }
        let corners = Tensor::eye(16, (Kind::Float, Device::Cpu)).narrow(0, 0, 3);
        let cosines = (&mixture.directions * corners).sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        assert!(cosines.min().double_value(&[]) > 0.97, "{cosines}");
    }

    #[test]
    fn a_row_between_two_clusters_goes_to_the_larger_one() {
        let (rows, truth) = clouds(&[300, 30], 0.1);
        let mixture = Mixture::fit(&rows, &Tensor::from_slice(&truth), 2).unwrap();
        let mut between = [0.0f32; 16];
        (between[0], between[1]) = (0.5f32.sqrt(), 0.5f32.sqrt());
        let between = Tensor::from_slice(&between).view([1, 16]);
        assert_eq!(mixture.clusters(&between).unwrap().int64_value(&[0]), 0);
    }

    #[test]
    fn where_a_cluster_would_vanish_sizes_are_equal() {
        let (rows, _) = clouds(&[200], 0.5);
        // One cloud in two parts, one of them a single row.
        let mut start = vec![0i64; 200];
        start[7] = 1;
        let mixture = Mixture::fit(&rows, &Tensor::from_slice(&start), 2).unwrap();
        assert_eq!(Vec::<f64>::try_from(&mixture.sizes).unwrap(), [1.0, 1.0]);
        assert_eq!(in_use(&mixture.clusters(&rows).unwrap()).unwrap(), 2);
    }

    #[test]
    fn rows_that_are_all_equal_and_clusters_without_rows_stay_finite() {
        let rows = unit_rows(&Tensor::ones([20, 4], (Kind::Float, Device::Cpu))).unwrap();
        let start = Tensor::zeros([20], (Kind::Int64, Device::Cpu));
        let mixture = Mixture::fit(&rows, &start, 3).unwrap();
        assert_eq!(mixture.scores(&rows).unwrap().isfinite().all().int64_value(&[]), 1);
        assert_eq!(mixture.clusters(&rows).unwrap(), start);
    }
}
