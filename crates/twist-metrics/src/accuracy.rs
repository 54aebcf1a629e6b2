//! Share of images that are right once clusters are named after classes.

use std::collections::BTreeMap;

use crate::assignment::heaviest_matching;
use crate::contingency::Contingency;

impl Contingency {
    /// Accuracy under the best naming where each class is given to at most one cluster and each cluster gets at
    /// most one class. The numbers of clusters and classes may differ: images of unnamed clusters count as wrong.
    /// 0 without images.
    pub fn accuracy_one_to_one(&self) -> f64 {
        self.share(self.matching().iter().map(|&(_, _, count)| count).sum())
    }

    /// Accuracy when every cluster is named after its most frequent class. Also called purity. It grows with the number of
    /// clusters and is 1 when each image is its own, so it means something only beside that number. 0 without images.
    pub fn accuracy_many_to_one(&self) -> f64 {
        self.share(self.majorities().iter().map(|&(_, count)| count).sum())
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

    fn share(&self, right: u64) -> f64 {
        if self.images == 0 { 0.0 } else { right as f64 / self.images as f64 }
    }
}
