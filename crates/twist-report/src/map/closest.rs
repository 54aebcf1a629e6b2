//! The nearest neighbours of every image, for what they say about it: a copy has a neighbour at no distance, an oddity has
//! none near.

use rayon::prelude::*;
use twist_io::{GOLDEN, splitmix};

use super::Neighbour;
use super::neighbours::similarity;

/// Neighbours kept of each image.
pub(crate) const NEAREST: usize = 5;
/// Products of two numbers that may be spent: seconds on two cores. Beyond, a part of the images is compared, chosen by
/// chance. The final evaluation, which keeps thumbnails of what is found here, spends the same.
const WORK: f64 = 6e10;
/// Queries that pass over the points together, so that the points come from memory once for all of them.
const BLOCK: usize = 16;

/// Neighbours of a part of the images, or of all.
pub(crate) struct Closest {
    /// The rows compared, ascending.
    pub(crate) rows: Vec<usize>,
    /// The neighbours of each of `rows` among them, most similar first.
    pub(crate) neighbours: Vec<Vec<Neighbour>>,
}

/// The [`NEAREST`] most similar rows of each row of `points` (`[N, width]`, L2-normalised).
pub(crate) fn closest(points: &[f32], width: usize) -> Closest {
    let of = points.len() / width.max(1);
    let rows = spread(of, (WORK / width.max(1) as f64).sqrt() as usize);
    let neighbours = rows
        .par_chunks(BLOCK)
        .flat_map_iter(|queries| {
            let mut best = vec![Vec::with_capacity(NEAREST + 1); queries.len()];
            for &row in &rows {
                let point = &points[row * width..(row + 1) * width];
                for (query, best) in queries.iter().zip(&mut best).filter(|(query, _)| **query != row) {
                    keep(best, row, similarity(&points[query * width..(query + 1) * width], point));
                }
            }
            best
        })
        .collect();
    Closest { rows, neighbours }
}

/// Puts a row into a short list of the most similar ones; of equals the earlier row stays in front.
fn keep(best: &mut Vec<Neighbour>, row: usize, similarity: f32) {
    if best.len() == NEAREST && best.last().is_some_and(|last| similarity <= last.similarity) {
        return;
    }
    let place = best.partition_point(|other| other.similarity >= similarity);
    best.insert(place, Neighbour { row, similarity });
    best.truncate(NEAREST);
}

/// `0..len`, or `most` of them by chance, ascending: SplitMix64's order of the integers, as the final evaluation takes it.
fn spread(len: usize, most: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..len).collect();
    if len > most {
        all.sort_by_cached_key(|row| splitmix((*row as u64).wrapping_mul(GOLDEN)));
        all.truncate(most);
        all.sort_unstable();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::nearest;

    #[test]
    fn they_are_those_of_the_plain_search() {
        let width = 5;
        let points: Vec<f32> = (0..70 * width)
            .map(|i| (splitmix((i as u64).wrapping_mul(GOLDEN)) >> 40) as f32 / (1 << 24) as f32 - 0.5)
            .collect::<Vec<_>>()
            .chunks(width)
            .flat_map(|point| {
                let norm = point.iter().map(|x| x * x).sum::<f32>().sqrt();
                point.iter().map(|x| x / norm).collect::<Vec<_>>()
            })
            .collect();
        let found = closest(&points, width);
        assert_eq!(found.rows.len(), 70);
        assert_eq!(found.neighbours, nearest(&points, width, &found.rows, NEAREST));
    }

    #[test]
    fn one_point_has_no_neighbour() {
        let found = closest(&[1.0, 0.0], 2);
        assert_eq!((found.rows.len(), found.neighbours[0].len()), (1, 0));
    }

    #[test]
    fn the_part_is_bounded() {
        assert_eq!(spread(100, 10).len(), 10);
        assert_eq!(spread(3, 10), [0, 1, 2]);
    }
}
