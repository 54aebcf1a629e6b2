//! What is reached without learning, and with how many clusters.
//!
//! One-to-one accuracy depends on the number of clusters, so k-means says something of a network's classes only when it was
//! told as many. `metrics.json` holds it for the number of labels, for the network's number (keys that end with `_at_k`),
//! or for both.

use serde_json::{Map, Value};

use crate::text::words;

/// The end of the keys of baselines that were told the network's number of classes.
const AT_K: &str = "_at_k";

/// k-means on something that no training has touched, or on the features of the run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KMeans {
    /// `k-means on raw pixels`.
    pub(crate) name: String,
    /// One-to-one accuracy.
    pub(crate) accuracy: f64,
    /// How many clusters it was told; `None` where the protocol does not say it.
    pub(crate) clusters: Option<u64>,
}

/// Every k-means beside the figures of `metrics`, the best first.
pub(crate) fn kmeans(metrics: &Map<String, Value>) -> Vec<KMeans> {
    let Some(Value::Object(all)) = metrics.get("baselines") else { return Vec::new() };
    let protocol = metrics.get("protocol").unwrap_or(&Value::Null);
    let mut found: Vec<KMeans> = all
        .iter()
        .filter(|(key, _)| key.starts_with("kmeans_"))
        .filter_map(|(key, value)| {
            let accuracy = value.as_f64().filter(|value| value.is_finite())?;
            Some(KMeans { name: name(key), accuracy, clusters: told(protocol, key) })
        })
        .collect();
    found.sort_by(|a, b| b.accuracy.total_cmp(&a.accuracy));
    found
}

/// The k-means to hold the classes of a network with `clusters` classes against: the best that was told as many, else the
/// best of all.
pub(crate) fn rival(metrics: &Map<String, Value>, clusters: Option<u64>) -> Option<KMeans> {
    let all = kmeans(metrics);
    let alike = all.iter().find(|one| one.clusters.is_some() && one.clusters == clusters);
    alike.or(all.first()).cloned()
}

/// How many clusters the k-means of this key was told.
fn told(protocol: &Value, key: &str) -> Option<u64> {
    let place = if key.ends_with(AT_K) { "/clusters" } else { "/baselines/kmeans_clusters" };
    protocol.pointer(place)?.as_u64()
}

/// What a baseline is called, without its number of clusters.
pub(crate) fn name(key: &str) -> String {
    match key.strip_suffix(AT_K).unwrap_or(key) {
        "knn_pixels_top1" => "k-NN on raw pixels".into(),
        "knn_random_backbone_top1" => "k-NN on an untrained network".into(),
        "kmeans_pixels_accuracy" => "k-means on raw pixels".into(),
        "kmeans_histogram_accuracy" => "k-means on colour histograms".into(),
        "kmeans_features_accuracy" => "k-means on the same features".into(),
        "kmeans_unit_features_accuracy" => "k-means on the same features, of unit length".into(),
        other => words(other),
    }
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
        let metrics = metrics.as_object().unwrap();
        let found = rival(metrics, Some(20)).unwrap();
        assert_eq!((found.accuracy, found.clusters), (0.177, Some(20)));
        assert_eq!(rival(metrics, Some(10)).unwrap().accuracy, 0.237);
        assert_eq!(rival(metrics, Some(30)).unwrap().clusters, Some(10), "else the best, with its number");
        assert_eq!(kmeans(metrics).len(), 2);
    }
}
