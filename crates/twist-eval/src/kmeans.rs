//! Lloyd's k-means with k-means++ seeding (Arthur & Vassilvitskii, 2007) and restarts, on tensors.
//!
//! It is here as a baseline: what clustering of raw pixels, colour histograms or frozen features reaches is the least
//! that discovered classes must beat.

use tch::{Kind, TchError, Tensor};

use crate::EvalError;

/// Distances in memory at once: 64 MiB, whatever the numbers of points and centroids are.
const DISTANCES: i64 = 1 << 24;
/// Rows compared with all centroids at once, where there are few centroids.
const BLOCK: i64 = 8_192;

/// Settings of a fit; equal settings on equal points give equal centroids.
#[derive(Clone, Copy, Debug)]
pub struct KMeans {
    /// Number of centroids K.
    pub clusters: i64,
    /// Independent starts; the fit with the least inertia is kept.
    pub restarts: u32,
    /// Most Lloyd iterations of one start.
    pub iterations: u32,
    /// Seed of the k-means++ draws.
    pub seed: u64,
}

/// The best of all starts.
#[derive(Debug)]
pub struct KMeansFit {
    /// Centroids `[K, D]`.
    pub centroids: Tensor,
    /// Sum of squared distances of the points to their centroid.
    pub inertia: f64,
}

impl KMeans {
    /// Fits K centroids to `points` `[N, D]` (float).
    ///
    /// # Errors
    /// Fewer points than clusters, or no clusters at all.
    pub fn fit(&self, points: &Tensor) -> Result<KMeansFit, EvalError> {
        let (len, _) = points.size2()?;
        if self.clusters < 1 || len < self.clusters {
            return Err(EvalError::TooFewPoints { points: len, clusters: self.clusters });
        }
        tch::no_grad(|| {
            let points = Points::new(points)?;
            let mut best: Option<KMeansFit> = None;
            for restart in 0..self.restarts.max(1) {
                let mut random = Random(self.seed ^ (u64::from(restart) << 32));
                let fit = self.lloyd(&points, self.seed_centroids(&points, &mut random)?)?;
                if best.as_ref().is_none_or(|b| fit.inertia < b.inertia) {
                    best = Some(fit);
                }
            }
            best.ok_or(EvalError::NoFeatures)
        })
    }

    /// k-means++: each next centroid is a point drawn with probability proportional to its squared distance to the
    /// nearest centroid so far.
    fn seed_centroids(&self, points: &Points, random: &mut Random) -> Result<Tensor, EvalError> {
        let len = points.len()?;
        let to_one = |centroid: &Tensor| points.distances(0, len, centroid)?.f_squeeze_dim(1);
        let mut chosen = vec![points.rows.f_narrow(0, (random.uniform() * len as f64) as i64, 1)?];
        let mut nearest = to_one(&chosen[0])?;
        while (chosen.len() as i64) < self.clusters {
            let cumulative = nearest.f_to_kind(Kind::Double)?.f_cumsum(0, Kind::Double)?;
            let total = cumulative.f_double_value(&[len - 1])?;
            let target = Tensor::from_slice(&[random.uniform() * total]).f_to_device(points.rows.device())?;
            // tch puts the values first, the sorted sequence second.
            let row = target.f_searchsorted(&cumulative, false, true, "right", None::<Tensor>)?;
            let next = points.rows.f_narrow(0, row.f_int64_value(&[0])?.min(len - 1), 1)?;
            nearest = nearest.f_minimum(&to_one(&next)?)?;
            chosen.push(next);
        }
        Ok(Tensor::f_cat(&chosen, 0)?)
    }

    /// Assign, average, repeat until no assignment changes.
    fn lloyd(&self, points: &Points, mut centroids: Tensor) -> Result<KMeansFit, EvalError> {
        let (mut cluster, mut distance) = points.nearest(&centroids)?;
        for _ in 0..self.iterations {
            centroids = averages(points.rows, &cluster, &distance, &centroids)?;
            let (next, next_distance) = points.nearest(&centroids)?;
            let settled = next.f_equal(&cluster)?;
            (cluster, distance) = (next, next_distance);
            if settled {
                break;
            }
        }
        Ok(KMeansFit { centroids, inertia: f64::try_from(&distance.f_sum(Kind::Double)?)? })
    }
}

impl KMeansFit {
    /// The centroid nearest to each row of `points` `[N, D]`: `[N]` int64.
    ///
    /// # Errors
    /// Points of another width than the centroids.
    pub fn assign(&self, points: &Tensor) -> Result<Tensor, EvalError> {
        tch::no_grad(|| Ok(Points::new(points)?.nearest(&self.centroids)?.0))
    }

    /// The `k` centroids nearest to each row of `points` `[N, D]`, the nearest first: `[N, k]` int64. All of them where
    /// there are fewer.
    ///
    /// # Errors
    /// Points of another width than the centroids.
    pub fn ranked(&self, points: &Tensor, k: i64) -> Result<Tensor, EvalError> {
        tch::no_grad(|| {
            let points = Points::new(points)?;
            let k = k.clamp(1, self.centroids.size()[0]);
            let ranked: Result<Vec<Tensor>, EvalError> = points
                .blocks(&self.centroids)?
                .map(|(start, len)| {
                    Ok(points.distances(start, len, &self.centroids)?.f_topk(k, 1, false, true)?.1)
                })
                .collect();
            Ok(Tensor::f_cat(&ranked?, 0)?)
        })
    }
}

/// Points `[N, D]` with the part of their distances that never changes.
struct Points<'a> {
    rows: &'a Tensor,
    /// `‖x‖²` `[N, 1]`.
    squares: Tensor,
}

impl<'a> Points<'a> {
    fn new(rows: &'a Tensor) -> Result<Self, TchError> {
        let (len, _) = rows.size2()?;
        let block = |start: i64| squares(&rows.f_narrow(0, start, BLOCK.min(len - start))?);
        let blocks: Result<Vec<Tensor>, TchError> = (0..len).step_by(BLOCK as usize).map(block).collect();
        let squares = match len {
            0 => squares(rows)?,
            _ => Tensor::f_cat(&blocks?, 0)?,
        };
        Ok(Self { rows, squares })
    }

    fn len(&self) -> Result<i64, TchError> {
        Ok(self.rows.size2()?.0)
    }

    /// `(start, length)` of the blocks that are compared with `centroids` in turn.
    fn blocks(&self, centroids: &Tensor) -> Result<impl Iterator<Item = (i64, i64)>, TchError> {
        let len = self.len()?;
        let block = (DISTANCES / centroids.size2()?.0.max(1)).clamp(1, BLOCK);
        Ok((0..len).step_by(block as usize).map(move |start| (start, block.min(len - start))))
    }

    /// `‖x - c‖²` of the points from `start` on and all centroids `[K, D]`: `[length, K]`, never negative.
    fn distances(&self, start: i64, length: i64, centroids: &Tensor) -> Result<Tensor, TchError> {
        let cross = self.rows.f_narrow(0, start, length)?.f_matmul(&centroids.f_tr()?)?;
        self.squares
            .f_narrow(0, start, length)?
            .f_add(&squares(centroids)?.f_tr()?)?
            .f_sub(&cross.f_mul_scalar(2.0)?)?
            .f_clamp_min(0.0)
    }

    /// Nearest centroid and squared distance to it, for each point: `([N] int64, [N])`.
    fn nearest(&self, centroids: &Tensor) -> Result<(Tensor, Tensor), TchError> {
        let (mut cluster, mut distance) = (Vec::new(), Vec::new());
        for (start, length) in self.blocks(centroids)? {
            let (d, c) = self.distances(start, length, centroids)?.f_min_dim(1, false)?;
            cluster.push(c);
            distance.push(d);
        }
        Ok((Tensor::f_cat(&cluster, 0)?, Tensor::f_cat(&distance, 0)?))
    }
}

/// `‖x‖²` of each row: `[N, D]` → `[N, 1]`.
fn squares(rows: &Tensor) -> Result<Tensor, TchError> {
    rows.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, rows.kind())
}

/// Mean of each cluster's points. A cluster that lost all its points moves to the point farthest from its centroid.
fn averages(points: &Tensor, cluster: &Tensor, distance: &Tensor, old: &Tensor) -> Result<Tensor, EvalError> {
    let clusters = old.size()[0];
    let sums = old.f_zeros_like()?.f_index_add(0, cluster, points)?;
    let counts = cluster.f_bincount(None::<Tensor>, clusters)?.f_to_kind(points.kind())?.f_unsqueeze(1)?;
    let means = sums.f_div(&counts.f_clamp_min(1.0)?)?;
    let empty = Vec::<i64>::try_from(&counts.f_squeeze_dim(1)?.f_eq(0.0)?.f_nonzero()?.f_flatten(0, -1)?)?;
    if !empty.is_empty() {
        let (_, farthest) = distance.f_topk(empty.len() as i64, 0, true, true)?;
        for (place, row) in empty.into_iter().zip(Vec::<i64>::try_from(&farthest)?) {
            means.f_narrow(0, place, 1)?.f_copy_(&points.f_narrow(0, row, 1)?)?;
        }
    }
    Ok(means)
}

/// SplitMix64: a few draws per fit, independent of libtorch's global generator, which training owns.
struct Random(u64);

impl Random {
    /// Uniform in [0, 1) with 53 bits.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// `per_group` points around each of `groups` far corners.
    fn groups(groups: i64, per_group: i64) -> (Tensor, Vec<i64>) {
        tch::manual_seed(0);
        let label = Tensor::arange(groups * per_group, (Kind::Int64, Device::Cpu)).remainder(groups);
        let noise = Tensor::randn([groups * per_group, groups], (Kind::Float, Device::Cpu)) * 0.1;
        (label.one_hot(groups).to_kind(Kind::Float) * 5.0 + noise, Vec::try_from(label).unwrap())
    }

    fn settings(clusters: i64) -> KMeans {
        KMeans { clusters, restarts: 5, iterations: 50, seed: 3 }
    }

    #[test]
    fn finds_separated_groups() {
        let (points, labels) = groups(6, 30);
        let fit = settings(6).fit(&points).unwrap();
        let cluster = Vec::<i64>::try_from(fit.assign(&points).unwrap()).unwrap();
        for (i, &label) in labels.iter().enumerate() {
            assert_eq!(cluster[i], cluster[label as usize], "point {i} is not with its group");
        }
        assert!((fit.inertia - 180.0 * 6.0 * 0.01).abs() < 2.0, "inertia {}", fit.inertia);
    }

    #[test]
    fn centroids_are_ranked_by_distance() {
        let centroids = Tensor::from_slice(&[0.0f32, 10.0, 4.0]).view([3, 1]);
        let fit = KMeansFit { centroids, inertia: 0.0 };
        let points = Tensor::from_slice(&[1.0f32, 8.0]).view([2, 1]);
        let ranked = fit.ranked(&points, 2).unwrap();
        assert_eq!(Vec::<Vec<i64>>::try_from(&ranked).unwrap(), [[0, 2], [1, 2]]);
        assert_eq!(fit.ranked(&points, 9).unwrap().size(), [2, 3]);
        assert_eq!(fit.assign(&points).unwrap(), ranked.select(1, 0));
    }

    #[test]
    fn equal_seeds_give_equal_centroids() {
        let (points, _) = groups(4, 10);
        let fits = [settings(7).fit(&points).unwrap(), settings(7).fit(&points).unwrap()];
        assert_eq!(fits[0].centroids, fits[1].centroids);
    }

    #[test]
    fn a_cluster_that_lost_its_points_moves_to_the_farthest_one() {
        let points = Tensor::from_slice(&[0.0f32, 1.0, 9.0]).view([3, 1]);
        let centroids = Tensor::from_slice(&[0.0f32, 100.0]).view([2, 1]);
        let (cluster, distance) = Points::new(&points).unwrap().nearest(&centroids).unwrap();
        let moved = averages(&points, &cluster, &distance, &centroids).unwrap();
        assert_eq!(f64::try_from(moved.get(1)).unwrap(), 9.0);
    }

    #[test]
    fn more_restarts_are_never_worse() {
        let (points, _) = groups(8, 12);
        let one = KMeans { restarts: 1, ..settings(8) }.fit(&points).unwrap().inertia;
        let many = KMeans { restarts: 10, ..settings(8) }.fit(&points).unwrap().inertia;
        assert!(many <= one);
    }

    #[test]
    fn too_few_points_are_an_error() {
        let (points, _) = groups(2, 2);
        assert!(matches!(settings(5).fit(&points), Err(EvalError::TooFewPoints { points: 4, clusters: 5 })));
    }
}
