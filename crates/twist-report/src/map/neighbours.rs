//! Exact nearest neighbours by cosine similarity.

use rayon::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Neighbour {
    pub(crate) row: usize,
    /// Cosine similarity, as embeddings are L2-normalised.
    pub(crate) similarity: f32,
}

/// The `k` nearest rows of `points` (`[N, width]`) for each row number in `queries`, the query itself excluded; most
/// similar first, ties by row. Fewer when there are fewer points.
pub(crate) fn nearest(points: &[f32], width: usize, queries: &[usize], k: usize) -> Vec<Vec<Neighbour>> {
    queries
        .par_iter()
        .map(|&query| nearest_to(points, width, &points[query * width..(query + 1) * width], Some(query), k))
        .collect()
}

/// The `k` nearest rows of `points` for one vector of `width` numbers, of length 1; row `except` is left out.
pub(crate) fn nearest_to(
    points: &[f32],
    width: usize,
    origin: &[f32],
    except: Option<usize>,
    k: usize,
) -> Vec<Neighbour> {
    let mut all: Vec<Neighbour> = points
        .chunks_exact(width)
        .enumerate()
        .filter(|(row, _)| Some(*row) != except)
        .map(|(row, point)| Neighbour { row, similarity: similarity(origin, point) })
        .collect();
    let order = |a: &Neighbour, b: &Neighbour| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row));
    if k < all.len() {
        all.select_nth_unstable_by(k, order);
        all.truncate(k);
    }
    all.sort_unstable_by(order);
    all
}

/// The inner product in eight sums, which the compiler turns into vector instructions.
pub(crate) fn similarity(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_most_similar_first_and_never_itself() {
        let points = [1.0, 0.0, 0.6, 0.8, 0.0, 1.0, 1.0, 0.0];
        let found = nearest(&points, 2, &[0, 2], 2);
        assert_eq!(found[0], [Neighbour { row: 3, similarity: 1.0 }, Neighbour { row: 1, similarity: 0.6 }]);
        assert_eq!(found[1].iter().map(|n| n.row).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn asks_for_no_more_than_there_are() {
        assert_eq!(nearest(&[1.0, 2.0, 3.0], 1, &[1], 9)[0].len(), 2);
        assert!(nearest(&[1.0], 1, &[0], 3)[0].is_empty());
    }
}
