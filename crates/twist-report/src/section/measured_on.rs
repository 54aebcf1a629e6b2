//! On how many images a figure was measured: an accuracy of four images has no three digits.

use serde_json::Value;

use crate::run::Run;
use crate::text::plural;

/// "4 images", where `protocol` says so of the figure `key`.
pub(super) fn images_by(protocol: &Value, key: &str) -> Option<String> {
    number(protocol, key).map(images)
}

/// The same of a figure of `metrics.json`.
pub(super) fn images_of(run: &Run, key: &str) -> Option<String> {
    number_of(run, key).map(images)
}

/// The number itself: of the classes only images with a label are judged.
pub(super) fn number_of(run: &Run, key: &str) -> Option<usize> {
    let images = number(run.figures.as_ref()?.raw("protocol")?, key)?;
    let labelled = run.samples.as_ref().map(|samples| samples.label.iter().flatten().count());
    let judged = labelled.filter(|labelled| *labelled > 0 && OF_CLASSES.contains(&key));
    Some(judged.map_or(images, |labelled| labelled.min(images)))
}

fn images(number: usize) -> String {
    plural(number, "image", "images")
}

/// Figures of classes against labels.
const OF_CLASSES: [&str; 10] = [
    "top1",
    "top5",
    "accuracy_one_to_one",
    "accuracy_many_to_one",
    "nmi",
    "ami",
    "ari",
    "fowlkes_mallows",
    "homogeneity",
    "completeness",
];

/// On how many images `protocol` says that the figure `key` was measured.
pub(super) fn number(protocol: &Value, key: &str) -> Option<usize> {
    let places: &[&str] = match key {
        "knn_top1" => &["/knn/queries", "/queries"],
        _ if key.starts_with("knn_") => &["/baselines/queries"],
        _ if key.starts_with("kmeans_") => &["/baselines/kmeans_images"],
        _ if key.starts_with("linear_") || key.starts_with("finetune_") => &["/test_images"],
        _ if OF_CLASSES.contains(&key) => &["/images", "/evaluated_images"],
        _ => &[],
    };
    places.iter().find_map(|place| protocol.pointer(place)?.as_u64()).map(|images| images as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_figure_has_its_place_in_the_protocol() {
        let protocol = json!({"evaluated_images": 40, "knn": {"bank": 36, "queries": 4}, "test_images": 1});
        let of = |key| images_by(&protocol, key);
        assert_eq!(of("knn_top1").as_deref(), Some("4 images"));
        assert_eq!(of("nmi").as_deref(), Some("40 images"));
        assert_eq!(of("linear_top1").as_deref(), Some("1 image"));
        assert_eq!([of("minutes"), of("train_top1"), images_by(&Value::Null, "nmi")], [None, None, None]);
    }
}
