//! Scores from pairs of images: together or apart in the labels, together or apart in the clusters.

use crate::contingency::Contingency;

/// Ordered pairs of different images, by whether labels and clusters put them together.
struct Pairs {
    both: u128,
    labels_only: u128,
    clusters_only: u128,
    neither: u128,
}

impl Contingency {
    /// Adjusted Rand index (Hubert and Arabie 1985): share of pairs on which both sides agree, less what chance
    /// gives; 0 for chance, 1 for agreement, at least −0.5.
    pub fn ari(&self) -> f64 {
        let Pairs { both, labels_only, clusters_only, neither } = self.pairs();
        if labels_only == 0 && clusters_only == 0 {
            return 1.0;
        }
        let [both, labels_only, clusters_only, neither] =
            [both, labels_only, clusters_only, neither].map(|pairs| pairs as f64);
        2.0 * (both * neither - labels_only * clusters_only)
            / ((both + labels_only) * (labels_only + neither)
                + (both + clusters_only) * (clusters_only + neither))
    }

    /// Fowlkes–Mallows index: geometric mean of precision and recall of pairs that are together, in [0, 1].
    /// 0 when no pair is together on both sides.
    pub fn fowlkes_mallows(&self) -> f64 {
        let Pairs { both, labels_only, clusters_only, .. } = self.pairs();
        if both == 0 {
            return 0.0;
        }
        let part = |other: u128| (both as f64 / (both + other) as f64).sqrt();
        part(labels_only) * part(clusters_only)
    }

    fn pairs(&self) -> Pairs {
        let together = |counts: &mut dyn Iterator<Item = u64>| -> u128 {
            counts.map(|count| u128::from(count) * u128::from(count - 1)).sum()
        };
        let both = together(&mut self.cells.iter().map(|cell| cell.count));
        let labels_only = together(&mut self.class_sizes.iter().copied()) - both;
        let clusters_only = together(&mut self.cluster_sizes.iter().copied()) - both;
        let all = u128::from(self.images) * u128::from(self.images.saturating_sub(1));
        Pairs { both, labels_only, clusters_only, neither: all - both - labels_only - clusters_only }
    }
}
