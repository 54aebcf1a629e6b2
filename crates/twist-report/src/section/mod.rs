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

pub(crate) use self::atlas::scope;
pub(crate) use self::compare::compare;
pub(crate) use self::gallery::MOST_NAMES;
pub(crate) use self::overview::Judged;
use self::picture::Album;

/// A contact sheet above this many bytes is stored as JPEG when that is smaller.
const PLENTY: usize = 200_000;

#[derive(Serialize)]
pub(crate) struct RunView {
    name: String,
    /// Sections that have something to show: the end of the id and the word in the navigation.
    links: Vec<(&'static str, &'static str)>,
    overview: overview::Overview,
    gallery: Option<gallery::Gallery>,
    confusion: Option<confusion::Confusion>,
    neighbours: Option<neighbours::Neighbours>,
    atlas: Option<atlas::Atlas>,
    finds: Option<finds::Finds>,
    label_next: Option<label_next::LabelNext>,
    curves: curves::Curves,
    augmentation: Option<String>,
    /// Whether the run is one that stores a contact sheet of its views: heads and classifiers do not.
    has_views: bool,
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
        let mut album = found.map(move |(samples, classes)| Album { run, samples, classes, book });
        let mut view = Self {
            links: Vec::new(),
            name: run.name.clone(),
            overview: overview::overview(run, classes),
            gallery: album.as_mut().map(gallery::gallery),
            confusion: found.and_then(|(samples, classes)| confusion::confusion(samples, classes)),
            neighbours: album.as_mut().and_then(neighbours::neighbours),
            atlas: found
                .zip(study.map.as_ref())
                .map(|((samples, classes), map)| atlas::atlas(run, samples, classes, map)),
            finds: album
                .as_mut()
                .zip(study.finds.as_ref())
                .and_then(|(album, finds)| finds::view(album, finds)),
            label_next: album.as_mut().map(label_next::view),
            curves: curves::curves(run),
            augmentation: run.augmentation.as_ref().map(|bytes| compact("image/png", bytes, PLENTY)),
            has_views: run.plan.is_empty() || run.plan.iter().any(|(key, _)| key.starts_with("views.")),
            events: events::events(&run.log),
            evidence: evidence::evidence(run, classes),
            evaluations: evaluations::evaluations(run),
            setup: setup::setup(run),
            notes: run.notes.all(),
            has_samples: run.samples.is_some(),
            has_labels: run.samples.as_ref().is_some_and(|samples| samples.has_labels()),
        };
        view.links = view.links();
        view
    }

    fn links(&self) -> Vec<(&'static str, &'static str)> {
        let sections = [
            ("classes", "Classes", self.gallery.is_some()),
            ("confusion", "Confusion", self.confusion.is_some()),
            ("neighbours", "Neighbours", self.neighbours.is_some()),
            ("finds", "Copies", self.finds.is_some()),
            ("label", "Label next", self.label_next.is_some()),
            ("map", "Map", self.atlas.is_some()),
            ("training", "Training", self.curves.has_any()),
            ("views", "Views", self.augmentation.is_some()),
            ("figures", "Figures", self.evidence.is_some()),
            ("evaluations", "Evaluations", self.evaluations.is_some()),
            ("events", "Events", self.events.has_any()),
            ("setup", "Recipe", true),
        ];
        sections.into_iter().filter(|(.., shown)| *shown).map(|(id, word, _)| (id, word)).collect()
    }
}
