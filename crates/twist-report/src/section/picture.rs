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
    let name = match samples.path[row].as_str() {
        "" => format!("image {}", samples.index[row]),
        path => path.to_owned(),
    };
    let label = samples.label[row].map(|label| samples.class_name(label));
    let probability = |p: f32| percent(f64::from(p));
    let mut tip = vec![name.clone()];
    if let Some(label) = &label {
        tip.push(format!("label: {label}"));
    }
    tip.push(format!("class {}: {}", samples.cluster[row], probability(samples.confidence[row])));
    if samples.second_confidence[row] > 0.0 {
        tip.push(format!(
            "then class {}: {}",
            samples.second_cluster[row],
            probability(samples.second_confidence[row])
        ));
    }
    if let Some(meaning) = classes.find(samples.cluster[row]).and_then(|class| class.majority) {
        tip.push(format!("class {} is mostly {}", samples.cluster[row], samples.class_name(meaning.0)));
    }
    let alt = match &label {
        Some(label) => format!("{name}, labelled {label}, in class {}", samples.cluster[row]),
        None => format!("{name}, in class {}", samples.cluster[row]),
    };
    let shown = run.thumbnails.get(&samples.index[row]).map(|thumbnail| book.show(thumbnail));
    Picture { shown, caption, tip: tip.join("\n"), alt, odd }
}
