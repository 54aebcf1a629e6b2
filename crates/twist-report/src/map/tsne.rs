//! The map of a sample of the embeddings.

use bhtsne::{Neighbor, tSNE};

use super::nearest;
use super::principal::project;

/// Points on a map at most: enough to show the shape of 100 classes, drawn in seconds on two cores.
const MOST_POINTS: usize = 2000;
/// Fewer points than this make no map.
const FEWEST_POINTS: usize = 12;
/// Usual values of t-SNE; the perplexity shrinks with the data.
const PERPLEXITY: f32 = 30.0;
const EPOCHS: usize = 600;
const EXAGGERATED_EPOCHS: usize = 180;
const THETA: f32 = 0.6;

/// Positions of a sample of the rows.
pub(crate) struct Layout {
    /// The rows shown, ascending.
    pub(crate) rows: Vec<usize>,
    /// One `[x, y]` per row, each in 0..=1, y downwards.
    pub(crate) positions: Vec<[f32; 2]>,
    /// How many rows there were to choose from.
    pub(crate) of: usize,
}

/// Lays out at most 2,000 rows, chosen by chance, of `points` (`[N, width]`, L2-normalised). Rows in `preferred` come first:
/// those that have a thumbnail. `None` when there are too few for a map.
pub(crate) fn layout(points: &[f32], width: usize, preferred: &dyn Fn(usize) -> bool) -> Option<Layout> {
    let of = points.len() / width.max(1);
    if of < FEWEST_POINTS {
        return None;
    }
    let rows = choose(of, preferred);
    let chosen: Vec<f32> =
        rows.iter().flat_map(|row| &points[row * width..(row + 1) * width]).copied().collect();
    let raw = embed(&chosen, width);
    Some(Layout { positions: fit_into_square(&raw), rows, of })
}

/// Rows by chance, those with a picture before those without. Not at even distances, because data sets often repeat their
/// classes in a fixed rhythm; and the same ones every time.
fn choose(of: usize, preferred: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..of).collect();
    if of > MOST_POINTS {
        rows.sort_by_cached_key(|row| (!preferred(*row), scatter(*row as u64)));
        rows.truncate(MOST_POINTS);
        rows.sort_unstable();
    }
    rows
}

/// A fixed order of the integers that looks like chance: the finaliser of MurmurHash3.
fn scatter(row: u64) -> u64 {
    let mut z = row.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    z = (z ^ (z >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    z ^ (z >> 33)
}

/// t-SNE of `points`; `[N, 2]`, row-major. One thread: sums over several would depend on their number.
fn embed(points: &[f32], width: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = points.chunks_exact(width).collect();
    let perplexity = PERPLEXITY.min((rows.len() - 1) as f32 / 3.0);
    let everything: Vec<usize> = (0..rows.len()).collect();
    let neighbours: Vec<Vec<Neighbor<f32>>> =
        nearest(points, width, &everything, (3.0 * perplexity) as usize)
            .into_iter()
            .map(|row| {
                let distance = |similarity: f32| (2.0 - 2.0 * similarity).max(0.0).sqrt();
                row.into_iter().map(|n| Neighbor { index: n.row, distance: distance(n.similarity) }).collect()
            })
            .collect();
    let fit = || {
        let mut tsne: tSNE<'_, f32, &[f32], 2> = tSNE::new(&rows);
        tsne.perplexity(perplexity)
            .epochs(EPOCHS)
            .stop_lying_epoch(EXAGGERATED_EPOCHS)
            .momentum_switch_epoch(EXAGGERATED_EPOCHS)
            .initial_embedding(project(points, width, 1e-4))
            .barnes_hut_with_neighbors(THETA, &neighbours);
        tsne.embedding()
    };
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(fit),
        // No thread to be had: the calling pool gives the same map up to rounding.
        Err(_) => fit(),
    }
}

/// Scales to the unit square, the proportions kept and the longer side filled.
fn fit_into_square(raw: &[f32]) -> Vec<[f32; 2]> {
    let range = |axis: usize| {
        raw.iter()
            .skip(axis)
            .step_by(2)
            .filter(|x| x.is_finite())
            .fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)))
    };
    let ((x_low, x_high), (y_low, y_high)) = (range(0), range(1));
    let side = (x_high - x_low).max(y_high - y_low).max(f32::MIN_POSITIVE);
    let place = |value: f32, low: f32, high: f32| {
        let centred = (value - (low + high) / 2.0) / side + 0.5;
        if centred.is_finite() { centred.clamp(0.0, 1.0) } else { 0.5 }
    };
    raw.chunks_exact(2).map(|p| [place(p[0], x_low, x_high), place(p[1], y_low, y_high)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three groups around the axes of a 6-dimensional space.
    fn groups(per_group: usize) -> Vec<f32> {
        (0..3 * per_group)
            .flat_map(|i| {
                let mut point = [0.0f32; 6];
                point[i % 3] = 1.0;
                point[3 + i % 3] = ((i * 37 % 101) as f32 / 101.0 - 0.5) * 0.3;
                point[(i + 1) % 3] = ((i * 53 % 97) as f32 / 97.0) * 0.2;
                let norm = point.iter().map(|x| x * x).sum::<f32>().sqrt();
                point.map(|x| x / norm)
            })
            .collect()
    }

    #[test]
    fn groups_stay_together_and_the_map_repeats() {
        let points = groups(40);
        let map = layout(&points, 6, &|_| true).unwrap();
        assert_eq!((map.rows.len(), map.of), (120, 120));
        let distance = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        let closest_agrees = (0..120)
            .filter(|&i| {
                let others = (0..120).filter(|&j| j != i);
                let near = others.min_by(|&a, &b| {
                    let (a, b) = (map.positions[a], map.positions[b]);
                    distance(map.positions[i], a).total_cmp(&distance(map.positions[i], b))
                });
                near.is_some_and(|j| j % 3 == i % 3)
            })
            .count();
        assert!(closest_agrees >= 114, "{closest_agrees} of 120");
        let again = layout(&points, 6, &|_| true).unwrap();
        assert_eq!(map.positions, again.positions);
    }

    #[test]
    fn the_sample_is_bounded_and_prefers_pictures() {
        let rows = choose(10_000, &|row| row % 8 == 0);
        assert_eq!(rows.len(), MOST_POINTS);
        assert_eq!(rows.iter().filter(|row| *row % 8 == 0).count(), 1250);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        let third = choose(30_000, &|_| true).iter().filter(|row| *row % 10 == 3).count();
        assert!((150..250).contains(&third), "{third} of 2,000 from a tenth");
    }

    #[test]
    fn too_few_points_make_no_map() {
        assert!(layout(&[1.0; 22], 2, &|_| true).is_none());
        assert!(layout(&[1.0; 24], 2, &|_| true).is_some());
    }
}
