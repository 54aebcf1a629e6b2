//! How each class fares under the one-to-one naming of clusters.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::classification::share;
use crate::contingency::Contingency;

/// A class and the cluster that is named after it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The label.
    pub class: u32,
    /// Images with it.
    pub images: u64,
    /// The cluster that the one-to-one naming gives to it.
    pub cluster: Option<u32>,
    /// Share of its images that are in that cluster. Weighted by `images`, the mean over classes is
    /// [`Contingency::accuracy_one_to_one`].
    pub accuracy: f64,
    /// Share of that cluster's images that have the label.
    pub purity: Option<f64>,
    /// The other class that most of its images are taken for (the smallest of equals): they lie in a cluster that is named after it,
    /// or that has no name and more images of it than of any other.
    pub taken_for: Option<u32>,
}

impl Contingency {
    /// Every class that occurs, in ascending order.
    pub fn class_scores(&self) -> Vec<ClassScore> {
        let names = self.one_to_one_assignment();
        let taken_for = self.most_confused(&names);
        let cluster_of: BTreeMap<u32, u32> =
            names.into_iter().map(|(cluster, class)| (class, cluster)).collect();
        let mut shared: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for cell in &self.cells {
            shared.insert((self.classes[cell.class], self.clusters[cell.cluster]), cell.count);
        }
        let row = |(position, (&class, &images)): (usize, (&u32, &u64))| {
            let cluster = cluster_of.get(&class).copied();
            let right = cluster.and_then(|cluster| shared.get(&(class, cluster)).copied()).unwrap_or(0);
            let size = cluster.and_then(|cluster| self.clusters.binary_search(&cluster).ok());
            ClassScore {
                class,
                images,
                cluster,
                accuracy: share(right, images),
                purity: size.map(|place| share(right, self.cluster_sizes[place])),
                taken_for: taken_for[position].map(|other| self.classes[other]),
            }
        };
        self.classes.iter().zip(&self.class_sizes).enumerate().map(row).collect()
    }

    /// For each class the position of the one that most of its images are taken for, where `names` are cluster → class.
    fn most_confused(&self, names: &BTreeMap<u32, u32>) -> Vec<Option<usize>> {
        let majorities = self.majorities();
        let owner = |cluster: usize| match names.get(&self.clusters[cluster]) {
            Some(class) => self.classes.binary_search(class).unwrap_or(majorities[cluster].0),
            None => majorities[cluster].0,
        };
        let owners: Vec<usize> = (0..self.clusters.len()).map(owner).collect();
        let mut taken: Vec<BTreeMap<usize, u64>> = vec![BTreeMap::new(); self.classes.len()];
        for cell in &self.cells {
            if owners[cell.cluster] != cell.class {
                *taken[cell.class].entry(owners[cell.cluster]).or_default() += cell.count;
            }
        }
        let most = |taken: BTreeMap<usize, u64>| {
            taken.into_iter().max_by_key(|&(class, count)| (count, Reverse(class))).map(|(class, _)| class)
        };
        taken.into_iter().map(most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_their_cluster_and_their_rival() {
        // Cluster 5 is class 0, cluster 6 is class 1; class 9 has no cluster of its own.
        let labels = [0, 0, 0, 0, 1, 1, 1, 9, 9];
        let clusters = [5, 5, 5, 6, 6, 6, 6, 5, 6];
        let table = Contingency::new(&labels, &clusters).unwrap();
        assert_eq!(
            table.class_scores(),
            [
                ClassScore {
                    class: 0,
                    images: 4,
                    cluster: Some(5),
                    accuracy: 0.75,
                    purity: Some(0.75),
                    taken_for: Some(1),
                },
                ClassScore {
                    class: 1,
                    images: 3,
                    cluster: Some(6),
                    accuracy: 1.0,
                    purity: Some(0.6),
                    taken_for: None,
                },
                ClassScore {
                    class: 9,
                    images: 2,
                    cluster: None,
                    accuracy: 0.0,
                    purity: None,
                    taken_for: Some(0),
                },
            ]
        );
    }

    #[test]
    fn a_second_cluster_of_a_class_is_no_confusion() {
        let table = Contingency::new(&[0, 0, 0, 1, 1], &[0, 0, 2, 1, 2]).unwrap();
        let scores = table.class_scores();
        assert_eq!((scores[0].accuracy, scores[0].taken_for), (2.0 / 3.0, None));
        // Cluster 2 has one image of each: it belongs to the first class.
        assert_eq!((scores[1].accuracy, scores[1].taken_for), (0.5, Some(0)));
    }
}
