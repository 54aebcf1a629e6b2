//! Which images are on the map, and where.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};

use super::all_neighbours::all_neighbours;
use super::principal::principal;
use super::tsne::{neighbourhood, tsne};

/// Points on a map at most: to find all neighbours takes a time that grows with the square of their number, and 200,000 take about as
/// long as their t-SNE, minutes on two cores.
pub(crate) const MOST_POINTS: usize = 200_000;
/// Fewer points than this make no map.
const FEWEST_POINTS: usize = 12;
/// Features are reduced to this many numbers first, as usual for t-SNE: neighbours are the same and are found faster.
const AXES: usize = 50;
/// Longest features that are believed, as the square of their length; those of a run have length 1.
const LONGEST: f32 = 1e6;
/// The part of the work that the search for neighbours is, roughly.
const SEARCH: f32 = 0.3;

/// Positions of the images, or of a sample of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// The rows shown, ascending.
    pub(crate) rows: Vec<u32>,
    /// One `[x, y]` per row, each in 0..=1, y downwards.
    pub(crate) positions: Vec<[f32; 2]>,
    /// How many rows there were to choose from.
    pub(crate) of: usize,
}

/// The part of a map that is made, for whoever waits for it in another thread.
#[derive(Debug, Default)]
pub(crate) struct Done(AtomicU32);

impl Done {
    /// Between 0 and 1.
    pub(crate) fn share(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, share: f32) {
        self.0.store(share.to_bits(), Ordering::Relaxed);
    }
}

/// Lays out at most 200,000 of the rows of `points` (`[N, width]`), chosen by chance; those in `preferred`, which have a
/// thumbnail, come first. Rows whose features are not numbers are left out. `None` when there are too few for a map.
pub(super) fn layout(
    points: &[f32],
    width: usize,
    preferred: &dyn Fn(usize) -> bool,
    done: &Done,
) -> Option<Layout> {
    let of = points.len() / width.max(1);
    let rows = choose(points, width, preferred, MOST_POINTS);
    if rows.len() < FEWEST_POINTS {
        return None;
    }
    let chosen: Cow<'_, [f32]> = if rows.len() == of {
        points.into()
    } else {
        let row = |row: &u32| &points[*row as usize * width..(*row as usize + 1) * width];
        rows.iter().flat_map(row).copied().collect::<Vec<f32>>().into()
    };
    let along = principal(&chosen, width, AXES);
    drop(chosen);
    let searched = AtomicU32::new(0);
    let near = all_neighbours(along.view(), neighbourhood(rows.len()).1, &|more| {
        let so_far = searched.fetch_add(more as u32, Ordering::Relaxed) + more as u32;
        done.set(SEARCH * so_far as f32 / rows.len() as f32);
    });
    let raw = tsne(along.view(), near, &|share| done.set(SEARCH + (1.0 - SEARCH) * share));
    Some(Layout { positions: fit_into_square(&raw), rows, of })
}

/// At most `most` rows by chance, those with a picture before those without. Not at even distances, because data sets often
/// repeat their classes in a fixed rhythm; and the same ones every time.
fn choose(points: &[f32], width: usize, preferred: &dyn Fn(usize) -> bool, most: usize) -> Vec<u32> {
    // What is not a number fails both comparisons.
    let believed = |point: &[f32]| point.iter().map(|x| x * x).sum::<f32>() <= LONGEST;
    let places = points.chunks_exact(width.max(1)).enumerate();
    let mut rows: Vec<u32> = places.filter(|(_, point)| believed(point)).map(|(row, _)| row as u32).collect();
    if rows.len() > most {
        rows.sort_by_cached_key(|row| (!preferred(*row as usize), scatter(u64::from(*row))));
        rows.truncate(most);
        rows.sort_unstable();
    }
    rows
}

/// A fixed order of the integers that looks like chance: the finaliser of MurmurHash3.
pub(crate) fn scatter(row: u64) -> u64 {
    let mut z = row.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    z = (z ^ (z >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    z ^ (z >> 33)
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

    fn laid_out(points: &[f32], width: usize) -> Option<Layout> {
        layout(points, width, &|_| true, &Done::default())
    }

    #[test]
    fn groups_stay_together() {
        let points = groups(40);
        let done = Done::default();
        let map = layout(&points, 6, &|_| true, &done).unwrap();
        assert_eq!((map.rows.len(), map.of, done.share()), (120, 120, 1.0));
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
    }

    /// With more than one block of neighbours.
    #[test]
    fn the_map_does_not_depend_on_the_number_of_threads() {
        let points = groups(100);
        assert_eq!(with(1, &points), with(3, &points));
    }

    fn with(threads: usize, points: &[f32]) -> Layout {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| laid_out(points, 6).unwrap())
    }

    #[test]
    fn the_sample_is_bounded_and_prefers_pictures() {
        let points = |number: usize| vec![1.0f32; number];
        let rows = choose(&points(10_000), 1, &|row| row % 8 == 0, 2000);
        assert_eq!(rows.len(), 2000);
        assert_eq!(rows.iter().filter(|row| *row % 8 == 0).count(), 1250);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        let third = choose(&points(30_000), 1, &|_| true, 2000).iter().filter(|row| *row % 10 == 3).count();
        assert!((150..250).contains(&third), "{third} of 2,000 from a tenth");
    }

    #[test]
    fn too_few_points_make_no_map() {
        assert!(laid_out(&[1.0; 22], 2).is_none());
        assert!(laid_out(&[1.0; 24], 2).is_some());
        assert!(laid_out(&[], 0).is_none());
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        let mut points = groups(5);
        (points[7], points[19], points[31]) = (f32::NAN, f32::INFINITY, 1e30);
        let map = laid_out(&points, 6).unwrap();
        assert_eq!((map.rows.len(), map.of), (12, 15));
        assert!(!map.rows.contains(&1) && !map.rows.contains(&3) && !map.rows.contains(&5));
        points[0] = f32::NAN;
        assert!(laid_out(&points, 6).is_none());
    }
}
