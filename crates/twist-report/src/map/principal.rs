//! The first two principal components by power iteration.

/// Iterations of each component: the start of a map needs directions, not digits.
const ITERATIONS: usize = 30;

/// Projects `points` (`[N, width]`) onto their first two principal components and scales the first to the standard
/// deviation `spread`. Returns `[N, 2]`, row-major. Deterministic.
pub(super) fn project(points: &[f32], width: usize, spread: f32) -> Vec<f32> {
    let rows = points.len() / width;
    let mut mean = vec![0.0f32; width];
    for point in points.chunks_exact(width) {
        mean.iter_mut().zip(point).for_each(|(m, x)| *m += x / rows as f32);
    }
    let mut centred: Vec<f32> = points.to_vec();
    centred.chunks_exact_mut(width).for_each(|point| point.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m));

    let mut projected = vec![0.0f32; rows * 2];
    for axis in 0..2 {
        let direction = first_direction(&centred, width);
        for (row, point) in centred.chunks_exact_mut(width).enumerate() {
            let along = point.iter().zip(&direction).map(|(x, d)| x * d).sum::<f32>();
            projected[row * 2 + axis] = along;
            point.iter_mut().zip(&direction).for_each(|(x, d)| *x -= along * d);
        }
    }
    let variance = projected.iter().step_by(2).map(|x| x * x).sum::<f32>() / rows as f32;
    let scale = if variance > 0.0 { spread / variance.sqrt() } else { 0.0 };
    // Equal points would stay together for ever, so every point is moved by a trace that depends on its row.
    projected.iter_mut().enumerate().for_each(|(i, x)| {
        let trace = (i as f32 * 0.618_034).fract() - 0.5;
        *x = *x * scale + trace * spread * 1e-2;
    });
    projected
}

/// The unit vector along which `centred` varies most.
fn first_direction(centred: &[f32], width: usize) -> Vec<f32> {
    // Starting from the longest row: it has a part along the wanted direction, unlike a fixed vector.
    let length = |point: &[f32]| point.iter().map(|x| x * x).sum::<f32>();
    let longest = centred.chunks_exact(width).max_by(|a, b| length(a).total_cmp(&length(b)));
    let mut direction = longest.map_or_else(|| vec![0.0; width], <[f32]>::to_vec);
    for _ in 0..ITERATIONS {
        let norm = length(&direction).sqrt();
        if norm <= 0.0 {
            break;
        }
        direction.iter_mut().for_each(|x| *x /= norm);
        let mut next = vec![0.0f32; width];
        for point in centred.chunks_exact(width) {
            let along = point.iter().zip(&direction).map(|(x, d)| x * d).sum::<f32>();
            next.iter_mut().zip(point).for_each(|(n, x)| *n += along * x);
        }
        direction = next;
    }
    let norm = length(&direction).sqrt();
    if norm > 0.0 {
        direction.iter_mut().for_each(|x| *x /= norm);
    }
    direction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_axis_comes_first() {
        let points: Vec<f32> = (0..40).flat_map(|i| [0.1 * (i % 2) as f32, i as f32, 0.0]).collect();
        let projected = project(&points, 3, 1.0);
        let first: Vec<f32> = projected.iter().step_by(2).copied().collect();
        let rising = first.windows(2).filter(|pair| pair[1] > pair[0]).count();
        assert!(rising == 39 || rising == 0, "{first:?}");
        let variance = first.iter().map(|x| x * x).sum::<f32>() / 40.0;
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn equal_points_give_finite_numbers() {
        let projected = project(&[1.0; 30], 3, 1.0);
        assert_eq!(projected.len(), 20);
        assert!(projected.iter().all(|x| x.is_finite()));
    }
}
