//! The nearest neighbours of every point among all others: products of blocks, from which each point keeps the best.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

/// Points whose neighbours are sought together, and points that they are compared with at once: a megabyte of distances, which stays
/// in the cache.
const QUERIES: usize = 256;
const BLOCK: usize = 1024;

/// A neighbour: its row, and the square of its distance.
pub(super) type Near = (u32, f32);

/// The `k` nearest rows of each row of `points` (`[N, D]`, finite) by Euclidean distance, itself excluded; the nearest first, of
/// equally near ones the first row. `k` is less than N. `told` hears how many rows are done.
pub(super) fn all_neighbours(
    points: ArrayView2<'_, f32>,
    k: usize,
    told: &(dyn Fn(usize) + Sync),
) -> Vec<Vec<Near>> {
    let squares: Vec<f32> = points.rows().into_iter().map(|point| point.dot(&point)).collect();
    points
        .axis_chunks_iter(Axis(0), QUERIES)
        .into_par_iter()
        .enumerate()
        .flat_map_iter(|(block, queries)| {
            let first = block * QUERIES;
            let mut best: Vec<Best> = (0..queries.nrows()).map(|_| Best::new(k)).collect();
            let mut distances = Array2::zeros((QUERIES, BLOCK));
            for (at, others) in points.axis_chunks_iter(Axis(0), BLOCK).enumerate() {
                let at = at * BLOCK;
                let mut products = distances.view_mut();
                products.slice_axis_inplace(Axis(0), Slice::from(..queries.nrows()));
                products.slice_axis_inplace(Axis(1), Slice::from(..others.nrows()));
                general_mat_mul(-2.0, &queries, &others.t(), 0.0, &mut products);
                for (query, (best, products)) in best.iter_mut().zip(products.rows()).enumerate() {
                    let products = products.to_slice().expect("the numbers of a row lie side by side");
                    // The query's own square is the same for all of its neighbours and is added at the end.
                    let squares = &squares[at..at + others.nrows()];
                    for (other, (product, square)) in products.iter().zip(squares).enumerate() {
                        let distance = product + square;
                        if distance < best.limit && at + other != first + query {
                            best.push((at + other) as u32, distance);
                        }
                    }
                }
            }
            told(queries.nrows());
            let own = squares[first..first + best.len()].to_vec();
            best.into_iter().zip(own).map(|(best, own)| best.finish(own))
        })
        .collect()
}

/// The nearest rows so far, more than asked for, so that they need not be kept in order.
struct Best {
    k: usize,
    rows: Vec<Near>,
    /// No row this far away or farther is among the nearest.
    limit: f32,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, rows: Vec::with_capacity(4 * k), limit: f32::INFINITY }
    }

    fn push(&mut self, row: u32, distance: f32) {
        self.rows.push((row, distance));
        if self.rows.len() == 4 * self.k {
            self.rows.select_nth_unstable_by(self.k - 1, nearer);
            self.rows.truncate(self.k);
            self.limit = self.rows.iter().map(|near| near.1).fold(f32::NEG_INFINITY, f32::max);
        }
    }

    fn finish(mut self, own: f32) -> Vec<Near> {
        self.rows.sort_unstable_by(nearer);
        self.rows.truncate(self.k);
        self.rows.iter().map(|(row, distance)| (*row, (distance + own).max(0.0))).collect()
    }
}

fn nearer(a: &Near, b: &Near) -> std::cmp::Ordering {
    a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use twist_io::{GOLDEN, splitmix};

    use super::*;

    /// More points than a block, against the plain search.
    #[test]
    fn they_are_those_of_the_plain_search() {
        let random = |i: usize| (splitmix((i as u64).wrapping_mul(GOLDEN)) >> 40) as f32 / (1 << 24) as f32;
        let points = Array2::from_shape_fn((1500, 7), |(i, j)| random(i * 7 + j));
        let told = AtomicUsize::new(0);
        let found = all_neighbours(points.view(), 9, &|rows| _ = told.fetch_add(rows, Ordering::Relaxed));
        assert_eq!((found.len(), told.into_inner()), (1500, 1500));
        for (row, near) in found.iter().enumerate().step_by(37) {
            let apart = |other: &u32| (&points.row(row) - &points.row(*other as usize)).mapv(|x| x * x).sum();
            let mut all: Vec<u32> = (0..1500).filter(|other| *other as usize != row).collect();
            all.sort_by(|a, b| apart(a).total_cmp(&apart(b)));
            assert_eq!(near.iter().map(|near| near.0).collect::<Vec<_>>(), all[..9], "row {row}");
            assert!((near[3].1 - apart(&near[3].0)).abs() < 1e-5);
        }
    }

    #[test]
    fn of_equally_near_ones_the_first_come() {
        let points = Array2::<f32>::from_elem((300, 3), 0.5);
        let found = all_neighbours(points.view(), 4, &|_| ());
        let rows = |row: usize| found[row].iter().map(|near| near.0).collect::<Vec<_>>();
        assert_eq!((rows(0), rows(2), rows(299)), (vec![1, 2, 3, 4], vec![0, 1, 3, 4], vec![0, 1, 2, 3]));
    }
}
