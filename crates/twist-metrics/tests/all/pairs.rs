//! scikit-learn's scores of 1,000 random label pairs, degenerate ones included: `pairs.csv`, which `tools/reference/pairs.py`
//! makes. The table has no labels; both sides draw them by the same rule.

use twist_metrics::{Contingency, cluster_top_k, mean_per_class_accuracy};

const TABLE: &str = include_str!("pairs.csv");
const COLUMNS: &str = "nmi,ami,ari,fowlkes_mallows,homogeneity,completeness,accuracy_one_to_one,accuracy_many_to_one,\
                       top5,mean_per_class";
const TOLERANCE: f64 = 1e-9;
const RANKED: usize = 5;

/// SplitMix64, and a number below a bound from its upper half.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((z >> 32) * bound) >> 32
    }

    fn some(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }
}

/// Images, classes, clusters, and the percentage of images that lie in the cluster of their class.
fn sizes(kind: u64, draws: &mut Draws) -> (u64, u64, u64, u64) {
    match kind {
        0 => (draws.some(0, 6), draws.some(1, 4), draws.some(1, 4), draws.some(0, 100)),
        1 => (draws.some(1, 600), draws.some(100, 400), draws.some(100, 400), draws.some(0, 100)),
        2 => (draws.some(1, 200), draws.some(1, 20), 1, 0),
        3 => (draws.some(1, 200), 1, draws.some(1, 20), 0),
        4 => {
            let classes = draws.some(1, 20);
            (draws.some(1, 200), classes, classes, 100)
        }
        5 => (draws.some(50, 400), draws.some(2, 6), draws.some(10, 40), draws.some(0, 100)),
        6 => (draws.some(50, 400), draws.some(10, 40), draws.some(2, 6), draws.some(0, 100)),
        _ => (draws.some(1, 400), draws.some(1, 30), draws.some(1, 30), draws.some(0, 100)),
    }
}

/// Labels of the images and their five most probable clusters, the best first.
fn pair(number: u64) -> (Vec<u32>, Vec<u32>) {
    let draws = &mut Draws(number);
    let (images, classes, clusters, right) = sizes(number % 10, draws);
    let (mut labels, mut ranked) = (Vec::new(), Vec::new());
    for image in 0..images {
        let mut label = draws.below(classes);
        if number.is_multiple_of(3) {
            label = label.min(draws.below(classes));
        }
        if number % 50 == 7 {
            label = image;
        }
        let mut first = if draws.below(100) < right { label % clusters } else { draws.below(clusters) };
        if number % 50 == 8 {
            first = image;
        }
        labels.push(label as u32);
        ranked.push(first as u32);
        ranked.extend((1..RANKED).map(|_| draws.below(clusters) as u32));
    }
    if !number.is_multiple_of(2) {
        labels.iter_mut().for_each(|label| *label = label.wrapping_mul(2_654_435_761));
        ranked.iter_mut().for_each(|cluster| *cluster = cluster.wrapping_mul(40_503));
    }
    (labels, ranked)
}

/// Scores in the order of the columns.
fn scores(labels: &[u32], ranked: &[u32]) -> [f64; 10] {
    let predictions: Vec<u32> = ranked.chunks_exact(RANKED).map(|ranked| ranked[0]).collect();
    let table = Contingency::new(labels, &predictions).unwrap();
    [
        table.nmi(),
        table.ami(),
        table.ari(),
        table.fowlkes_mallows(),
        table.homogeneity(),
        table.completeness(),
        table.accuracy_one_to_one(),
        table.accuracy_many_to_one(),
        cluster_top_k(labels, ranked, RANKED).unwrap(),
        mean_per_class_accuracy(labels, &predictions).unwrap(),
    ]
}

#[test]
fn a_thousand_pairs_have_the_scores_of_scikit_learn() {
    let mut lines = TABLE.lines();
    assert_eq!(lines.next(), Some(COLUMNS));
    let (mut pairs, mut compared, mut top5) = (0, 0, 0);
    for (number, line) in lines.enumerate() {
        let (labels, ranked) = pair(number as u64);
        let got = scores(&labels, &ranked);
        let want: Vec<&str> = line.split(',').collect();
        assert_eq!(want.len(), got.len(), "pair {number}");
        for (column, (name, want)) in COLUMNS.split(',').zip(want).enumerate() {
            // Top-5 is left empty where several namings are best, each with another top-5.
            if want.is_empty() && name == "top5" {
                continue;
            }
            let want: f64 = want.parse().unwrap();
            let off = (got[column] - want).abs();
            assert!(off <= TOLERANCE, "pair {number}, {name}: got {}, scikit-learn has {want}", got[column]);
            compared += 1;
            top5 += usize::from(name == "top5");
        }
        pairs += 1;
    }
    assert_eq!((pairs, compared), (1000, 9000 + top5));
    assert!(top5 > 400, "{top5} pairs have one best naming");
}

#[test]
fn the_pairs_are_of_every_kind() {
    let (mut empty, mut one_class, mut one_cluster, mut singletons, mut perfect) = (0, 0, 0, 0, 0);
    for number in 0..1000 {
        let (labels, ranked) = pair(number);
        let predictions: Vec<u32> = ranked.chunks_exact(RANKED).map(|ranked| ranked[0]).collect();
        let table = Contingency::new(&labels, &predictions).unwrap();
        empty += usize::from(labels.is_empty());
        one_class += usize::from(table.classes().len() == 1);
        one_cluster += usize::from(table.clusters().len() == 1);
        singletons += usize::from(labels.len() > 9 && table.classes().len() == labels.len());
        perfect += usize::from(table.accuracy_one_to_one() == 1.0);
    }
    assert!(empty >= 5 && one_class >= 100 && one_cluster >= 100 && singletons >= 10 && perfect >= 100);
}
