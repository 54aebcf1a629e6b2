//! On how many images a figure was measured: an accuracy of four images has no three digits.

use serde_json::Value;
use twist_run::Figure;
use twist_run::figure::JudgedOn;

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
    let images = number(run.protocol()?, key)?;
    let labelled = run.samples.as_ref().map(|samples| samples.label.iter().flatten().count());
    let of_classes = Figure::of_key(key).is_some_and(|figure| figure.judged_on == JudgedOn::Labelled);
    let judged = labelled.filter(|labelled| *labelled > 0 && of_classes);
    Some(judged.map_or(images, |labelled| labelled.min(images)))
}

fn images(number: usize) -> String {
    plural(number, "image", "images")
}

/// On how many images `protocol` says that the figure `key` was measured.
pub(super) fn number(protocol: &Value, key: &str) -> Option<usize> {
    Figure::of_key(key)?.judged_on.images(protocol)
}
