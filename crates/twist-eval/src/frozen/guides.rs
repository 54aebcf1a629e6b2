//! Clusters that guided heads learn first.

use tch::Tensor;
use twist_train::frozen::{GuideBy, HeadPlan};

use super::mixture::Mixture;
use crate::class_count::NeighbourScaling;
use crate::labels::{label_numbers, spread};
use crate::{EvalError, KMeans};
use twist_model::{nearest, unit_rows};

/// k-means is fitted to at most this many rows.
const ROWS: usize = 50_000;
/// A mixture, for which all pairs of rows are compared, is fitted to at most this many, or to so many for each cluster.
const ROWS_OF_MIXTURE: usize = 20_000;
const ROWS_OF_CLUSTER: usize = 20;
/// Starts of a k-means that leads alone, and of each of several, which should differ.
const RESTARTS: u32 = 10;
const RESTARTS_OF_SEVERAL: u32 = 3;
const ITERATIONS: u32 = 100;
/// Starts of the k-means that a mixture begins with.
const RESTARTS_OF_MIXTURE: u32 = 20;
/// Rows that are averaged at once.
const BLOCK: i64 = 4_096;
/// A neighbour whose cosine similarity is less than 1 by this weighs 1/e of the row itself.
const SOFTNESS: f64 = 0.4;

/// The cluster of every row of `rows` `[N, D]` for each head of `plan` that is guided. `progress` hears of fits done and
/// their number.
///
/// # Errors
/// Fewer rows than clusters; libtorch's own.
pub fn guides(
    rows: &Tensor,
    plan: &HeadPlan,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Vec<u32>>, EvalError> {
    match (plan.guided(), plan.config.guide.by) {
        (0, _) => Ok(Vec::new()),
        (_, GuideBy::KMeans) => by_k_means(rows, plan, progress),
        (heads, GuideBy::Mixture) => {
            let guide = by_mixture(rows, plan)?;
            progress(heads, heads);
            Ok(vec![guide; heads])
        }
    }
}

/// A k-means for each head on rows of unit length, averaged with their neighbours where the plan says so.
fn by_k_means(
    rows: &Tensor,
    plan: &HeadPlan,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Vec<u32>>, EvalError> {
    let restarts = if plan.guided() == 1 { RESTARTS } else { RESTARTS_OF_SEVERAL };
    let unit = match plan.config.guide.neighbours {
        0 => unit_rows(rows)?,
        count => averaged(rows, count)?,
    };
    let fitted = some_of(&unit, ROWS)?;
    let mut found = Vec::new();
    for number in 0..plan.guided() {
        let seed = plan.run.seed.wrapping_mul(1_024).wrapping_add(number as u64);
        let settings = KMeans { clusters: plan.net.dim, restarts, iterations: ITERATIONS, seed };
        found.push(label_numbers(&settings.fit(&fitted)?.assign(&unit)?)?);
        progress(found.len(), plan.guided());
    }
    Ok(found)
}

/// A mixture that begins with k-means, for all guided heads.
///
/// k-means finds its clusters more surely in averaged rows. The mixture must see the rows as they are: averages are nearer
/// to each other, as if there were less doubt, and sizes would not count.
fn by_mixture(rows: &Tensor, plan: &HeadPlan) -> Result<Vec<u32>, EvalError> {
    tch::no_grad(|| {
        let (clusters, seed) = (plan.net.dim, plan.run.seed);
        let fitted = some_of(rows, ROWS_OF_MIXTURE.max(ROWS_OF_CLUSTER * clusters as usize))?;
        let scaling = NeighbourScaling::of(&fitted)?;
        let fitted = scaling.apply(&fitted)?;
        let smooth = match plan.config.guide.neighbours {
            0 => fitted.shallow_clone(),
            count => averaged(&fitted, count)?,
        };
        let settings = KMeans { clusters, restarts: RESTARTS_OF_MIXTURE, iterations: ITERATIONS, seed };
        let fit = settings.fit(&smooth)?;
        let mixture = Mixture::fit(&fitted, &fit.assign(&smooth)?, clusters)?;
        label_numbers(&mixture.clusters(&scaling.apply(rows)?)?)
    })
}

/// At most so many of `rows` `[N, D]`.
fn some_of(rows: &Tensor, most: usize) -> Result<Tensor, EvalError> {
    let len = rows.size2()?.0 as usize;
    if len <= most {
        return Ok(rows.shallow_clone());
    }
    let places: Vec<i64> = spread(len, most).into_iter().map(i64::from).collect();
    Ok(rows.f_index_select(0, &Tensor::f_from_slice(&places)?)?)
}

/// The mean of each of `rows` `[N, D]` and its `count` nearest others, seen from the mean of all rows, and of unit length
/// before and after; the nearer a neighbour, the more it weighs.
///
/// In few rows of many numbers most of the distance between two rows is chance, and means of neighbours have less of it.
/// Seen from the mean of all, what all rows share says nothing about nearness.
fn averaged(rows: &Tensor, count: usize) -> Result<Tensor, EvalError> {
    let mean = rows.f_mean_dim([0i64].as_slice(), true, rows.kind())?;
    let unit = unit_rows(&rows.f_sub(&mean)?)?;
    let len = unit.size2()?.0;
    // One more than asked for: the nearest row is the row itself, or one equal to it.
    let most = count.min(len as usize) as i64 + 1;
    let mut blocks = Vec::new();
    for start in (0..len).step_by(BLOCK as usize) {
        let asked = unit.f_narrow(0, start, BLOCK.min(len - start))?;
        let found = nearest(&unit, &asked, most)?;
        let weights = found.similarity.f_sub_scalar(1.0)?.f_div_scalar(SOFTNESS)?.f_exp()?;
        let mut sum = asked.f_zeros_like()?;
        for place in 0..found.index.size2()?.1 {
            let others = unit.f_index_select(0, &found.index.f_select(1, place)?)?;
            sum = sum.f_addcmul(&others, &weights.f_narrow(1, place, 1)?)?;
        }
        blocks.push(unit_rows(&sum)?);
    }
    Ok(Tensor::f_cat(&blocks, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_averaged_with_its_neighbours_seen_from_the_mean_of_all() {
        // The mean is (10, 10): from there the rows lie at 0°, 0°, 90°, 180° and 270°.
        let points = [[12.0f32, 10.0], [11.0, 10.0], [10.0, 13.0], [7.0, 10.0], [10.0, 7.0]];
        let rows = Tensor::from_slice(&points.concat()).view([5, 2]);
        let is = |found: Tensor, expected: [[f32; 2]; 5]| {
            let expected = Tensor::from_slice(&expected.concat()).view([5, 2]);
            assert!(found.allclose(&expected, 1e-5, 1e-5, false), "{found} instead of {expected}");
        };
        is(averaged(&rows, 0).unwrap(), [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]);
        // A row at a right angle has similarity 0, one opposite -1; as many as there are.
        let weight = |similarity: f32| ((similarity - 1.0) / SOFTNESS as f32).exp();
        let (side, back) = (weight(0.0), weight(-1.0));
        let long = |x: f32, y: f32| [x / x.hypot(y), y / x.hypot(y)];
        let across = long(2.0 * side - side, 1.0 - back);
        let beside = long(-1.0 + 2.0 * back, 0.0);
        let expected = [[1.0, 0.0], [1.0, 0.0], across, beside, [across[0], -across[1]]];
        is(averaged(&rows, 9).unwrap(), expected);
    }
}
