//! What a person reads of training from labels: a line for an epoch, and the results.

use serde_json::{Map, Value};
use twist_metrics::margin;

use crate::digits::{share, thousands};

/// `epoch 3: loss 0.512, training 0.823, test 0.791`.
pub(crate) fn epoch_line(figures: &Map<String, Value>) -> String {
    let number = |key: &str| figures.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let test = match figures.contains_key("test_top1") {
        true => format!(", test {:.3}", number("test_top1")),
        false => String::new(),
    };
    let (loss, training) = (number("train_loss"), number("train_top1"));
    format!("epoch {:.0}: loss {loss:.3}, training {training:.3}{test}", number("epochs"))
}

/// The result of `name` (`finetune`, `linear`) for people: the last epoch first, and the best one as what it is.
pub(crate) fn result_lines(name: &str, metrics: &Map<String, Value>) -> Vec<String> {
    let number = |key: &str| metrics.get(&format!("{name}_{key}")).and_then(Value::as_f64);
    let Some(top1) = number("top1") else {
        return vec!["not tested: name test images with --test".into()];
    };
    let images = metrics["protocol"]["test_images"].as_u64().unwrap_or(0);
    let part = |value: f64| share(value, images);
    let spread = |key: &str| number(key).map_or_else(String::new, |std| format!(" ± {}", part(std)));
    let top5 = number("top5")
        .map_or_else(String::new, |top5| format!(", top-5 {}{}", part(top5), spread("top5_std")));
    let mut lines = vec![format!(
        "top-1 {}{}{top5} on {} images (last epoch)",
        part(top1),
        spread("top1_std"),
        thousands(images)
    )];
    if let Some(best) = number("top1_best_epoch") {
        let std = spread("top1_best_epoch_std");
        lines.push(format!("best epoch {}{std} (do not report: chosen with the test set)", part(best)));
    }
    lines
}

/// What the probabilities of a fine-tuned classifier rest on; nothing where labels are many.
pub(crate) fn calibration_lines(metrics: &Map<String, Value>) -> Vec<String> {
    let Some(found) = metrics.get("calibration") else {
        let most = metrics["protocol"]["labels"]["images_per_class"][1].as_u64();
        let said = "one label a class: nothing says how far the probabilities can be believed; two a class are needed";
        return if most == Some(1) { vec![said.to_string()] } else { Vec::new() };
    };
    let number = |key: &str| found[key].as_f64().unwrap_or(f64::NAN);
    let count = |key: &str| found[key].as_u64().unwrap_or(0);
    let (top1, labels) = (number("cross_validated_top1"), count("labels"));
    let images = match found["labelled_among_them"].as_bool() {
        Some(true) => "images, the labelled ones among them",
        _ => "images without a label",
    };
    vec![
        format!(
            "cross-validated accuracy {} ± {} on {} labels ({} parts; a linear classifier on the features before fine-tuning)",
            share(top1, labels),
            share(margin(top1, labels), labels),
            thousands(labels),
            count("folds")
        ),
        format!(
            "probabilities are scaled by T = {:.2}: mean {:.2}, before {:.2}, on {} {images}",
            number("temperature"),
            number("mean_probability"),
            number("mean_probability_before"),
            thousands(count("images"))
        ),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_probabilities_rest_on_is_told() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let metrics = object(json!({
            "calibration": {
                "cross_validated_top1": 0.16, "labels": 20, "folds": 2, "temperature": 7.128, "mean_probability": 0.16,
                "mean_probability_before": 0.815, "images": 1580, "labelled_among_them": false,
            },
        }));
        assert_eq!(
            calibration_lines(&metrics),
            [
                "cross-validated accuracy 0.16 ± 0.16 on 20 labels (2 parts; a linear classifier on the features before fine-tuning)",
                "probabilities are scaled by T = 7.13: mean 0.16, before 0.81, on 1,580 images without a label",
            ]
        );
        let one = object(json!({ "protocol": { "labels": { "images_per_class": [1, 1] } } }));
        assert!(calibration_lines(&one)[0].starts_with("one label a class"));
        let many = object(json!({ "protocol": { "labels": { "images_per_class": [500, 500] } } }));
        assert!(calibration_lines(&many).is_empty());
    }

    #[test]
    fn the_best_epoch_is_called_what_it_is() {
        let metrics = json!({
            "finetune_top1": 0.5, "finetune_top1_std": 0.01, "finetune_top5": 0.75, "finetune_top1_best_epoch": 0.625,
            "protocol": { "test_images": 1000 },
        });
        let Value::Object(metrics) = metrics else { unreachable!() };
        assert_eq!(
            result_lines("finetune", &metrics),
            [
                "top-1 0.500 ± 0.010, top-5 0.750 on 1,000 images (last epoch)",
                "best epoch 0.625 (do not report: chosen with the test set)",
            ]
        );
        assert_eq!(result_lines("linear", &metrics), ["not tested: name test images with --test"]);
    }
}
