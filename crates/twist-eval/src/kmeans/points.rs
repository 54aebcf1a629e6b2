//! Points with what their distances need, in blocks: small tables are copied once, and of large ones no more than some tens
//! of MiB are in memory beside the points themselves.

use tch::{Kind, TchError, Tensor};

use crate::EvalError;

/// Distances in memory at once: 64 MiB, whatever the numbers of points and centroids are.
const DISTANCES: i64 = 1 << 24;
/// Numbers of a table that is copied as seen from its origin, 1 GiB; a larger one is copied block by block each time.
const COPIED: usize = 1 << 28;
/// Rows compared with all centroids at once, where there are few centroids.
const BLOCK: i64 = 8_192;

/// Points `[N, D]` as seen from an origin among them.
///
/// `‖x - c‖² = ‖x‖² + ‖c‖² - 2 x·c` cancels where points lie far from 0 and near each other, so all three are taken from
/// the origin. Centroids here are seen from there as well.
pub(super) struct Points<'a> {
    rows: &'a Tensor,
    /// The rows seen from the origin, where they are few.
    seen: Option<Tensor>,
    /// `[1, D]`.
    pub(super) origin: Tensor,
    /// `‖x‖²` `[N, 1]`.
    squares: Tensor,
}

/// The nearest centroid of each point.
pub(super) struct Nearest {
    /// Its number, `[N]` int64.
    pub(super) cluster: Tensor,
    /// The squared distance to it, `[N]`.
    pub(super) distance: Tensor,
}

impl<'a> Points<'a> {
    /// Seen from their mean.
    pub(super) fn new(rows: &'a Tensor) -> Result<Self, TchError> {
        let (len, width) = rows.size2()?;
        let sum = Tensor::f_zeros([1, width], (Kind::Double, rows.device()))?;
        for (start, length) in spans(len, BLOCK) {
            let block = rows.f_narrow(0, start, length)?;
            let _ = sum.shallow_clone().f_add_(&block.f_sum_dim_intlist(
                [0i64].as_slice(),
                true,
                Kind::Double,
            )?)?;
        }
        Self::seen_from(rows, sum.f_div_scalar(len.max(1))?.f_to_kind(rows.kind())?)
    }

    /// Seen from `origin` `[1, D]`.
    pub(super) fn seen_from(rows: &'a Tensor, origin: Tensor) -> Result<Self, TchError> {
        let (len, _) = rows.size2()?;
        let seen = if rows.numel() <= COPIED { Some(rows.f_sub(&origin)?) } else { None };
        let none = Tensor::f_zeros([0, 1], (rows.kind(), rows.device()))?;
        let mut points = Self { rows, seen, origin, squares: none };
        let blocks = spans(len, BLOCK).map(|(start, length)| squares(&points.block(start, length)?));
        let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
        if !blocks.is_empty() {
            points.squares = Tensor::f_cat(&blocks, 0)?;
        }
        Ok(points)
    }

    pub(super) fn len(&self) -> i64 {
        self.rows.size()[0]
    }

    /// Copies of the points number `which` (int64), `[M, D]`.
    pub(super) fn select(&self, which: &Tensor) -> Result<Tensor, TchError> {
        self.rows.f_index_select(0, which)?.f_sub(&self.origin)
    }

    /// The points from `start` on, `[length, D]`.
    fn block(&self, start: i64, length: i64) -> Result<Tensor, TchError> {
        match &self.seen {
            Some(seen) => seen.f_narrow(0, start, length),
            None => self.rows.f_narrow(0, start, length)?.f_sub(&self.origin),
        }
    }

    /// `(start, length)` of the blocks that are compared with so many centroids in turn.
    pub(super) fn spans(&self, centroids: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
        spans(self.len(), (DISTANCES / centroids.max(1)).clamp(1, BLOCK))
    }

    /// `‖x - c‖²` of the points from `start` on and all centroids `[K, D]`: `[length, K]`, never negative.
    pub(super) fn distances(&self, start: i64, length: i64, centroids: &Tensor) -> Result<Tensor, EvalError> {
        let cross = torch_ext::linear(&self.block(start, length)?, centroids, None)?;
        let sums = self.squares.f_narrow(0, start, length)?.f_add(&squares(centroids)?.f_tr()?)?;
        Ok(sums.f_sub(&cross.f_mul_scalar(2.0)?)?.f_clamp_min(0.0)?)
    }

    /// The same of all points: `[N, K]`, for few centroids.
    pub(super) fn all_distances(&self, centroids: &Tensor) -> Result<Tensor, EvalError> {
        let blocks = self
            .spans(centroids.size2()?.0)
            .map(|(start, length)| self.distances(start, length, centroids))
            .collect::<Result<Vec<_>, EvalError>>()?;
        Ok(Tensor::f_cat(&blocks, 0)?)
    }

    /// The nearest of `centroids` `[K, D]` for each point.
    pub(super) fn nearest(&self, centroids: &Tensor) -> Result<Nearest, EvalError> {
        let (mut cluster, mut distance) = (Vec::new(), Vec::new());
        for (start, length) in self.spans(centroids.size2()?.0) {
            let (d, c) = self.distances(start, length, centroids)?.f_min_dim(1, false)?;
            cluster.push(c);
            distance.push(d);
        }
        Ok(Nearest { cluster: Tensor::f_cat(&cluster, 0)?, distance: Tensor::f_cat(&distance, 0)? })
    }

    /// Mean of each of `clusters` clusters' points, `[K, D]`. A cluster that lost all its points moves to the point
    /// farthest from its centroid.
    pub(super) fn averages(&self, nearest: &Nearest, clusters: i64) -> Result<Tensor, TchError> {
        let (kind, device) = (self.rows.kind(), self.rows.device());
        let width = self.rows.size2()?.1;
        let sums = Tensor::f_zeros([clusters, width], (Kind::Double, device))?;
        for (start, length) in spans(self.len(), BLOCK) {
            let cluster = nearest.cluster.f_narrow(0, start, length)?;
            let part = Tensor::f_zeros([clusters, width], (kind, device))?.f_index_add(
                0,
                &cluster,
                &self.block(start, length)?,
            )?;
            let _ = sums.shallow_clone().f_add_(&part)?;
        }
        let counts = counts(&nearest.cluster, clusters)?;
        let means = sums.f_div(&counts.f_clamp_min(1.0)?.f_unsqueeze(1)?)?.f_to_kind(kind)?;
        let empty = Vec::<i64>::try_from(&counts.f_eq(0.0)?.f_nonzero()?.f_flatten(0, -1)?)?;
        if !empty.is_empty() {
            let (_, farthest) = nearest.distance.f_topk(empty.len() as i64, 0, true, true)?;
            let moved = self.select(&farthest)?;
            means.f_index_copy(0, &Tensor::f_from_slice(&empty)?.f_to_device(device)?, &moved)
        } else {
            Ok(means)
        }
    }
}

impl Nearest {
    /// The sum of the squared distances.
    pub(super) fn inertia(&self) -> Result<f64, TchError> {
        f64::try_from(&self.distance.f_sum(Kind::Double)?)
    }
}

/// Points of each cluster, `[K]` float64.
pub(super) fn counts(cluster: &Tensor, clusters: i64) -> Result<Tensor, TchError> {
    cluster.f_bincount(None::<Tensor>, clusters)?.f_to_kind(Kind::Double)
}

/// `‖x‖²` of each row: `[N, D]` → `[N, 1]`.
fn squares(rows: &Tensor) -> Result<Tensor, TchError> {
    rows.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, rows.kind())
}

fn spans(len: i64, block: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..len).step_by(block as usize).map(move |start| (start, block.min(len - start)))
}
