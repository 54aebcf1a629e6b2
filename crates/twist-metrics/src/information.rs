//! Scores from shared information, in nats (Vinh, Epps and Bailey, JMLR 2010).

use crate::contingency::Contingency;
use crate::expected::expected_mutual_information;

impl Contingency {
    /// Normalised mutual information, `2 I(labels; clusters) / (H(labels) + H(clusters))`, in [0, 1].
    ///
    /// 1 when neither side distinguishes anything, as scikit-learn has it: two lists without a difference agree.
    pub fn nmi(&self) -> f64 {
        if self.classes.len() <= 1 && self.clusters.len() <= 1 {
            return 1.0;
        }
        2.0 * self.mutual_information() / (self.class_entropy() + self.cluster_entropy())
    }

    /// Adjusted mutual information: as [`nmi`](Self::nmi), less what random clusters of the same sizes would
    /// share with the labels; 0 for chance, 1 for agreement.
    pub fn ami(&self) -> f64 {
        if self.is_perfect() {
            return 1.0;
        }
        if self.classes.len() == 1 || self.clusters.len() == 1 {
            return 0.0;
        }
        let expected = expected_mutual_information(&self.class_sizes, &self.cluster_sizes);
        let most = (self.class_entropy() + self.cluster_entropy()) / 2.0;
        (self.mutual_information() - expected) / (most - expected)
    }

    /// Share of the labels' information that the clusters have: 1 when each cluster holds one class.
    pub fn homogeneity(&self) -> f64 {
        share(self.mutual_information(), self.class_entropy())
    }

    /// Share of the clusters' information that the labels have: 1 when each class is in one cluster.
    pub fn completeness(&self) -> f64 {
        share(self.mutual_information(), self.cluster_entropy())
    }

    fn class_entropy(&self) -> f64 {
        entropy(&self.class_sizes, self.images)
    }

    fn cluster_entropy(&self) -> f64 {
        entropy(&self.cluster_sizes, self.images)
    }

    fn mutual_information(&self) -> f64 {
        let images = self.images as f64;
        let sum: f64 = self
            .cells
            .iter()
            .map(|cell| {
                let (count, class) = (cell.count as f64, self.class_sizes[cell.class] as f64);
                let cluster = self.cluster_sizes[cell.cluster] as f64;
                count / images * (count * images / (class * cluster)).ln()
            })
            .sum();
        sum.max(0.0)
    }
}

fn entropy(sizes: &[u64], images: u64) -> f64 {
    let sum: f64 = sizes.iter().map(|&size| size as f64 / images as f64).map(|p| -p * p.ln()).sum();
    sum.max(0.0)
}

/// Everything of nothing is everything.
fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 1.0 } else { part / whole }
}
