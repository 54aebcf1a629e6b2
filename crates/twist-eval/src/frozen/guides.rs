//! What heads are led by: clusters of k-means.

use tch::Tensor;
use twist_train::frozen::HeadPlan;

use crate::labels::spread;
use crate::{EvalError, KMeans};
use twist_model::unit_rows;

/// k-means is fitted to at most this many rows.
const ROWS: usize = 50_000;
/// Starts of each: guides should be good, and differ.
const RESTARTS: u32 = 3;
const ITERATIONS: u32 = 100;

/// The cluster of every row of `rows` `[N, D]` for each head of `plan` that is led, by a k-means of its own on rows of unit
/// length. `progress` hears of guides found and their number.
///
/// # Errors
/// Fewer rows than clusters; libtorch's own.
pub fn guides(
    rows: &Tensor,
    plan: &HeadPlan,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Vec<u32>>, EvalError> {
    if plan.guided() == 0 {
        return Ok(Vec::new());
    }
    let unit = unit_rows(rows)?;
    let places = spread(unit.size2()?.0 as usize, ROWS);
    let places: Vec<i64> = places.into_iter().map(i64::from).collect();
    let fitted = match places.len() as i64 == unit.size2()?.0 {
        true => unit.shallow_clone(),
        false => unit.f_index_select(0, &Tensor::f_from_slice(&places)?)?,
    };
    let mut found = Vec::new();
    for number in 0..plan.guided() {
        let seed = plan.seed().wrapping_mul(1_024).wrapping_add(number as u64);
        let settings = KMeans { clusters: plan.net().dim, restarts: RESTARTS, iterations: ITERATIONS, seed };
        let clusters = Vec::<i64>::try_from(&settings.fit(&fitted)?.assign(&unit)?)?;
        found.push(clusters.into_iter().map(|cluster| cluster as u32).collect());
        progress(found.len(), plan.guided());
    }
    Ok(found)
}
