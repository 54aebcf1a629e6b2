//! k-means finds what scikit-learn finds.

use tch::Tensor;
use twist_eval::KMeans;

const POINTS: usize = 900;
const WIDTH: usize = 16;
const GROUPS: usize = 45;

/// Inertia of `sklearn.cluster.KMeans(45, n_init=100).fit(points)` on the points below, in float32 (scikit-learn 1.9). Ten
/// starts of k-means++ with one draw for each centroid end between 3403 and 3533.
const REFERENCE: f64 = 2892.29;

fn by_chance(number: u64) -> f64 {
    (twist_io::splitmix(number) >> 11) as f64 / (1u64 << 53) as f64
}

/// Points `[900, 16]` around 45 centres, all moved by `far`.
fn points(far: f64) -> Tensor {
    let value = |place: usize| {
        let (row, column) = (place / WIDTH, place % WIDTH);
        let noise: f64 = (0..4).map(|part| by_chance((place * 4 + part) as u64)).sum::<f64>() - 2.0;
        let centre = by_chance((1 << 32) + ((row % GROUPS) * WIDTH + column) as u64);
        (4.0 * centre + 0.8 * noise + far) as f32
    };
    let values: Vec<f32> = (0..POINTS * WIDTH).map(value).collect();
    Tensor::from_slice(&values).view([POINTS as i64, WIDTH as i64])
}

#[test]
fn inertia_is_that_of_scikit_learn_wherever_the_points_lie() {
    // Far from 0, squared distances are differences of numbers a million times as large.
    for far in [0.0, 1_000.0] {
        let points = points(far);
        for seed in 0..2 {
            let fit = KMeans { clusters: GROUPS as i64, restarts: 10, iterations: 300, seed }.fit(&points);
            let fit = fit.unwrap();
            let off = fit.inertia / REFERENCE - 1.0;
            assert!(off.abs() < 1e-3, "seed {seed}, moved by {far}: {}", fit.inertia);
            let centroids = fit.centroids.index_select(0, &fit.assign(&points).unwrap());
            let distances = (&points - centroids).square().sum(tch::Kind::Double);
            let again = f64::try_from(distances).unwrap();
            assert!((again / fit.inertia - 1.0).abs() < 1e-3, "{again} {}", fit.inertia);
        }
    }
}
