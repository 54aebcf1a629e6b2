//! The verdict on a classifier that learned from labels: whether it is better than a guess, as far as it was tested.

use twist_metrics::margin;
use twist_run::{Calibration, Metrics, figure};

use super::{FEW_UPDATES, Findings, Grade, Subject, Verdict};
use crate::text::{count, percent, plural, share};

/// An accuracy, and what it was measured on.
struct Tested {
    accuracy: f64,
    images: u64,
    /// In words.
    reason: String,
    /// What to do where nothing speaks against it.
    next: &'static str,
}

/// The number of labels that a classifier learned from; `None` for classes that training discovered.
pub(super) fn labels(metrics: &Metrics) -> Option<u64> {
    metrics.count("/labels/images")
}

/// Judges by the test images, else by the labels that were held out in turn.
pub(super) fn judge(metrics: &Metrics, mut found: Findings) -> Verdict {
    let alone = metrics.baselines.get(figure::MOST_FREQUENT_TOP1);
    let alone = alone.map(|alone| (alone, format!("the most frequent class alone is {}", percent(alone))));
    let guess = alone.or_else(|| {
        let classes = metrics.count("/labels/classes").filter(|classes| *classes > 0)?;
        let chance = 1.0 / classes as f64;
        Some((chance, format!("{} is a guess", percent(chance))))
    });
    let tested = on_test_images(metrics).or_else(|| cross_validated(metrics));
    match (&tested, &guess) {
        (None, _) => found.add(
            Grade::Doubtful,
            "nothing says how often it is right".into(),
            "test it on labelled images that it did not learn from (`twist eval classifier RUN --test DATA`)",
        ),
        (Some(Tested { accuracy, images, reason, .. }), Some((guess, words)))
            if accuracy - margin(*accuracy, *images) <= *guess =>
        {
            found.add(
                Grade::NotYet,
                format!("{reason}, where {words}"),
                "label more images, or begin with a network pretrained on similar images",
            );
        }
        _ => {}
    }
    if let Some(updates @ ..FEW_UPDATES) = metrics.count("/updates") {
        found.add(
            Grade::Doubtful,
            format!(
                "training made only {}, and about {FEW_UPDATES} are needed",
                plural(updates as usize, "update", "updates")
            ),
            "train it again for longer (`--epochs`)",
        );
    }
    let (reason, next) = tested.map(|tested| (tested.reason, tested.next)).unwrap_or_default();
    found.verdict(Subject::Classifier).unwrap_or_else(|| Verdict {
        subject: Subject::Classifier,
        grade: Grade::Usable,
        reasons: vec![reason],
        next: next.into(),
    })
}

fn on_test_images(metrics: &Metrics) -> Option<Tested> {
    let accuracy = metrics.figures.get(figure::FINETUNE_TOP1)?;
    let images = metrics.count("/test_images")?;
    let reason = format!("top-1 {} on {} test images", share(accuracy, Some(images as usize)), count(images));
    let next = "Look at the images that it is least sure of before you rely on it";
    Some(Tested { accuracy, images, reason, next })
}

fn cross_validated(metrics: &Metrics) -> Option<Tested> {
    let Calibration { cross_validated_top1: accuracy, labels, .. } = *metrics.calibration.as_ref()?;
    let accuracy_text = share(accuracy, Some(labels));
    let reason = format!("cross-validated accuracy {accuracy_text} on {} labels", count(labels as u64));
    let next = "Test it on labelled images that it did not learn from (`--test`)";
    Some(Tested { accuracy, images: labels as u64, reason, next })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Grade, Training, verdict};

    #[test]
    fn a_classifier_is_judged_by_what_it_was_tested_on() {
        let labels = json!({"images": 20, "classes": 10});
        let calibration = |top1: f64| {
            json!({
                "cross_validated_top1": top1, "labels": 20, "folds": 2, "temperature": 1.0, "mean_probability_before": 0.9,
                "mean_probability": 0.5, "images": 100, "labelled_among_them": false,
            })
        };
        let cases = [
            (
                json!({"protocol": {"labels": labels}}),
                Grade::Doubtful,
                "nothing says how often it is right",
                "--test DATA",
            ),
            (
                json!({"calibration": calibration(0.11), "protocol": {"labels": labels}}),
                Grade::NotYet,
                "cross-validated accuracy 11\u{202f}±\u{202f}14\u{202f}% on 20 labels, where 10.0\u{202f}% is a guess",
                "label more images",
            ),
            (
                json!({"calibration": calibration(0.8), "protocol": {"labels": labels}}),
                Grade::Usable,
                "No figure speaks against this classifier: cross-validated accuracy 80",
                "`--test`",
            ),
            (
                json!({"finetune_top1": 0.5, "protocol": {"labels": labels, "test_images": 1000}}),
                Grade::Usable,
                "top-1 50\u{202f}±\u{202f}3\u{202f}% on 1,000 test images",
                "least sure",
            ),
            (
                json!({"finetune_top1": 0.7, "protocol": {"labels": labels, "test_images": 200, "updates": 1}}),
                Grade::Doubtful,
                "training made only 1 update, and about 200 are needed",
                "--epochs",
            ),
            (
                json!({"finetune_top1": 0.7, "protocol": {"labels": labels, "test_images": 200, "updates": 500}}),
                Grade::Usable,
                "No figure speaks",
                "least sure",
            ),
            (
                json!({"finetune_top1": 0.1, "protocol": {"labels": labels, "test_images": 1000}}),
                Grade::NotYet,
                "This classifier is not usable yet: top-1 10",
                "pretrained",
            ),
        ];
        for (metrics, grade, words, next) in cases {
            let Value::Object(fields) = metrics else { unreachable!() };
            let found = verdict(&fields.into(), Training::Finished).unwrap();
            let text = found.to_string();
            assert_eq!(found.grade, grade, "{text}");
            assert!(text.contains(words) && found.next.contains(next), "{text}");
        }
    }
}
