//! t-SNE of points whose neighbours are known.

use bhtsne::{Neighbor, tSNE};
use ndarray::ArrayView2;

use super::all_neighbours::Near;

/// Usual values of t-SNE; the perplexity shrinks with the data.
const PERPLEXITY: f32 = 30.0;
const THETA: f32 = 0.6;
/// Fewer points are placed by Barnes–Hut: few points spread so widely that the grid of FIt-SNE becomes huge.
const FEW: usize = 5_000;

/// How points are placed.
#[derive(Clone, Copy)]
struct Course {
    epochs: usize,
    exaggerated: usize,
    /// Whether repulsion is computed on a grid (FIt-SNE) or by a tree (Barnes–Hut).
    grid: bool,
}

const OF_FEW: Course = Course { epochs: 600, exaggerated: 180, grid: false };
const OF_MANY: Course = Course { epochs: 750, exaggerated: 250, grid: true };

/// Each point moves by its gradient times N / 12 (Belkina et al., 2019): a fixed rate would leave large maps crowded. With few
/// points, the crate's own rate is the usual one.
const RATE_PER_POINT: f32 = 1.0 / 12.0;
/// Standard deviation of the first axis at the beginning (Kobak and Berens, 2019).
const SPREAD: f32 = 1e-4;

/// The perplexity and the number of neighbours for so many points.
pub(super) fn neighbourhood(points: usize) -> (f32, usize) {
    let perplexity = PERPLEXITY.min((points - 1) as f32 / 3.0);
    (perplexity, (3.0 * perplexity) as usize)
}

/// Places points with these coordinates (`[N, D]`, the two longest axes first) and [`neighbourhood`]s: `[N, 2]`, row-major.
/// `told` hears the share of the work that is done. On one thread: a sum over several would depend on how they share the work.
pub(super) fn tsne(
    along: ArrayView2<'_, f32>,
    near: Vec<Vec<Near>>,
    told: &(dyn Fn(f32) + Sync),
) -> Vec<f32> {
    let course = if along.nrows() < FEW { OF_FEW } else { OF_MANY };
    place(along, near, course, told)
}

fn place(
    along: ArrayView2<'_, f32>,
    near: Vec<Vec<Near>>,
    Course { epochs, exaggerated, grid }: Course,
    told: &(dyn Fn(f32) + Sync),
) -> Vec<f32> {
    let (perplexity, _) = neighbourhood(along.nrows());
    let neighbours: Vec<Vec<Neighbor<f32>>> = near
        .into_iter()
        .map(|row| {
            let neighbour = |(row, square): Near| Neighbor { index: row as usize, distance: square.sqrt() };
            row.into_iter().map(neighbour).collect()
        })
        .collect();
    // The crate asks for the points, of which it uses the number.
    let rows: Vec<()> = vec![(); along.nrows()];
    let fit = || {
        let mut tsne: tSNE<'_, f32, (), 2> = tSNE::new(&rows);
        tsne.perplexity(perplexity)
            .epochs(epochs)
            .stop_lying_epoch(exaggerated)
            .momentum_switch_epoch(exaggerated)
            .initial_embedding(start(along))
            .epoch_callback(move |epoch, _| told((epoch + 1) as f32 / epochs as f32));
        if grid {
            tsne.learning_rate(rows.len() as f32 * RATE_PER_POINT).fit_sne_with_neighbors(&neighbours);
        } else {
            tsne.barnes_hut_with_neighbors(THETA, &neighbours);
        }
        tsne.embedding()
    };
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(fit),
        // No thread to be had: the calling pool gives the same map up to rounding.
        Err(_) => fit(),
    }
}

/// The first two axes, small.
fn start(along: ArrayView2<'_, f32>) -> Vec<f32> {
    let axis = |row: usize, axis: usize| along.get((row, axis)).copied().unwrap_or(0.0);
    let rows = along.nrows();
    let variance = (0..rows).map(|row| axis(row, 0).powi(2)).sum::<f32>() / rows as f32;
    let scale = if variance > 0.0 { SPREAD / variance.sqrt() } else { 0.0 };
    // Equal points would stay together for ever, so every point is moved by a trace that depends on its row.
    let trace = |place: usize| ((place as f64 * 0.618_033_988_7).fract() as f32 - 0.5) * SPREAD * 1e-2;
    (0..2 * rows).map(|place| axis(place / 2, place % 2) * scale + trace(place)).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::all_neighbours::all_neighbours;
    use super::*;

    /// Whatever pool it is called from: its sums are on one thread.
    #[test]
    fn the_grid_gives_the_same_map_each_time() {
        let noise = |i: usize, j: usize| ((i * 53 + j * 29) % 97) as f32 / 97.0;
        let points = Array2::from_shape_fn((900, 4), |(i, j)| if i % 4 == j { 3.0 } else { noise(i, j) });
        let course = Course { epochs: 250, exaggerated: 100, grid: true };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let near = all_neighbours(points.view(), neighbourhood(900).1, &|_| ());
            pool.install(|| place(points.view(), near, course, &|_| ()))
        };
        let map = with(1);
        assert_eq!(map, with(3));
        let (low, high) = map.iter().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        assert!(map.iter().all(|x| x.is_finite()) && high - low > 1.0, "{low} to {high}");
    }
}
