//! What is reached without learning, and with how many clusters.
//!
//! One-to-one accuracy depends on the number of clusters, so k-means says something of a network's classes only when it was
//! told as many. `metrics.json` holds it for the number of labels, for the network's number (keys that end with `_at_k`),
//! or for both.

use twist_run::{Figure, Metrics};

/// k-means on something that no training has touched, or on the features of the run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KMeans {
    /// `k-means on raw pixels`.
    pub(crate) name: String,
    pub(crate) accuracy: f64,
    /// How many clusters it was told; `None` where the protocol does not say it.
    pub(crate) clusters: Option<u64>,
}

/// Every k-means beside the figures of `metrics`, the best first.
pub(crate) fn kmeans(metrics: &Metrics) -> Vec<KMeans> {
    let told = |key: &str| {
        let at_k = Figure::of_key(key).is_some_and(Figure::is_at_k);
        metrics.count(if at_k { "/clusters" } else { "/baselines/kmeans_clusters" })
    };
    let all = metrics.baselines.iter().filter(|(key, _)| key.starts_with("kmeans_"));
    let one = |(key, accuracy)| KMeans { name: Figure::title_of(key), accuracy, clusters: told(key) };
    let mut found: Vec<KMeans> = all.map(one).collect();
    found.sort_by(|a, b| b.accuracy.total_cmp(&a.accuracy));
    found
}

/// The k-means to hold the classes of a network with `clusters` classes against: the best that was told as many, else the
/// best of all.
pub(crate) fn rival(metrics: &Metrics, clusters: Option<u64>) -> Option<KMeans> {
    let all = kmeans(metrics);
    let alike = all.iter().find(|one| one.clusters.is_some() && one.clusters == clusters);
    alike.or(all.first()).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rival_was_told_as_many_clusters_where_there_is_one() {
        let metrics = json!({
            "baselines": {"knn_pixels_top1": 0.9, "kmeans_pixels_accuracy": 0.237, "kmeans_pixels_accuracy_at_k": 0.177},
            "protocol": {"clusters": 20, "baselines": {"kmeans_clusters": 10}},
        });
        let metrics = &serde_json::from_value(metrics).unwrap();
        let found = rival(metrics, Some(20)).unwrap();
        assert_eq!((found.accuracy, found.clusters), (0.177, Some(20)));
        assert_eq!(rival(metrics, Some(10)).unwrap().accuracy, 0.237);
        assert_eq!(rival(metrics, Some(30)).unwrap().clusters, Some(10), "else the best, with its number");
        assert_eq!(kmeans(metrics).len(), 2);
    }
}
