//! Counts of images for each pair of label and cluster.

use thiserror::Error;

/// Input that cannot be compared.
#[derive(Debug, Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum MetricsError {
    /// The lists do not belong to the same images.
    #[error("{labels} labels but {predictions} predictions: give one of each per image")]
    Lengths { labels: usize, predictions: usize },
    /// The ranks do not belong to the same images.
    #[error("{ranked} ranked classes do not fit {labels} labels: give {k} of each image, and at least one")]
    Ranked { labels: usize, ranked: usize, k: usize },
}

/// The contingency table of labels and predictions. Only pairs that occur are kept, so memory is O(images)
/// whatever the numbers of classes and clusters are. Time is O(images · log images).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contingency {
    pub(crate) images: u64,
    pub(crate) classes: Vec<u32>,
    pub(crate) clusters: Vec<u32>,
    pub(crate) class_sizes: Vec<u64>,
    pub(crate) cluster_sizes: Vec<u64>,
    /// Ordered by class, then cluster; both are positions in the lists above.
    pub(crate) cells: Vec<Cell>,
}

/// A pair that occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) class: usize,
    pub(crate) cluster: usize,
    pub(crate) count: u64,
}

impl Contingency {
    /// Counts the pairs. Labels and predictions may be any numbers; they need not be dense.
    ///
    /// # Errors
    /// [`MetricsError::Lengths`] when the two lists are of different length.
    pub fn new(labels: &[u32], predictions: &[u32]) -> Result<Self, MetricsError> {
        if labels.len() != predictions.len() {
            return Err(MetricsError::Lengths { labels: labels.len(), predictions: predictions.len() });
        }
        let (classes, clusters) = (distinct(labels), distinct(predictions));
        let (mut class_sizes, mut cluster_sizes) = (vec![0; classes.len()], vec![0; clusters.len()]);

        let mut pairs: Vec<(u32, u32)> = labels.iter().copied().zip(predictions.iter().copied()).collect();
        pairs.sort_unstable();
        let mut cells = Vec::new();
        let mut class = 0;
        for run in pairs.chunk_by(|a, b| a == b) {
            let (label, prediction) = run[0];
            class += classes[class..].partition_point(|&known| known < label);
            let cluster = clusters.partition_point(|&known| known < prediction);
            let count = run.len() as u64;
            class_sizes[class] += count;
            cluster_sizes[cluster] += count;
            cells.push(Cell { class, cluster, count });
        }
        Ok(Contingency { images: labels.len() as u64, classes, clusters, class_sizes, cluster_sizes, cells })
    }

    /// Number of images.
    pub fn images(&self) -> u64 {
        self.images
    }

    /// Labels that occur, ascending.
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// Clusters that at least one image is in, ascending.
    pub fn clusters(&self) -> &[u32] {
        &self.clusters
    }

    /// Whether clusters and classes are the same up to their numbers, which includes there being no image.
    pub(crate) fn is_perfect(&self) -> bool {
        self.cells.len() == self.classes.len() && self.cells.len() == self.clusters.len()
    }
}

fn distinct(numbers: &[u32]) -> Vec<u32> {
    let mut distinct = numbers.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_pairs_of_any_numbers() {
        let table = Contingency::new(&[9, 2, 9, 9], &[u32::MAX, 0, 0, u32::MAX]).unwrap();
        assert_eq!(table.classes(), [2, 9]);
        assert_eq!(table.clusters(), [0, u32::MAX]);
        assert_eq!(table.images(), 4);
        assert_eq!(
            (table.class_sizes.as_slice(), table.cluster_sizes.as_slice()),
            (&[1, 3][..], &[2, 2][..])
        );
        let cells: Vec<_> = table.cells.iter().map(|cell| (cell.class, cell.cluster, cell.count)).collect();
        assert_eq!(cells, [(0, 0, 1), (1, 0, 1), (1, 1, 2)]);
        assert!(!table.is_perfect());
    }

    #[test]
    fn lists_of_different_length_are_refused() {
        let error = Contingency::new(&[1, 2], &[1]).unwrap_err();
        assert_eq!(error, MetricsError::Lengths { labels: 2, predictions: 1 });
    }
}
