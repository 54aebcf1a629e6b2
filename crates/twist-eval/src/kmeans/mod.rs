//! k-means: greedy k-means++ (Arthur & Vassilvitskii, 2007), Lloyd's iterations, several starts, and exchanges of clusters
//! in the best of them, on tensors.
//!
//! It is here as a baseline: what clustering of raw pixels, colour histograms or frozen features reaches is the least
//! that discovered classes must beat. So it must not stay in a poor local minimum, which would flatter them.

mod exchange;
mod points;
mod start;

use tch::Tensor;
use twist_io::Refused;
use twist_model::ModelError;

use self::points::{Nearest, Points};
use self::start::{Random, start};
use crate::EvalError;

/// A start is worth no further iteration when one takes off less than this part of the inertia; the best is followed to
/// its end.
const SETTLED: f64 = 1e-4;

/// Settings of a fit; equal settings on equal points give equal centroids.
#[derive(Clone, Copy, Debug)]
pub struct KMeans {
    /// Number of centroids K.
    pub clusters: i64,
    /// Independent starts; the one with the least inertia is kept, and clusters are exchanged in it.
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
            let why = format!("{len} images for {} clusters", self.clusters);
            let what = "k-means needs at least as many images as clusters";
            return Err(Refused::new(what).because(why).into());
        }
        tch::no_grad(|| {
            let points = Points::new(points)?;
            let mut best: Option<Fit> = None;
            for restart in 0..self.restarts.max(1) {
                let mut random = Random(self.seed ^ (u64::from(restart) << 32));
                let fit = lloyd(&points, start(&points, self.clusters, &mut random)?, self.iterations)?;
                if best.as_ref().is_none_or(|best| fit.inertia < best.inertia) {
                    best = Some(fit);
                }
            }
            let best = best.ok_or(ModelError::NoFeatures)?;
            let mut random = Random(!self.seed);
            let best = exchange::improve(self, &points, best, &mut random)?;
            let best = settle(&points, best, self.iterations)?;
            Ok(KMeansFit { centroids: best.centroids.f_add(&points.origin)?, inertia: best.inertia })
        })
    }
}

/// Centroids on their way, seen from the points' origin.
struct Fit {
    /// `[K, D]`.
    centroids: Tensor,
    nearest: Nearest,
    inertia: f64,
}

impl Fit {
    fn of(points: &Points<'_>, centroids: Tensor) -> Result<Self, EvalError> {
        let nearest = points.nearest(&centroids)?;
        Ok(Self { centroids, inertia: nearest.inertia()?, nearest })
    }

    /// Each centroid becomes the mean of its points.
    fn next(&self, points: &Points<'_>) -> Result<Self, EvalError> {
        Self::of(points, points.averages(&self.nearest, self.centroids.size2()?.0)?)
    }
}

/// Assign, average, repeat while that takes a part of the inertia off.
fn lloyd(points: &Points<'_>, centroids: Tensor, iterations: u32) -> Result<Fit, EvalError> {
    let mut fit = Fit::of(points, centroids)?;
    for _ in 0..iterations {
        let next = fit.next(points)?;
        let settled = next.inertia >= fit.inertia * (1.0 - SETTLED);
        fit = next;
        if settled {
            break;
        }
    }
    Ok(fit)
}

/// Assign, average, repeat until no assignment changes.
fn settle(points: &Points<'_>, mut fit: Fit, iterations: u32) -> Result<Fit, EvalError> {
    for _ in 0..iterations {
        let next = fit.next(points)?;
        let settled = next.nearest.cluster.f_equal(&fit.nearest.cluster)?;
        fit = next;
        if settled {
            break;
        }
    }
    Ok(fit)
}

impl KMeansFit {
    /// The centroid nearest to each row of `points` `[N, D]`: `[N]` int64.
    ///
    /// # Errors
    /// Points of another width than the centroids.
    pub fn assign(&self, points: &Tensor) -> Result<Tensor, EvalError> {
        tch::no_grad(|| {
            let (points, centroids) = self.seen(points)?;
            Ok(points.nearest(&centroids)?.cluster)
        })
    }

    /// The `k` centroids nearest to each row of `points` `[N, D]`, the nearest first: `[N, k]` int64. All of them where
    /// there are fewer.
    ///
    /// # Errors
    /// Points of another width than the centroids.
    pub fn ranked(&self, points: &Tensor, k: i64) -> Result<Tensor, EvalError> {
        tch::no_grad(|| {
            let (points, centroids) = self.seen(points)?;
            let count = centroids.size2()?.0;
            let k = k.clamp(1, count);
            let ranked: Result<Vec<Tensor>, EvalError> = points
                .spans(count)
                .map(|(start, len)| {
                    Ok(points.distances(start, len, &centroids)?.f_topk(k, 1, false, true)?.1)
                })
                .collect();
            Ok(Tensor::f_cat(&ranked?, 0)?)
        })
    }

    /// Points and centroids seen from the centroids' mean.
    fn seen<'a>(&self, points: &'a Tensor) -> Result<(Points<'a>, Tensor), EvalError> {
        let origin = self.centroids.f_mean_dim([0i64].as_slice(), true, self.centroids.kind())?;
        let centroids = self.centroids.f_sub(&origin)?;
        Ok((Points::seen_from(points, origin)?, centroids))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// `per_group` points around each of `groups` far corners.
    fn groups(groups: i64, per_group: i64) -> (Tensor, Vec<i64>) {
        let _numbers = torch_ext::RandomNumbers::seeded(0);
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
        let seen = Points::seen_from(&points, Tensor::zeros([1, 1], (Kind::Float, Device::Cpu))).unwrap();
        let moved = seen.averages(&seen.nearest(&centroids).unwrap(), 2).unwrap();
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
        let error = settings(5).fit(&points).unwrap_err().to_string();
        assert!(error.ends_with("4 images for 5 clusters"), "{error}");
    }
}
