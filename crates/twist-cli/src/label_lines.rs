//! What a person reads of training from labels: a line for an epoch, and the results.

use twist_metrics::margin;
use twist_run::figure::Tested;
use twist_run::{Calibration, Figure, Figures, Metrics, figure};

use crate::digits::{share, thousands};

/// `epoch 3/20: loss 0.512, accuracy 0.823 in training, 0.791 on test images`.
pub(crate) fn epoch_line(figures: &Figures, epochs: u64) -> String {
    let number = |figure: &Figure| figures.get(figure).unwrap_or(f64::NAN);
    let test =
        figures.get(figure::TEST_TOP1).map_or_else(String::new, |top1| format!(", {top1:.3} on test images"));
    let (loss, training) = (number(figure::TRAIN_LOSS), number(figure::TRAIN_TOP1));
    format!(
        "epoch {:.0}/{epochs}: loss {loss:.3}, accuracy {training:.3} in training{test}",
        number(figure::EPOCHS)
    )
}

/// A result for people: the last epoch first, and the best one as what it is.
pub(crate) fn result_lines(of: &Tested, metrics: &Metrics) -> Vec<String> {
    let number = |figure: &Figure| metrics.figures.get(figure);
    let Some(top1) = number(of.top1) else {
        return vec!["not tested: name test images with --test".into()];
    };
    let images = metrics.count("/test_images").unwrap_or(0);
    let part = |value: f64| share(value, images);
    let spread = |figure: &Figure| {
        metrics.figures.deviation(figure).map_or_else(String::new, |std| format!(" ± {}", part(std)))
    };
    let top5 =
        number(of.top5).map_or_else(String::new, |top5| format!(", top-5 {}{}", part(top5), spread(of.top5)));
    let mut lines = vec![format!(
        "top-1 {}{}{top5} on {} images (last epoch)",
        part(top1),
        spread(of.top1),
        thousands(images)
    )];
    if let Some(best) = number(of.best_epoch) {
        let std = spread(of.best_epoch);
        lines.push(format!("best epoch {}{std} (do not report: chosen with the test set)", part(best)));
    }
    lines
}

/// What the probabilities of a fine-tuned classifier rest on; nothing where labels are many.
pub(crate) fn calibration_lines(metrics: &Metrics) -> Vec<String> {
    let Some(found) = &metrics.calibration else {
        let said = "one label a class: nothing says how far the probabilities can be believed; two a class are needed";
        return match metrics.count("/labels/images_per_class/1") {
            Some(1) => vec![said.to_string()],
            _ => Vec::new(),
        };
    };
    let &Calibration { cross_validated_top1: top1, temperature, mean_probability, .. } = found;
    let labels = found.labels as u64;
    let images = match found.labelled_among_them {
        true => "images, the labelled ones among them",
        false => "images without a label",
    };
    let mut lines = vec![
        format!(
            "cross-validated accuracy {} ± {} on {} labels ({} parts; a linear classifier on the features before fine-tuning)",
            share(top1, labels),
            share(margin(top1, labels), labels),
            thousands(labels),
            found.folds
        ),
        format!(
            "probabilities are scaled by T = {temperature:.2}: mean {mean_probability:.2}, before {:.2}, on {} {images}",
            found.mean_probability_before,
            thousands(found.images as u64)
        ),
    ];
    lines.extend(found.limit());
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_probabilities_rest_on_is_told() {
        let object = |value| -> Metrics { serde_json::from_value(value).unwrap() };
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
        let limits = |top1: f64, temperature: f64, mean: f64| {
            let mut limited = metrics.clone();
            let found = limited.calibration.as_mut().unwrap();
            (found.cross_validated_top1, found.temperature, found.mean_probability) =
                (top1, temperature, mean);
            calibration_lines(&limited).split_off(2)
        };
        assert_eq!(
            limits(0.77, 1.0, 0.15),
            [
                "The probabilities are too low: their mean is 0.15, the cross-validated accuracy is 0.77, and T = 1.00 is the limit of the scaling."
            ]
        );
        assert!(limits(0.41, 100.0, 0.5)[0].contains("too high"));
        let one = object(json!({ "protocol": { "labels": { "images_per_class": [1, 1] } } }));
        assert!(calibration_lines(&one)[0].starts_with("one label a class"));
        let many = object(json!({ "protocol": { "labels": { "images_per_class": [500, 500] } } }));
        assert!(calibration_lines(&many).is_empty());
    }

    #[test]
    fn the_best_epoch_is_called_what_it_is() {
        let metrics: Metrics = serde_json::from_value(json!({
            "finetune_top1": 0.5, "finetune_top1_std": 0.01, "finetune_top5": 0.75, "finetune_top1_best_epoch": 0.625,
            "protocol": { "test_images": 1000 },
        }))
        .unwrap();
        assert_eq!(
            result_lines(figure::FINETUNE, &metrics),
            [
                "top-1 0.500 ± 0.010, top-5 0.750 on 1,000 images (last epoch)",
                "best epoch 0.625 (do not report: chosen with the test set)",
            ]
        );
        assert_eq!(result_lines(figure::LINEAR, &metrics), ["not tested: name test images with --test"]);
    }
}
