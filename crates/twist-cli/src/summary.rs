//! The figures of an evaluation in a few lines.

use serde_json::Value;
use twist_metrics::margin;
use twist_run::{Figure, Figures, Metrics, figure};

use crate::digits::{share, thousands};

/// What people ask for first.
const FIRST: [&Figure; 5] =
    [figure::KNN_TOP1, figure::ACC, figure::NMI, figure::ARI, figure::MEAN_CONFIDENCE];

/// One line: `k-NN 0.930  ACC 0.912 …`.
pub(crate) fn line(scores: &Figures) -> String {
    with_notes(scores, scores.get(figure::KNN_QUERIES).map(|asked| asked as u64), |_| None)
}

/// The same with a remark behind some figures; k-NN was `asked` about so many images.
fn with_notes(scores: &Figures, asked: Option<u64>, note: impl Fn(&Figure) -> Option<String>) -> String {
    let named = FIRST.iter().filter_map(|figure| {
        let value = scores.get(figure)?;
        let value = match asked.filter(|_| *figure == figure::KNN_TOP1) {
            Some(asked) => with_margin(value, asked),
            None => format!("{value:.3}"),
        };
        Some(format!("{} {value}{}", figure.title, note(figure).unwrap_or_default()))
    });
    let mut parts: Vec<String> = named.collect();
    if let Some(classes) = scores.get(figure::CLASSES_IN_USE) {
        let word = if classes == 1.0 { "class" } else { "classes" };
        parts.push(format!("{classes:.0} {word} in use"));
    }
    parts.join("  ")
}

/// The lines that end a run.
pub(crate) fn lines(metrics: &Metrics) -> Vec<String> {
    let images = metrics.count("/evaluated_images").unwrap_or(0);
    let on = metrics.protocol.get("evaluated_on").and_then(Value::as_str).unwrap_or("images");
    let asked = metrics.count("/knn/queries");
    // What the figures rest on, where that is not what the line says of them all.
    let note = |figure: &Figure| {
        if figure == figure::KNN_TOP1 {
            let on = asked.filter(|&asked| asked != images);
            let on = on.map(|asked| format!("measured on {} images", thousands(asked)));
            let fewer = metrics.count("/knn/k_asked").zip(metrics.count("/knn/k"));
            let fewer = fewer
                .map(|(asked, k)| format!("k = {asked} is the recipe's, but only {k} images vote: k = {k}"));
            let notes: Vec<String> = on.into_iter().chain(fewer).collect();
            return (!notes.is_empty()).then(|| format!(" ({})", notes.join("; ")));
        }
        let (clusters, classes) = (metrics.count("/clusters")?, metrics.count("/baselines/kmeans_clusters")?);
        (figure == figure::ACC && clusters != classes)
            .then(|| format!(" ({clusters} clusters, {classes} classes)"))
    };
    let mut lines =
        vec![format!("on {} {on}: {}", thousands(images), with_notes(&metrics.figures, asked, note))];
    // k-means is told the number of classes, or as many clusters as the network has.
    let (at_k, told): (Vec<_>, Vec<_>) =
        metrics.baselines.iter().partition(|(key, _)| Figure::of_key(key).is_some_and(Figure::is_at_k));
    for (heading, baselines) in
        [("without learning", told), ("without learning, with as many clusters as the network", at_k)]
    {
        let named = |(key, value): (&str, f64)| format!("{} {value:.3}", Figure::title_of(key));
        let parts: Vec<String> = baselines.into_iter().map(named).collect();
        if !parts.is_empty() {
            lines.push(format!("{heading}: {}", parts.join("  ")));
        }
    }
    lines
}

/// A part of `images` images with its ±, in 95 of 100 cases.
fn with_margin(value: f64, images: u64) -> String {
    format!("{} ± {}", share(value, images), share(margin(value, images), images))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metrics(value: Value) -> Metrics {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_line_names_what_was_measured() {
        let scores = metrics(json!({"nmi": 0.5, "knn_top1": 0.25, "classes_in_use": 9, "ami": 0.1}));
        assert_eq!(line(&scores.figures), "k-NN 0.250  NMI 0.500  9 classes in use");
    }

    #[test]
    fn what_a_figure_rests_on_is_said_where_it_is_not_all_images() {
        let metrics = metrics(json!({
            "knn_top1": 0.35, "accuracy_one_to_one": 0.2,
            "protocol": {
                "evaluated_images": 1000, "evaluated_on": "training images", "clusters": 40,
                "knn": {"queries": 100}, "baselines": {"kmeans_clusters": 10},
            },
        }));
        let line = "on 1,000 training images: k-NN 0.350 ± 0.092 (measured on 100 images)  ACC 0.200 (40 clusters, 10 classes)";
        assert_eq!(lines(&metrics), [line]);
        let mut few = metrics;
        few.protocol["knn"] = json!({"queries": 1000, "k": 96, "k_asked": 200});
        let line = &lines(&few)[0];
        assert!(line.contains("(k = 200 is the recipe's, but only 96 images vote: k = 96)  ACC"), "{line}");
    }

    #[test]
    fn baselines_stand_below_the_figures_that_must_beat_them() {
        let metrics = metrics(json!({
            "knn_top1": 0.9,
            "protocol": {"evaluated_images": 500, "evaluated_on": "held-out images"},
            "baselines": {"knn_pixels_top1": 0.3, "kmeans_pixels_accuracy_at_k": 0.2},
        }));
        assert_eq!(
            lines(&metrics),
            [
                "on 500 held-out images: k-NN 0.900",
                "without learning: k-NN on raw pixels 0.300",
                "without learning, with as many clusters as the network: k-means on raw pixels 0.200",
            ]
        );
    }
}
