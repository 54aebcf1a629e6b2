//! The sections of the page: what each shows, as plain data for its template.
//!
//! A section that cannot be made from what the run holds is `None` or carries a sentence; the template says so.

mod overview;

mod tiles;

mod progress;

mod measured_on;

mod picture;

mod gallery;

mod finds;

mod label_next;

mod confusion;

mod neighbours;

mod atlas;

mod curves;

mod events;

mod evidence;

mod evaluations;

mod setup;

mod compare;

mod comparable;

use serde::Serialize;

use crate::pictures::{Book, compact};
use crate::run::Run;
use crate::study::Study;

pub(crate) use self::compare::compare;

/// A contact sheet above this many bytes is stored as JPEG when that is smaller.
const PLENTY: usize = 200_000;

/// All sections of one run.
#[derive(Serialize)]
pub(crate) struct RunView {
    name: String,
    overview: overview::Overview,
    gallery: Option<gallery::Gallery>,
    confusion: Option<confusion::Confusion>,
    neighbours: Option<neighbours::Neighbours>,
    atlas: Option<atlas::Atlas>,
    finds: Option<finds::Finds>,
    label_next: Option<label_next::LabelNext>,
    curves: curves::Curves,
    augmentation: Option<String>,
    events: events::Events,
    evidence: Option<evidence::Evidence>,
    evaluations: Option<evaluations::Evaluations>,
    setup: setup::Setup,
    notes: Vec<String>,
    /// Whether images were evaluated, and whether any of them has a label.
    has_samples: bool,
    has_labels: bool,
}

impl RunView {
    /// Makes the sections of `run`; the pictures they show go into `book`.
    pub(crate) fn new(run: &Run, study: &Study, book: &mut Book) -> Self {
        let classes = study.classes.as_ref();
        let found = run.samples.as_ref().zip(classes);
        Self {
            name: run.name.clone(),
            overview: overview::overview(run, classes),
            gallery: found.map(|(samples, classes)| gallery::gallery(run, samples, classes, book)),
            confusion: found.and_then(|(samples, classes)| confusion::confusion(samples, classes)),
            neighbours: found
                .and_then(|(samples, classes)| neighbours::neighbours(run, samples, classes, book)),
            atlas: found.and_then(|(samples, classes)| atlas::atlas(run, samples, classes)),
            finds: found
                .zip(study.finds.as_ref())
                .and_then(|((samples, classes), finds)| finds::view(run, samples, classes, finds, book)),
            label_next: found.map(|(samples, classes)| label_next::view(run, samples, classes, book)),
            curves: curves::curves(run),
            augmentation: run.augmentation.as_ref().map(|bytes| compact("image/png", bytes, PLENTY)),
            events: events::events(&run.log),
            evidence: evidence::evidence(run, classes),
            evaluations: evaluations::evaluations(run),
            setup: setup::setup(run),
            notes: run.notes.clone(),
            has_samples: run.samples.is_some(),
            has_labels: run.samples.as_ref().is_some_and(|samples| samples.has_labels()),
        }
    }
}
