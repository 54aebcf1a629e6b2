//! What must hold of every pair of labellings.

use proptest::prelude::*;
use twist_metrics::{Contingency, cluster_scores, cluster_top_k};

fn labellings() -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
    (1usize..120, 1u32..9, 1u32..9).prop_flat_map(|(images, classes, clusters)| {
        (prop::collection::vec(0..classes, images), prop::collection::vec(0..clusters, images))
    })
}

proptest! {
    #[test]
    fn numbers_of_clusters_do_not_matter((labels, predictions) in labellings(), odd in 0u32..1000) {
        // Multiplication by an odd number permutes u32.
        let renamed: Vec<u32> = predictions.iter().map(|p| p.wrapping_mul(2 * odd + 1).wrapping_add(77)).collect();
        let (a, b) = (cluster_scores(&labels, &predictions).unwrap(), cluster_scores(&labels, &renamed).unwrap());
        for (a, b) in [
            (a.nmi, b.nmi), (a.ami, b.ami), (a.ari, b.ari), (a.fowlkes_mallows, b.fowlkes_mallows),
            (a.accuracy_one_to_one, b.accuracy_one_to_one), (a.accuracy_many_to_one, b.accuracy_many_to_one),
        ] {
            prop_assert!((a - b).abs() < 1e-12, "{} {}", a, b);
        }
        prop_assert_eq!(a.classes_in_use, b.classes_in_use);
    }

    #[test]
    fn sides_of_symmetric_scores_can_be_swapped((labels, predictions) in labellings()) {
        let (a, b) = (Contingency::new(&labels, &predictions).unwrap(), Contingency::new(&predictions, &labels).unwrap());
        for (a, b) in [
            (a.nmi(), b.nmi()), (a.ami(), b.ami()), (a.ari(), b.ari()), (a.fowlkes_mallows(), b.fowlkes_mallows()),
            (a.accuracy_one_to_one(), b.accuracy_one_to_one()), (a.homogeneity(), b.completeness()),
        ] {
            prop_assert!((a - b).abs() < 1e-12, "{} {}", a, b);
        }
    }

    #[test]
    fn scores_are_finite_and_ordered((labels, predictions) in labellings()) {
        let scores = cluster_scores(&labels, &predictions).unwrap();
        for share in [scores.nmi, scores.fowlkes_mallows, scores.accuracy_one_to_one, scores.accuracy_many_to_one] {
            prop_assert!((0.0..=1.0 + 1e-12).contains(&share), "{:?}", scores);
        }
        prop_assert!((-1.0..=1.0 + 1e-12).contains(&scores.ami) && (-0.5..=1.0).contains(&scores.ari), "{:?}", scores);
        prop_assert!(scores.accuracy_one_to_one <= scores.accuracy_many_to_one);
    }

    #[test]
    fn the_assignment_explains_the_accuracy((labels, predictions) in labellings()) {
        let table = Contingency::new(&labels, &predictions).unwrap();
        let names = table.one_to_one_assignment();
        let right = labels.iter().zip(&predictions).filter(|(label, p)| names.get(p) == Some(label)).count();
        prop_assert_eq!(right as f64 / labels.len() as f64, table.accuracy_one_to_one());
        let mut classes: Vec<_> = names.values().collect();
        classes.sort_unstable();
        classes.dedup();
        prop_assert_eq!(classes.len(), names.len());

        let by_class: f64 = table.class_scores().iter().map(|c| c.accuracy * c.images as f64).sum();
        prop_assert!((by_class / labels.len() as f64 - table.accuracy_one_to_one()).abs() < 1e-12);

        let total: u64 = table.confusion().counts.iter().flatten().sum();
        prop_assert_eq!(total, labels.len() as u64);
    }

    #[test]
    fn top_k_begins_at_the_accuracy_and_grows_to_all_that_have_a_name(
        (labels, predictions) in labellings(), shift in 0u32..9
    ) {
        let table = Contingency::new(&labels, &predictions).unwrap();
        prop_assert_eq!(cluster_top_k(&labels, &predictions, 1).unwrap(), table.accuracy_one_to_one());
        prop_assert!(cluster_top_k(&predictions, &predictions, 1).unwrap() == 1.0);

        // Clusters after the first in a fixed rhythm, each once.
        let ranked: Vec<Vec<u32>> = predictions
            .iter()
            .map(|&p| std::iter::once(p).chain((0..9).map(|i| (i + shift) % 9).filter(|&c| c != p)).collect())
            .collect();
        let mut last = 0.0;
        for k in 1..=9 {
            let flat: Vec<u32> = ranked.iter().flat_map(|row| &row[..k]).copied().collect();
            let top = cluster_top_k(&labels, &flat, k).unwrap();
            prop_assert!(top >= last, "{} after {}", top, last);
            last = top;
        }
        let names = table.one_to_one_assignment();
        let named = labels.iter().filter(|label| names.values().any(|class| class == *label)).count();
        prop_assert_eq!(last, named as f64 / labels.len() as f64);
    }
}
