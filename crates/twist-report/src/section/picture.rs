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
    name: String,
    tip: String,
    /// For those who do not see it.
    alt: String,
    /// Ringed: its label is not that of its surroundings.
    odd: bool,
}

/// What pictures are made from; each that is shown goes into the book.
pub(crate) struct Album<'a> {
    pub(crate) run: &'a Run,
    pub(crate) samples: &'a Samples,
    pub(crate) classes: &'a Classes,
    pub(crate) book: &'a mut Book,
}

impl Album<'_> {
    /// Whether there is a thumbnail of image number `row`.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.run.thumbnails.contains_key(&self.samples.index[row])
    }

    /// What image number `row` is of: its label, or else its class.
    pub(crate) fn subject(&self, row: usize) -> String {
        match self.samples.label[row] {
            Some(label) => self.samples.class_name(label),
            None => self.classes.title(self.samples.merged.cluster[row]),
        }
    }

    pub(crate) fn picture(&mut self, row: usize, caption: String, odd: bool) -> Picture {
        let name = self.samples.title(row);
        let label = self.samples.label[row].map(|label| self.samples.class_name(label));
        let probability = |p: f32| percent(f64::from(p));
        let (cluster, confidence, second, second_confidence) = self.samples.verdict(row);
        let title = self.classes.title(cluster);
        let mut tip = vec![name.clone()];
        if let Some(label) = &label {
            tip.push(format!("label: {label}"));
        }
        tip.push(format!("{title}: {}", probability(confidence)));
        if second_confidence > 0.0 {
            tip.push(format!("then {}: {}", self.classes.title(second), probability(second_confidence)));
        }
        if self.samples.unsure[row] {
            tip.push("unsure: below the threshold, in no class".into());
        } else if let Some(meaning) = self.classes.find(cluster).and_then(|class| class.majority) {
            tip.push(format!("{title} is mostly {}", self.samples.class_name(meaning.0)));
        }
        let alt = match &label {
            Some(label) => format!("{name}, labelled {label}, in {title}"),
            None => format!("{name}, in {title}"),
        };
        let shown =
            self.run.thumbnails.get(&self.samples.index[row]).map(|thumbnail| self.book.show(thumbnail));
        Picture { shown, caption, name, tip: tip.join("\n"), alt, odd }
    }
}
