//! The edges of the definitions, as scikit-learn 1.8 has them (accuracies follow from their words).

use twist_metrics::{ClusterScores, Contingency, MetricsError, cluster_scores, cluster_top_k};

/// Labels, predictions, then NMI, AMI, ARI, Fowlkes–Mallows, homogeneity, completeness, one-to-one and many-to-one.
type Row<'a> = (&'a [u32], &'a [u32], [f64; 8]);

const THIRD: f64 = 1.0 / 3.0;

const ROWS: [Row; 14] = [
    (&[], &[], [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
    (&[3], &[7], [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
    (&[0, 1, 2, 3], &[0, 1, 2, 3], [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
    (&[0, 1, 2, 3], &[3, 1, 0, 2], [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
    (&[0, 0, 1, 1], &[0, 1, 2, 3], [2.0 * THIRD, 0.0, 0.0, 0.0, 1.0, 0.5, 0.5, 1.0]),
    (&[0, 1, 2, 3], &[0, 0, 1, 1], [2.0 * THIRD, 0.0, 0.0, 0.0, 0.5, 1.0, 0.5, 0.5]),
    (&[0, 0, 0], &[5, 5, 5], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
    (&[0, 0, 0, 0], &[0, 1, 2, 3], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.25, 1.0]),
    (&[0, 1, 2, 3], &[0, 0, 0, 0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.25, 0.25]),
    (&[0, 0, 1, 1], &[0, 1, 0, 1], [0.0, -0.5, -0.5, 0.0, 0.0, 0.0, 0.5, 0.5]),
    (
        &[0, 0, 1, 2],
        &[0, 0, 1, 1],
        [
            0.8,
            0.5714285714285714,
            0.5714285714285714,
            std::f64::consts::FRAC_1_SQRT_2,
            2.0 * THIRD,
            1.0,
            0.75,
            0.75,
        ],
    ),
    (&[0, 0, 1, 1], &[1, 1, 0, 0], [1.0; 8]),
    (
        &[0, 0, 1, 1, 2, 2],
        &[0, 0, 1, 2, 2, 2],
        [
            0.7396673768007592,
            0.5023607027202738,
            0.4444444444444444,
            0.5773502691896258,
            0.7103099178571525,
            0.7715561736794712,
            5.0 / 6.0,
            5.0 / 6.0,
        ],
    ),
    (&[4_000_000_000, 1], &[u32::MAX, u32::MAX], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 0.5]),
];

#[test]
fn edges_are_as_scikit_learn_has_them() {
    let mut compared = 0;
    for (labels, predictions, want) in ROWS {
        let table = Contingency::new(labels, predictions).unwrap();
        let got = [
            table.nmi(),
            table.ami(),
            table.ari(),
            table.fowlkes_mallows(),
            table.homogeneity(),
            table.completeness(),
            table.accuracy_one_to_one(),
            table.accuracy_many_to_one(),
        ];
        for (index, (got, want)) in got.into_iter().zip(want).enumerate() {
            assert!((got - want).abs() < 1e-12, "{labels:?} {predictions:?} score {index}: {got} {want}");
            compared += 1;
        }
    }
    assert_eq!(compared, 14 * 8);
}

#[test]
fn no_images_give_finite_scores_and_no_names() {
    let scores = cluster_scores(&[], &[]).unwrap();
    assert_eq!(scores.classes_in_use, 0);
    let text = serde_json::to_string(&scores).unwrap();
    assert!(!text.contains("null"), "{text}");
    assert_eq!(serde_json::from_str::<ClusterScores>(&text).unwrap(), scores);

    let table = Contingency::new(&[], &[]).unwrap();
    assert!(table.one_to_one_assignment().is_empty());
    assert!(table.confusion().counts.is_empty());
}

#[test]
fn different_lengths_are_an_error() {
    assert_eq!(cluster_scores(&[1], &[]), Err(MetricsError::Lengths { labels: 1, predictions: 0 }));
}

#[test]
fn keys_are_those_of_metrics_json() {
    let scores = serde_json::to_value(cluster_scores(&[0, 1], &[1, 0]).unwrap()).unwrap();
    let keys: Vec<_> = scores.as_object().unwrap().keys().map(String::as_str).collect();
    let want = [
        "nmi",
        "ami",
        "ari",
        "fowlkes_mallows",
        "accuracy_one_to_one",
        "accuracy_many_to_one",
        "classes_in_use",
    ];
    assert_eq!(keys, want);
}

#[test]
fn ranks_that_do_not_fit_are_refused() {
    for (labels, ranked, k) in [(2, 3, 2), (1, 0, 0), (0, 1, 1)] {
        let error = cluster_top_k(&vec![0; labels], &vec![0; ranked], k).unwrap_err();
        assert_eq!(error, MetricsError::Ranked { labels, ranked, k });
    }
}
