//! The head of a run: what happened in words, whether its classes can be used, and a row of tiles.

use serde::Serialize;
use twist_run::figure;

use super::progress::{spent_minutes, unfinished};
use super::tiles::{Tile, tiles};
use crate::baselines::{KMeans, rival};
use crate::classes::Classes;
use crate::run::{Ending, Run};
use crate::text::{count, minutes, percent, plural};
use crate::verdict::{Grade, verdict_on};

#[derive(Serialize)]
pub(crate) struct Overview {
    /// What happened, in plain words.
    sentence: String,
    /// That the run did not end, and how to resume it; empty when it did.
    unfinished: String,
    /// Whether the classes can be used, and what to do next; `None` without classes to judge.
    verdict: Option<Judged>,
    /// `good`, `open` or `bad`.
    tone: &'static str,
    /// "finished", "stopped", "collapsed", "not finished".
    state: &'static str,
    tiles: Vec<Tile>,
}

/// The verdict as a page shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Judged {
    text: String,
    /// As that of the state.
    tone: &'static str,
}

impl Judged {
    /// The verdict on `run`; `None` without classes to judge.
    pub(crate) fn of(run: &Run) -> Option<Self> {
        verdict_on(run).map(|found| Self {
            text: found.to_string(),
            tone: match found.grade {
                Grade::Usable => "good",
                Grade::Doubtful => "open",
                Grade::NotYet => "bad",
            },
        })
    }
}

pub(crate) fn overview(run: &Run, classes: Option<&Classes>) -> Overview {
    let (tone, state) = match &run.log.ending {
        Ending::Finished(_) => ("good", "finished"),
        Ending::Stopped(_) => ("open", "stopped"),
        Ending::Collapsed { .. } => ("bad", "collapsed"),
        Ending::Open => ("open", "not finished"),
    };
    let limit = run.metrics().and_then(|metrics| metrics.calibration.as_ref()?.limit());
    let sentences = [sorted(run, classes), seen_by(run), judged(run, classes), limit, trained(run)];
    let sentence = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let unfinished = unfinished(run).unwrap_or_default();
    let verdict = Judged::of(run);
    Overview { sentence, unfinished, verdict, tone, state, tiles: tiles(run, classes) }
}

/// What was sorted into what.
fn sorted(run: &Run, classes: Option<&Classes>) -> Option<String> {
    let (samples, classes) = (run.samples.as_ref()?, classes?);
    let all = plural(samples.len(), "image", "images");
    let (images, unsure) = match classes.unsure.len() {
        0 => (all, String::new()),
        unsure => (
            format!("{} of {all}", count((samples.len() - unsure) as u64)),
            format!(
                " {} unsure (probability below {}) and in no class.",
                plural(unsure, "image is", "images are"),
                percent(run.naming.unsure_below())
            ),
        ),
    };
    let classes = plural(classes.classes.len(), "class", "classes");
    Some(match run.labels_learned_from() {
        Some(labels) => {
            let labels = plural(labels, "labelled image", "labelled images");
            format!("A classifier trained on {labels} sorted {images} into {classes}.{unsure}")
        }
        None => format!("Twist sorted {images} into {classes} that it discovered without labels.{unsure}"),
    })
}

/// Which network a head's features come from, and what that one learned from.
fn seen_by(run: &Run) -> Option<String> {
    let origin = run.features_come_from()?;
    Some(format!("It sees them through the features of a network that was not trained here: {origin}."))
}

/// How well that agrees with labels.
fn judged(run: &Run, classes: Option<&Classes>) -> Option<String> {
    let accuracy = run.figure(figure::ACC);
    match accuracy {
        Some(accuracy) => {
            let rival = run.metrics().and_then(|metrics| rival(metrics, run.outputs()));
            let beside = rival.map(|rival| beside(run, &rival)).unwrap_or_default();
            let counted = match classes.map(Classes::figures_count) {
                None | Some("") => String::new(),
                Some(counted) => format!(" (counted {counted})"),
            };
            Some(format!(
                "With each class matched to one label, {} of the images are in the right class{counted}{beside}.",
                percent(accuracy)
            ))
        }
        // The verdict says how well a classifier agrees with labels.
        None if run.labels_learned_from().is_some() => None,
        None if classes.is_some_and(|classes| classes.labels.is_empty()) => {
            Some("The images have no labels to compare with: judge the classes by their images.".into())
        }
        None => None,
    }
}

/// What k-means gets, and whether it was told as many clusters.
fn beside(run: &Run, rival: &KMeans) -> String {
    let (name, accuracy) = (&rival.name, percent(rival.accuracy));
    match rival.clusters {
        Some(clusters) if Some(clusters) == run.outputs() => {
            format!("; {name} with as many clusters gets {accuracy}")
        }
        Some(clusters) => format!("; {name} with {} clusters gets {accuracy}", count(clusters)),
        None => format!("; {name} gets {accuracy}"),
    }
}

/// What it took.
fn trained(run: &Run) -> Option<String> {
    let took = spent_minutes(run)?;
    let on = run.log.start.as_ref().map(|start| &start.device).filter(|device| !device.is_empty());
    let on = on.map(|device| format!(" on {}", if device == "cpu" { "the CPU" } else { device }));
    let on = on.unwrap_or_default();
    let so_far = if run.log.is_finished() { "" } else { " so far" };
    Some(format!("Training took {}{on}{so_far}.", minutes(took)))
}
