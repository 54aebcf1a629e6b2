//! The figures of an evaluation in a few lines.

use serde_json::{Map, Value};

use crate::digits::{share, thousands};
use twist_metrics::margin;

/// What people ask for first, and their names.
const FIRST: [(&str, &str); 5] = [
    ("knn_top1", "k-NN"),
    ("accuracy_one_to_one", "ACC"),
    ("nmi", "NMI"),
    ("ari", "ARI"),
    ("mean_confidence", "confidence"),
];
/// What is reached without learning.
const BASELINES: [(&str, &str); 8] = [
    ("kmeans_features_accuracy", "k-means on the features"),
    ("kmeans_unit_features_accuracy", "k-means on unit features"),
    ("kmeans_pixels_accuracy", "k-means on pixels"),
    ("kmeans_histogram_accuracy", "k-means on colours"),
    ("kmeans_pixels_accuracy_at_k", "with as many clusters as the network: k-means on pixels"),
    ("kmeans_histogram_accuracy_at_k", "on colours"),
    ("knn_pixels_top1", "k-NN on pixels"),
    ("knn_random_backbone_top1", "k-NN on a random backbone"),
];

/// One line: `k-NN 0.930  ACC 0.912 …`.
pub(crate) fn line(scores: &Map<String, Value>) -> String {
    let asked = scores.get("knn_queries").and_then(Value::as_f64).map(|asked| asked as u64);
    with_notes(scores, asked, |_| None)
}

/// The same with a remark behind some figures; k-NN was `asked` about so many images.
fn with_notes(
    scores: &Map<String, Value>,
    asked: Option<u64>,
    note: impl Fn(&str) -> Option<String>,
) -> String {
    let mut parts = named(scores, &FIRST, asked, note);
    if let Some(classes) = scores.get("classes_in_use").and_then(Value::as_f64) {
        let word = if classes == 1.0 { "class" } else { "classes" };
        parts.push(format!("{classes:.0} {word} in use"));
    }
    parts.join("  ")
}

/// The lines that end a run.
pub(crate) fn lines(metrics: &Map<String, Value>) -> Vec<String> {
    let number = |object: &Value, key: &str| object.get(key).and_then(Value::as_f64);
    let protocol = metrics.get("protocol").cloned().unwrap_or_default();
    let images = number(&protocol, "evaluated_images").unwrap_or(0.0);
    let on = protocol.get("evaluated_on").and_then(Value::as_str).unwrap_or("images");
    let at = |pointer: &str| protocol.pointer(pointer).and_then(Value::as_u64);
    let asked = at("/knn/queries");
    // What the figures rest on, where that is not what the line says of them all.
    let note = |key: &str| match key {
        "knn_top1" => asked
            .filter(|&asked| asked as f64 != images)
            .map(|asked| format!(" (measured on {} images)", thousands(asked))),
        "accuracy_one_to_one" => {
            let (clusters, classes) = (at("/clusters")?, at("/baselines/kmeans_clusters")?);
            (clusters != classes).then(|| format!(" ({clusters} clusters, {classes} classes)"))
        }
        _ => None,
    };
    let mut lines =
        vec![format!("on {} {on}: {}", thousands(images as u64), with_notes(metrics, asked, note))];
    if let Some(Value::Object(baselines)) = metrics.get("baselines") {
        let parts = named(baselines, &BASELINES, None, |_| None);
        lines.push(format!("without learning: {}", parts.join("  ")));
    }
    lines
}

fn named(
    scores: &Map<String, Value>,
    names: &[(&str, &str)],
    asked: Option<u64>,
    note: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let figure = |(key, name): &(&str, &str)| {
        let value = scores.get(*key)?.as_f64()?;
        let figure = match asked.filter(|_| *key == "knn_top1") {
            Some(asked) => with_margin(value, asked),
            None => format!("{value:.3}"),
        };
        Some(format!("{name} {figure}{}", note(key).unwrap_or_default()))
    };
    names.iter().filter_map(figure).collect()
}

/// A part of `images` images with its ±, in 95 of 100 cases.
fn with_margin(value: f64, images: u64) -> String {
    format!("{} ± {}", share(value, images), share(margin(value, images), images))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_line_names_what_was_measured() {
        let scores = object(json!({"nmi": 0.5, "knn_top1": 0.25, "classes_in_use": 9, "ami": 0.1}));
        assert_eq!(line(&scores), "k-NN 0.250  NMI 0.500  9 classes in use");
    }

    #[test]
    fn what_a_figure_rests_on_is_said_where_it_is_not_all_images() {
        let metrics = object(json!({
            "knn_top1": 0.35, "accuracy_one_to_one": 0.2,
            "protocol": {
                "evaluated_images": 1000, "evaluated_on": "training images", "clusters": 40,
                "knn": {"queries": 100}, "baselines": {"kmeans_clusters": 10},
            },
        }));
        let line = "on 1,000 training images: k-NN 0.350 ± 0.092 (measured on 100 images)  ACC 0.200 (40 clusters, 10 classes)";
        assert_eq!(lines(&metrics), [line]);
    }

    #[test]
    fn baselines_stand_below_the_figures_that_must_beat_them() {
        let metrics = object(json!({
            "knn_top1": 0.9,
            "protocol": {"evaluated_images": 500, "evaluated_on": "held-out images"},
            "baselines": {"knn_pixels_top1": 0.3},
        }));
        assert_eq!(
            lines(&metrics),
            ["on 500 held-out images: k-NN 0.900", "without learning: k-NN on pixels 0.300"]
        );
    }
}
