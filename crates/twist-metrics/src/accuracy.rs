//! Share of images that are right once clusters are named after classes.

use std::collections::BTreeMap;

use crate::assignment::heaviest_matching;
use crate::classification::{per_image, share};
use crate::contingency::{Contingency, MetricsError};

/// Share of images whose class is among the classes of their `k` most probable clusters, where clusters have the classes
/// of the one-to-one naming of the most probable ones ([`Contingency::one_to_one_assignment`]). With k = 5 it is the
/// released code's top-5 (`evaluate_cluster.py`), with k = 1 the one-to-one accuracy. 0 without images.
///
/// `ranked` has the `k` most probable clusters of each image, the best first, image after image (`[N, k]` flattened).
///
/// The released code needs as many clusters as classes. Here the numbers may differ: a cluster that the naming leaves
/// without a class, because there are fewer classes or because it shares no image with those that are left, is right for
/// no image. The released code gives leftover classes to leftover clusters by the solver's whim, which cannot make its figure smaller.
///
/// # Errors
/// [`MetricsError::Ranked`] when `ranked` does not have `k` clusters for each label, or `k` is 0.
pub fn cluster_top_k(labels: &[u32], ranked: &[u32], k: usize) -> Result<f64, MetricsError> {
    let first: Vec<u32> = per_image(labels, ranked, k)?.map(|(_, ranked)| ranked[0]).collect();
    let names = Contingency::new(labels, &first)?.one_to_one_assignment();
    let is_right =
        |label: &u32, ranked: &[u32]| ranked.iter().any(|cluster| names.get(cluster) == Some(label));
    let right = per_image(labels, ranked, k)?.filter(|(label, ranked)| is_right(label, ranked)).count();
    Ok(share(right as u64, labels.len() as u64))
}

impl Contingency {
    /// Accuracy under the best naming where each class is given to at most one cluster and each cluster gets at
    /// most one class. The numbers of clusters and classes may differ: images of unnamed clusters count as wrong.
    /// 0 without images.
    pub fn accuracy_one_to_one(&self) -> f64 {
        share(self.matching().iter().map(|&(_, _, count)| count).sum(), self.images)
    }

    /// Accuracy when every cluster is named after its most frequent class. Also called purity. It grows with the number of
    /// clusters and is 1 when each image is its own, so it means something only beside that number. 0 without images.
    pub fn accuracy_many_to_one(&self) -> f64 {
        share(self.majorities().iter().map(|&(_, count)| count).sum(), self.images)
    }

    /// The naming behind [`accuracy_one_to_one`](Self::accuracy_one_to_one): cluster → class. Clusters
    /// that get no class, or only one that they share no image with, are absent.
    pub fn one_to_one_assignment(&self) -> BTreeMap<u32, u32> {
        let named = |&(class, cluster, _): &_| (self.clusters[cluster], self.classes[class]);
        self.matching().iter().map(named).collect()
    }

    /// Position of the most frequent class (the first of equals) and its count, for each cluster.
    pub(crate) fn majorities(&self) -> Vec<(usize, u64)> {
        let mut best = vec![(0, 0); self.clusters.len()];
        for cell in &self.cells {
            if cell.count > best[cell.cluster].1 {
                best[cell.cluster] = (cell.class, cell.count);
            }
        }
        best
    }

    /// Positions of class and cluster, and the number of images they share, for each pair of the best naming.
    fn matching(&self) -> Vec<(usize, usize, u64)> {
        let mut edges: Vec<Vec<(usize, u64)>> = vec![Vec::new(); self.classes.len()];
        for cell in &self.cells {
            edges[cell.class].push((cell.cluster, cell.count));
        }
        heaviest_matching(&edges, self.clusters.len())
    }
}
