//! The figures that people ask for first, a tile each.

use serde::Serialize;

use super::evidence::write_measured;
use super::measured_on::{images_of, number_of};
use super::progress::{epochs, spent_minutes};
use crate::baselines::rival;
use crate::classes::Classes;
use crate::run::{Figures, Origin, Run};
use crate::text::{count, epochs_done, minutes, number, percent};

#[derive(Serialize)]
pub(super) struct Tile {
    name: &'static str,
    value: String,
    /// What the figure means, or what it is beside.
    note: String,
    /// Full name, for those who do not know the short one.
    title: &'static str,
    /// A line over training, as an SVG path in a box of 100 × 28; empty when there is none.
    spark: String,
}

/// The tiles of `run`, whose classes a user sees as `classes`.
pub(super) fn tiles(run: &Run, classes: Option<&Classes>) -> Vec<Tile> {
    let rival = run.figures.as_ref().and_then(|figures| rival(figures.values(), run.outputs()));
    let rival = rival.map(|one| {
        let told = one.clusters.map(|clusters| format!(", K = {}", count(clusters))).unwrap_or_default();
        format!("{}{told}: {}", one.name, percent(one.accuracy))
    });
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
            None,
        ),
        ("finetune_top1", "accuracy", "accuracy on the test images after learning from labels", None),
        ("nmi", "NMI", "normalised mutual information of classes and labels", None),
        ("ari", "ARI", "adjusted Rand index of classes and labels; 0 is chance", None),
    ];
    let mut tiles: Vec<Tile> = scores
        .into_iter()
        .filter_map(|(key, name, title, baseline)| {
            let value = write_measured(key, figure(key)?, number_of(run, key));
            let beside = run.figures.as_ref().zip(baseline).and_then(|(figures, key)| figures.baseline(key));
            let beside = beside.zip(baseline);
            let beside = beside.map(|(value, key)| write_measured(key, value, number_of(run, key)));
            let notes = [
                online(run.figures.as_ref()),
                beside.map(|value| format!("raw pixels: {value}")),
                rival.clone().filter(|_| key == "accuracy_one_to_one"),
                images_of(run, key).map(|images| format!("on {images}")),
            ];
            let note = notes.into_iter().flatten().collect::<Vec<_>>().join(", ");
            let spark = spark(run.log.evals.values().filter_map(|record| record.values.get(key).copied()));
            Some(Tile { name, title, value, note, spark })
        })
        .collect();
    let in_batches =
        || run.log.steps.values().filter_map(|record| record.values.get("classes_in_use").copied());
    if let Some(used) = figure("classes_in_use").or_else(|| in_batches().next_back()) {
        let of = run.outputs().map(|k| format!("of {} possible", count(k)));
        let counted = classes.map(Classes::figures_count).filter(|counted| !counted.is_empty());
        let note = of.into_iter().chain(counted.map(str::to_owned)).collect::<Vec<_>>().join(", ");
        let title = "classes that at least one image falls into";
        tiles.push(Tile {
            name: "classes in use",
            title,
            value: number(used),
            note,
            spark: spark(in_batches()),
        });
    }
    if let Some(took) = spent_minutes(run) {
        tiles.push(Tile {
            name: "training",
            title: "wall-clock time; the line is the loss",
            value: minutes(took),
            note: epochs(run).unwrap_or_default(),
            spark: spark(run.log.steps.values().filter_map(|record| record.values.get("loss").copied())),
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
fn online(figures: Option<&Figures>) -> Option<String> {
    match figures.map(|figures| &figures.origin) {
        Some(Origin::Online(epoch)) => Some(format!("while training, epoch {}", epochs_done(*epoch))),
        _ => None,
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
