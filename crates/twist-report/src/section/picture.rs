//! One image as the gallery and the neighbours show it.

use serde::Serialize;

use crate::classes::Classes;
use crate::pictures::{Book, Shown};
use crate::run::{Run, Samples};
use crate::text::percent;

/// An image with the words around it.
#[derive(Serialize)]
pub(crate) struct Picture {
    /// The stored thumbnail; `None` shows the words alone.
    shown: Option<Shown>,
    /// A few characters below it.
    caption: String,
    /// What it is called.
    name: String,
    /// Lines of the tooltip.
    tip: String,
    /// For those who do not see it.
    alt: String,
    /// Ringed: its label is not that of its surroundings.
    odd: bool,
}

/// Image number `row` of `samples`.
pub(crate) fn picture(
    run: &Run,
    samples: &Samples,
    classes: &Classes,
    book: &mut Book,
    (row, caption, odd): (usize, String, bool),
) -> Picture {
    let name = samples.title(row);
    let label = samples.label[row].map(|label| samples.class_name(label));
    let probability = |p: f32| percent(f64::from(p));
    let (cluster, confidence, second, second_confidence) = samples.verdict(row);
    let title = classes.title(cluster);
    let mut tip = vec![name.clone()];
    if let Some(label) = &label {
        tip.push(format!("label: {label}"));
    }
    tip.push(format!("{title}: {}", probability(confidence)));
    if second_confidence > 0.0 {
        tip.push(format!("then {}: {}", classes.title(second), probability(second_confidence)));
    }
    if samples.unsure[row] {
        tip.push("unsure: below the threshold, in no class".into());
    } else if let Some(meaning) = classes.find(cluster).and_then(|class| class.majority) {
        tip.push(format!("{title} is mostly {}", samples.class_name(meaning.0)));
    }
    let alt = match &label {
        Some(label) => format!("{name}, labelled {label}, in {title}"),
        None => format!("{name}, in {title}"),
    };
    let shown = run.thumbnails.get(&samples.index[row]).map(|thumbnail| book.show(thumbnail));
    Picture { shown, caption, name, tip: tip.join("\n"), alt, odd }
}
