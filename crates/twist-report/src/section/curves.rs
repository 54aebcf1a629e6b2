//! Training over time.

use std::collections::BTreeMap;

use serde::Serialize;
use twist_run::{EventKind, Figure, figure};

use crate::chart::{Chart, ChartInput, Line, Unit};
use crate::run::{Record, Run};

#[derive(Serialize)]
pub(crate) struct Curves {
    charts: Vec<Chart>,
    missing: Vec<&'static str>,
}

impl Curves {
    pub(super) fn has_any(&self) -> bool {
        !self.charts.is_empty()
    }
}

const SPEED: &str = "Source images per second; every image gives all views.";

pub(crate) fn curves(run: &Run) -> Curves {
    let charts: Vec<Chart> = [
        loss(run),
        terms(run),
        accuracy(run),
        scores(run),
        classes(run),
        rate(run),
        plain(run, figure::IMAGES_PER_SECOND, 2, "Speed", SPEED),
        plain(
            run,
            figure::GRAD_NORM,
            4,
            "Gradient norm",
            "Before clipping. Sudden jumps are a warning sign.",
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut missing = Vec::new();
    if run.log.steps.is_empty() {
        missing.push("No training step was logged, so the report has no curves of the loss.");
    }
    if run.log.evals.is_empty() {
        missing.push(
            "No evaluation was logged while training: it needs labelled data (`--labels`, `--eval-data`) and \
             `eval.every_epochs` in the recipe.",
        );
    }
    Curves { charts, missing }
}

/// `(epoch, value)` of every record that has the value.
pub(super) fn points(records: &BTreeMap<u64, Record>, figure: &Figure) -> Vec<(f64, f64)> {
    records.values().filter_map(|record| Some((record.epoch, record.figures.get(figure)?))).collect()
}

fn line(run: &Run, figure: &Figure, color: usize) -> Line {
    Line { name: figure.title.into(), color, points: points(&run.log.steps, figure) }
}

fn score(run: &Run, figure: &Figure, color: usize) -> Line {
    Line { name: figure.title.into(), color, points: points(&run.log.evals, figure) }
}

/// What all charts of a run share.
fn base(run: &Run, title: &str, note: &str) -> ChartInput {
    let resumed = run.log.events.iter().filter(|line| matches!(line.event.kind, EventKind::Resumed { .. }));
    let marks =
        resumed.filter_map(|line| Some(("resumed".to_owned(), run.log.epoch_at(line.event.step)?))).collect();
    ChartInput { title: title.into(), note: note.into(), x_name: "epoch".into(), marks, ..Default::default() }
}

/// ln K: what diversity and sharpness can reach.
fn log_outputs(run: &Run) -> Option<f64> {
    run.outputs().filter(|k| *k > 1).map(|k| (k as f64).ln())
}

/// Whether labels say the classes: then an epoch ends in the mean loss over its images.
fn from_labels(run: &Run) -> bool {
    !points(&run.log.evals, figure::TRAIN_LOSS).is_empty()
}

fn loss(run: &Run) -> Option<Chart> {
    if from_labels(run) {
        let note = "Cross entropy to the labels, in nats, on the random crops that are learned from.";
        let lines = vec![
            Line { name: "a batch".into(), ..line(run, figure::LOSS, 0) },
            Line { name: "mean of the epoch".into(), ..score(run, figure::TRAIN_LOSS, 1) },
        ];
        return Chart::new(ChartInput { lines, from_zero: true, ..base(run, "Loss", note) });
    }
    let note = "Consistency plus sharpness minus diversity, as weighted by the recipe; it ends near its bound. \
         During self-labelling, the cross entropy to the labels of the most confident images.";
    let lam2 = run.recipe.as_ref().map(|recipe| recipe.number("loss.lam2").unwrap_or(1.0));
    let bound = lam2.zip(log_outputs(run)).map(|(lam2, log_k)| ("lowest possible".to_owned(), -lam2 * log_k));
    Chart::new(ChartInput {
        lines: vec![line(run, figure::LOSS, 0)],
        bounds: bound.into_iter().collect(),
        ..base(run, "Loss", note)
    })
}

fn terms(run: &Run) -> Option<Chart> {
    let note = "Diversity should rise to ln K (all classes used equally); sharpness and consistency should \
                fall to 0 (confident images, agreeing views).";
    let lines =
        vec![line(run, figure::DIVERSITY, 2), line(run, figure::SHARPNESS, 1), line(run, figure::KL, 0)];
    let bounds = log_outputs(run).map(|log_k| ("ln K".to_owned(), log_k)).into_iter().collect();
    Chart::new(ChartInput { lines, bounds, from_zero: true, ..base(run, "The three terms", note) })
}

/// Where labels say the classes.
fn accuracy(run: &Run) -> Option<Chart> {
    let note = "On the random crops that are learned from, while they are learned from; and on the test images (`--test`).";
    let lines = vec![
        Line { name: "training".into(), ..score(run, figure::TRAIN_TOP1, 1) },
        Line { name: "test".into(), ..score(run, figure::TEST_TOP1, 0) },
    ];
    Chart::new(ChartInput { lines, unit: Unit::Fraction, from_zero: true, ..base(run, "Accuracy", note) })
}

fn scores(run: &Run) -> Option<Chart> {
    let note = "Measured on labelled data during training; the labels are used for nothing else.";
    let lines = vec![
        score(run, figure::KNN_TOP1, 0),
        score(run, figure::ACC, 1),
        score(run, figure::NMI, 2),
        score(run, figure::ARI, 3),
    ];
    Chart::new(ChartInput {
        lines,
        unit: Unit::Fraction,
        from_zero: true,
        ..base(run, "k-NN and clusters", note)
    })
}

fn classes(run: &Run) -> Option<Chart> {
    let note = "Classes with at least one image. Far fewer than requested means that classes died.";
    let lines = vec![
        Line { name: "in a batch".into(), ..line(run, figure::CLASSES_IN_USE, 0) },
        Line { name: "in the evaluation".into(), ..score(run, figure::CLASSES_IN_USE, 1) },
    ];
    let bounds = run.outputs().map(|k| ("K".to_owned(), k as f64)).into_iter().collect();
    Chart::new(ChartInput { lines, bounds, from_zero: true, ..base(run, "Classes in use", note) })
}

fn rate(run: &Run) -> Option<Chart> {
    let note = match from_labels(run) {
        true => "That of the classifier: a cosine, in steps of an epoch.",
        false => "Warm-up, then a cosine.",
    };
    plain(run, figure::LEARNING_RATE, 0, "Learning rate", note)
}

/// One line from 0.
fn plain(run: &Run, figure: &Figure, color: usize, title: &str, note: &str) -> Option<Chart> {
    let lines = vec![line(run, figure, color)];
    Chart::new(ChartInput { lines, from_zero: true, ..base(run, title, note) })
}
