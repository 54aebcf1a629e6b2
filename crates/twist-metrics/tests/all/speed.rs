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

/// Labels and clusters whose counts are a multiplication table, the hardest kind for shortest augmenting paths: every
/// row wants the same columns, and all cells are filled.
fn products(sides: u32, divisor: u32) -> (Vec<u32>, Vec<u32>) {
    let cells = (1..=sides).flat_map(|class| (1..=sides).map(move |cluster| (class, cluster)));
    cells.flat_map(|cell| std::iter::repeat_n(cell, (cell.0 * cell.1 / divisor) as usize)).unzip()
}

fn measure(name: &str, labels: &[u32], predictions: &[u32]) {
    let start = Instant::now();
    let scores = cluster_scores(labels, predictions).unwrap();
    let took = start.elapsed();
    assert!(scores.ami.abs() < 1.0 && scores.accuracy_one_to_one > 0.0, "{name}: {scores:?}");
    assert!(took < LIMIT, "{name} took {took:?}");
}

/// Leaves room for a very busy machine: it is far above what is measured (under half a second for each case), and far
/// below what a dense or quadratic formula takes.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn large_tables_are_quick() {
    let labels = numbers(50_000, 1000, 1);
    let singletons: Vec<u32> = (0..50_000).collect();
    measure("1,000 clusters, 40 % right", &labels, &partly_right(&labels, 1000, 40));
    measure("1,000 clusters, all random", &labels, &partly_right(&labels, 1000, 0));
    measure("200 clusters, all random", &labels, &partly_right(&labels, 200, 0));
    measure("32,768 clusters", &labels, &partly_right(&labels, 32_768, 10));
    measure("as many clusters as images", &labels, &singletons);
    measure("as many classes as images", &singletons, &labels);
}

#[test]
fn filled_tables_are_quick() {
    let labels = numbers(1_000_000, 1000, 1);
    measure("1,000 clusters, 1,000,000 images, all random", &labels, &partly_right(&labels, 1000, 0));
    let few = numbers(1_000_000, 300, 1);
    measure("300 clusters, every cell filled", &few, &partly_right(&few, 300, 0));
    let (labels, predictions) = products(128, 64);
    measure("a multiplication table", &labels, &predictions);
}
