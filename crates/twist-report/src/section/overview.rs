//! The verdict: one sentence and a row of tiles.

use serde::Serialize;

use crate::classes::Classes;
use crate::run::{Ending, Figures, Origin, Run};
use crate::text::{count, minutes, number, percent, plural};

/// The head of a run.
#[derive(Serialize)]
pub(crate) struct Overview {
    /// What happened, in plain words.
    sentence: String,
    /// `good`, `open` or `bad`.
    tone: &'static str,
    /// "finished", "stopped", "collapsed", "not finished".
    state: &'static str,
    tiles: Vec<Tile>,
}

#[derive(Serialize)]
struct Tile {
    name: &'static str,
    value: String,
    /// What the figure means, or what it is beside.
    note: String,
    /// Full name, for those who do not know the short one.
    title: &'static str,
    /// A line over training, as an SVG path in a box of 100 × 28; empty when there is none.
    spark: String,
}

/// The head of `run`.
pub(crate) fn overview(run: &Run, classes: Option<&Classes>) -> Overview {
    let (tone, state) = match &run.log.ending {
        Ending::Finished(_) => ("good", "finished"),
        Ending::Stopped(_) => ("open", "stopped"),
        Ending::Collapsed { .. } => ("bad", "collapsed"),
        Ending::Open => ("open", "not finished"),
    };
    let sentences = [sorted(run, classes), judged(run, classes), trained(run), ended(run)];
    let sentence = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Overview { sentence, tone, state, tiles: tiles(run) }
}

/// What was sorted into what.
fn sorted(run: &Run, classes: Option<&Classes>) -> Option<String> {
    let (samples, classes) = (run.samples.as_ref()?, classes?);
    let images = plural(samples.len(), "image", "images");
    let classes = plural(classes.classes.len(), "class", "classes");
    Some(match run.labels_learned_from() {
        Some(labels) => {
            let labels = plural(labels, "labelled image", "labelled images");
            format!("A classifier that learned from {labels} sorted {images} into {classes}.")
        }
        None => format!(
            "Twist sorted {images} into {classes} of its own making, without being told a single label."
        ),
    })
}

/// How well that agrees with labels.
fn judged(run: &Run, classes: Option<&Classes>) -> Option<String> {
    let accuracy = run.figures.as_ref().and_then(|figures| figures.number("accuracy_one_to_one"));
    match accuracy {
        Some(accuracy) => {
            let chance = run.figures.as_ref().and_then(|figures| figures.baseline("kmeans_pixels_accuracy"));
            let beside =
                chance.map(|c| format!("; k-means on pixels gets {}", percent(c))).unwrap_or_default();
            Some(format!(
                "Matched one to one with the labels that people gave, {} of the images are in the right class{beside}.",
                percent(accuracy)
            ))
        }
        None if classes.is_some_and(|classes| classes.labels.is_empty()) => {
            Some("There are no labels to compare with, so judge by the gallery.".into())
        }
        None => None,
    }
}

/// What it took.
fn trained(run: &Run) -> Option<String> {
    let took = spent_minutes(run)?;
    let on = run.log.start.as_ref().map(|start| start.text("device")).filter(|device| !device.is_empty());
    let on = on.map(|device| format!(" on {device}")).unwrap_or_default();
    Some(format!("Training took {}{on}.", minutes(took)))
}

/// What a reader of an unfinished run must know.
fn ended(run: &Run) -> Option<String> {
    let last = run.log.steps.iter().next_back();
    let reached =
        last.map(|(step, record)| format!("step {} (epoch {})", count(*step), number(record.epoch)));
    match &run.log.ending {
        Ending::Finished(_) => None,
        Ending::Stopped(reason) => Some(format!(
            "The run was stopped{}{}; `--resume` continues it.",
            reached.map(|at| format!(" at {at}")).unwrap_or_default(),
            if reason.is_empty() { String::new() } else { format!(" ({reason})") },
        )),
        Ending::Collapsed { kind, advice } => Some(format!("The run ended in a collapse ({kind}): {advice}")),
        Ending::Open => Some(match reached {
            Some(at) => format!("The run has not finished: the log reaches {at}."),
            None => "The run has not logged a step yet.".into(),
        }),
    }
}

/// Minutes of training: the final figure, or the log's.
fn spent_minutes(run: &Run) -> Option<f64> {
    let logged = match run.log.ending {
        Ending::Finished(seconds) => seconds.map(|s| s / 60.0),
        _ => None,
    };
    run.figures.as_ref().and_then(|figures| figures.number("minutes")).or(logged)
}

fn tiles(run: &Run) -> Vec<Tile> {
    let figure = |key: &str| run.figures.as_ref().and_then(|figures| figures.number(key));
    let scores = [
        (
            "knn_top1",
            "k-NN",
            "accuracy of a weighted vote of the nearest training images",
            Some("knn_pixels_top1"),
        ),
        (
            "accuracy_one_to_one",
            "ACC",
            "accuracy of the discovered classes, each matched with one label",
            Some("kmeans_pixels_accuracy"),
        ),
        ("finetune_top1", "accuracy", "accuracy on the test images after learning from labels", None),
        ("nmi", "NMI", "normalised mutual information of classes and labels", None),
        ("ari", "ARI", "adjusted Rand index of classes and labels; 0 is chance", None),
    ];
    let mut tiles: Vec<Tile> = scores
        .into_iter()
        .filter_map(|(key, name, title, baseline)| {
            let beside = run.figures.as_ref().zip(baseline).and_then(|(figures, key)| figures.baseline(key));
            Some(Tile {
                name,
                title,
                value: percent(figure(key)?),
                note: beside.map_or_else(
                    || online(run.figures.as_ref()),
                    |value| format!("raw pixels: {}", percent(value)),
                ),
                spark: spark(run.log.evals.values().filter_map(|record| record.values.get(key).copied())),
            })
        })
        .collect();
    let in_batches =
        || run.log.steps.values().filter_map(|record| record.values.get("classes_in_use").copied());
    if let Some(used) = figure("classes_in_use").or_else(|| in_batches().next_back()) {
        let of = run.outputs().map(|k| format!("of {} possible", count(k))).unwrap_or_default();
        let title = "classes that at least one image falls into";
        tiles.push(Tile {
            name: "classes in use",
            title,
            value: number(used),
            note: of,
            spark: spark(in_batches()),
        });
    }
    if let Some(took) = spent_minutes(run) {
        let epochs = run.recipe.as_ref().and_then(|recipe| recipe.number("schedule.epochs"));
        let note = epochs.map(|epochs| plural(epochs as usize, "epoch", "epochs")).unwrap_or_default();
        tiles.push(Tile {
            name: "training",
            title: "wall-clock time",
            value: minutes(took),
            note,
            spark: String::new(),
        });
    }
    let speeds =
        || run.log.steps.values().filter_map(|record| record.values.get("images_per_second").copied());
    if let Some(speed) = figure("images_per_second").or_else(|| speeds().next_back()) {
        let note = figure("peak_memory_gib")
            .map(|gib| format!("peak memory {} GiB", number((gib * 10.0).round() / 10.0)));
        tiles.push(Tile {
            name: "images/s",
            title: "source images per second while training; every image gives all views",
            value: number(speed.round()),
            note: note.unwrap_or_default(),
            spark: spark(speeds()),
        });
    }
    tiles
}

/// Says when a figure is not a final one.
fn online(figures: Option<&Figures>) -> String {
    match figures.map(|figures| &figures.origin) {
        Some(Origin::Online(epoch)) => format!("while training, epoch {}", number(*epoch)),
        _ => String::new(),
    }
}

/// A path through `values` in a box of 100 × 28.
fn spark(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    if values.len() < 3 {
        return String::new();
    }
    let size = values.len().div_ceil(60);
    let means: Vec<f64> =
        values.chunks(size).map(|chunk| chunk.iter().sum::<f64>() / chunk.len() as f64).collect();
    let (low, high) = means.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    let range = if high > low { high - low } else { 1.0 };
    let last = (means.len() - 1).max(1) as f64;
    let points: Vec<String> = means
        .iter()
        .enumerate()
        .map(|(i, x)| format!("{:.1} {:.1}", i as f64 / last * 100.0, 26.0 - (x - low) / range * 24.0))
        .collect();
    format!("M{}", points.join("L"))
}
