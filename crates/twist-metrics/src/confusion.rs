//! The classes that each cluster consists of.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contingency::Contingency;

/// Images by cluster and class, dense: for people and pictures. Scores use [`Contingency`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// The cluster of each row.
    pub clusters: Vec<u32>,
    /// The label of each column.
    pub classes: Vec<u32>,
    /// Number of images, `[cluster][class]`.
    pub counts: Vec<Vec<u64>>,
}

impl Contingency {
    /// The dense table of clusters and classes that occur, in ascending order.
    pub fn confusion(&self) -> Confusion {
        let mut counts = vec![vec![0; self.classes.len()]; self.clusters.len()];
        for cell in &self.cells {
            counts[cell.cluster][cell.class] = cell.count;
        }
        Confusion { clusters: self.clusters.clone(), classes: self.classes.clone(), counts }
    }
}

impl Confusion {
    /// The same table with rows in the order of their classes, so that a good clustering shows as a diagonal: clusters
    /// that `names` (as from [`Contingency::one_to_one_assignment`]) has come first, then the others by their most frequent class.
    pub fn aligned(&self, names: &BTreeMap<u32, u32>) -> Confusion {
        let key = |row: usize| {
            let majority = (0..self.classes.len()).max_by_key(|&c| (self.counts[row][c], Reverse(c)));
            match names.get(&self.clusters[row]) {
                Some(class) => (0, Some(*class), row),
                None => (1, majority.map(|column| self.classes[column]), row),
            }
        };
        let mut rows: Vec<usize> = (0..self.clusters.len()).collect();
        rows.sort_by_key(|&row| key(row));
        Confusion {
            clusters: rows.iter().map(|&row| self.clusters[row]).collect(),
            classes: self.classes.clone(),
            counts: rows.iter().map(|&row| self.counts[row].clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_clusters_and_align_to_a_diagonal() {
        let table = Contingency::new(&[1, 1, 1, 4, 4, 4, 4], &[8, 8, 3, 3, 3, 3, 5]).unwrap();
        let confusion = table.confusion();
        assert_eq!(confusion.clusters, [3, 5, 8]);
        assert_eq!(confusion.classes, [1, 4]);
        assert_eq!(confusion.counts, [[1, 3], [0, 1], [2, 0]]);

        let aligned = confusion.aligned(&table.one_to_one_assignment());
        assert_eq!(aligned.clusters, [8, 3, 5]);
        assert_eq!(aligned.counts, [[2, 0], [1, 3], [0, 1]]);
    }
}
