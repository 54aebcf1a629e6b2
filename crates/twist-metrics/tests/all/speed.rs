//! Sizes at which slow formulas show.

use std::time::{Duration, Instant};

use twist_metrics::cluster_scores;

/// Some numbers below `bound`, the same ones every time.
fn numbers(count: usize, bound: u64, seed: u64) -> Vec<u32> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % bound) as u32
        })
        .collect()
}

/// Clusters that equal the labels for the given share of the images and are random for the rest.
fn partly_right(labels: &[u32], clusters: u64, percent: u32) -> Vec<u32> {
    let random = numbers(labels.len(), clusters, 2);
    let coin = numbers(labels.len(), 100, 3);
    labels.iter().zip(random).zip(coin).map(|((&l, r), c)| if c < percent { l } else { r }).collect()
}

/// The bound leaves room for a very busy machine: it is far above what is measured (0.2 s for all), and far below what a
/// dense or quadratic formula takes.
#[test]
fn large_tables_are_quick() {
    let labels = numbers(50_000, 1000, 1);
    let singletons: Vec<u32> = (0..50_000).collect();
    let cases = [
        ("1,000 clusters, 40 % right", partly_right(&labels, 1000, 40)),
        ("1,000 clusters, all random", partly_right(&labels, 1000, 0)),
        ("32,768 clusters", partly_right(&labels, 32_768, 10)),
        ("as many clusters as images", singletons),
    ];
    for (name, predictions) in cases {
        let start = Instant::now();
        let scores = cluster_scores(&labels, &predictions).unwrap();
        let took = start.elapsed();
        assert!(scores.ami.abs() < 1.0 && scores.accuracy_one_to_one > 0.0, "{name}: {scores:?}");
        assert!(took < Duration::from_secs(60), "{name} took {took:?}");
    }
}
