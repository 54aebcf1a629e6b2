//! The leading principal components, by subspace iteration from a random start (Halko, Martinsson and Tropp, 2011, algorithm 4.4).
//!
//! The points are never copied: their mean is taken away from the products instead. Every sum has an order that does not depend on
//! the number of threads, so the result does not either.

use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;
use twist_io::{GOLDEN, splitmix};

/// Directions that are iterated beyond those asked for: they make the last ones converge.
const MORE: usize = 8;
/// Iterations: the features of a network have a few long axes, and the map needs directions, not digits.
const ITERATIONS: usize = 5;
/// Points whose products are added up together.
const CHUNK: usize = 4096;

/// The coordinates of `points` (`[N, width]`) along their first `axes` principal components, at most `width` of them: `[N, axes]`,
/// centred, the longest axis first. Distances between points are kept as far as the components hold them. Deterministic.
pub(super) fn principal(points: &[f32], width: usize, axes: usize) -> Array2<f32> {
    let axes = axes.min(width);
    let block = (axes + MORE).min(width);
    let Ok(points) = ArrayView2::from_shape((points.len() / width.max(1), width), points) else {
        return Array2::zeros((0, axes));
    };
    let mean = mean(points);
    let random = |place: u64| (splitmix(place.wrapping_mul(GOLDEN)) >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
    let mut directions = Array2::from_shape_fn((width, block), |(i, j)| random((i * block + j) as u64));
    for _ in 0..ITERATIONS {
        orthonormalise(&mut directions);
        let along = project(points, &mean, &directions);
        directions = back(points, &mean, &along);
    }
    orthonormalise(&mut directions);
    let along = project(points, &mean, &directions);
    let turn = eigenvectors(&inner(&along));
    // Fewer points than axes have none along the last ones.
    along.dot(&turn.slice_axis(Axis(1), Slice::from(..axes)))
}

/// The mean of each column, `[1, D]`.
fn mean(points: ArrayView2<'_, f32>) -> Array2<f32> {
    let sums: Vec<Vec<f64>> = points
        .axis_chunks_iter(Axis(0), CHUNK)
        .into_par_iter()
        .map(|chunk| {
            let mut sum = vec![0.0; chunk.ncols()];
            for point in chunk.rows() {
                sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += f64::from(*x));
            }
            sum
        })
        .collect();
    let mean = |column: usize| sums.iter().map(|sum| sum[column]).sum::<f64>() / points.nrows().max(1) as f64;
    Array2::from_shape_fn((1, points.ncols()), |(_, column)| mean(column) as f32)
}

/// `(X − μ) Q`: `[N, block]`.
fn project(points: ArrayView2<'_, f32>, mean: &Array2<f32>, directions: &Array2<f32>) -> Array2<f32> {
    let origin = mean.dot(directions);
    let mut along = Array2::zeros((points.nrows(), directions.ncols()));
    along
        .axis_chunks_iter_mut(Axis(0), CHUNK)
        .into_par_iter()
        .zip(points.axis_chunks_iter(Axis(0), CHUNK).into_par_iter())
        .for_each(|(mut along, chunk)| along.assign(&(chunk.dot(directions) - &origin)));
    along
}

/// `(X − μ)ᵀ Y`: `[D, block]`.
fn back(points: ArrayView2<'_, f32>, mean: &Array2<f32>, along: &Array2<f32>) -> Array2<f32> {
    let parts: Vec<Array2<f32>> = points
        .axis_chunks_iter(Axis(0), CHUNK)
        .into_par_iter()
        .zip(along.axis_chunks_iter(Axis(0), CHUNK).into_par_iter())
        .map(|(points, along)| points.t().dot(&along))
        .collect();
    let mut sum = Array2::<f32>::zeros((points.ncols(), along.ncols()));
    parts.iter().for_each(|part| sum += part);
    let total = along.sum_axis(Axis(0)).insert_axis(Axis(0));
    sum - mean.t().dot(&total)
}

/// Makes the columns orthogonal and of length 1 (modified Gram–Schmidt, twice); a column that lies in the others becomes 0.
fn orthonormalise(directions: &mut Array2<f32>) {
    for column in 0..directions.ncols() {
        let before = length(directions, column);
        for _ in 0..2 {
            for other in 0..column {
                let along = dot(directions, column, other) as f32;
                let (before, mut own) = directions.view_mut().split_at(Axis(1), column);
                own.column_mut(0).scaled_add(-along, &before.column(other));
            }
        }
        let length = length(directions, column);
        let scale = if length > before * 1e-5 { (1.0 / length) as f32 } else { 0.0 };
        directions.column_mut(column).mapv_inplace(|x| x * scale);
    }
}

fn length(of: &Array2<f32>, column: usize) -> f64 {
    dot(of, column, column).sqrt()
}

fn dot(of: &Array2<f32>, a: usize, b: usize) -> f64 {
    of.column(a).iter().zip(of.column(b)).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// `Yᵀ Y`: `[block, block]`.
fn inner(along: &Array2<f32>) -> Array2<f64> {
    let parts: Vec<Array2<f64>> = along
        .axis_chunks_iter(Axis(0), CHUNK)
        .into_par_iter()
        .map(|chunk| chunk.t().dot(&chunk).mapv(f64::from))
        .collect();
    let mut sum = Array2::zeros((along.ncols(), along.ncols()));
    parts.iter().for_each(|part| sum += part);
    sum
}

/// The eigenvectors of a symmetric matrix as columns, that of the largest eigenvalue first: cyclic Jacobi rotations (Golub and Van
/// Loan, section 8.5).
fn eigenvectors(of: &Array2<f64>) -> Array2<f32> {
    let size = of.nrows();
    let (mut matrix, mut vectors) = (of.clone(), Array2::<f64>::eye(size));
    let enough = 1e-12 * of.diag().iter().map(|x| x.abs()).sum::<f64>();
    for _sweep in 0..30 {
        let mut largest = 0.0f64;
        for p in 0..size {
            for q in p + 1..size {
                let off = matrix[(p, q)];
                largest = largest.max(off.abs());
                if off.abs() <= enough {
                    continue;
                }
                let theta = (matrix[(q, q)] - matrix[(p, p)]) / (2.0 * off);
                let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                for k in 0..size {
                    let (a, b) = (matrix[(k, p)], matrix[(k, q)]);
                    (matrix[(k, p)], matrix[(k, q)]) = (cosine * a - sine * b, sine * a + cosine * b);
                }
                for k in 0..size {
                    let (a, b) = (matrix[(p, k)], matrix[(q, k)]);
                    (matrix[(p, k)], matrix[(q, k)]) = (cosine * a - sine * b, sine * a + cosine * b);
                    let (a, b) = (vectors[(k, p)], vectors[(k, q)]);
                    (vectors[(k, p)], vectors[(k, q)]) = (cosine * a - sine * b, sine * a + cosine * b);
                }
            }
        }
        if largest <= enough {
            break;
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|a, b| matrix[(*b, *b)].total_cmp(&matrix[(*a, *a)]).then(a.cmp(b)));
    Array2::from_shape_fn((size, size), |(row, column)| vectors[(row, order[column])] as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variances(along: &Array2<f32>) -> Vec<f32> {
        along.columns().into_iter().map(|column| column.iter().map(|x| x * x).sum::<f32>()).collect()
    }

    #[test]
    fn the_long_axis_comes_first() {
        let points: Vec<f32> = (0..40).flat_map(|i| [0.1 * (i % 2) as f32, i as f32, 0.0]).collect();
        let along = principal(&points, 3, 2);
        assert_eq!(along.dim(), (40, 2));
        let rising = (1..40).filter(|i| along[(*i, 0)] > along[(i - 1, 0)]).count();
        assert!(rising == 39 || rising == 0, "{along:?}");
        // Those of 0..40 around their mean, and of the two values of the other axis; they correlate a little.
        let found = variances(&along);
        assert!((found[0] - 5330.0).abs() < 1.0 && (found[1] - 0.1).abs() < 0.01, "{found:?}");
    }

    /// Distances between points with as many axes as the components asked for are kept, whatever the order of the points.
    #[test]
    fn as_many_components_as_numbers_keep_all_distances() {
        let random = |i: u64| (splitmix(i.wrapping_mul(GOLDEN)) >> 40) as f32 / (1 << 24) as f32;
        let points: Vec<f32> = (0..9000 * 6).map(random).collect();
        let along = principal(&points, 6, 50);
        assert_eq!(along.dim(), (9000, 6));
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        for i in (0..8000).step_by(501) {
            let j = i + 777;
            let before = apart(&points[i * 6..i * 6 + 6], &points[j * 6..j * 6 + 6]);
            let (a, b) = (along.row(i).to_vec(), along.row(j).to_vec());
            assert!((before - apart(&a, &b)).abs() < 1e-4 * before, "{i}");
        }
        let found = variances(&along);
        assert!(found.is_sorted_by(|a, b| a >= b), "{found:?}");
    }

    #[test]
    fn equal_points_lie_at_the_origin() {
        let along = principal(&[0.5; 30], 3, 2);
        assert!(along.iter().all(|x| x.abs() < 1e-5), "{along:?}");
    }
}
