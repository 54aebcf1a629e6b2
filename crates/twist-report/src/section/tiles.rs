//! The figures that people ask for first, a tile each.

use serde::Serialize;
use twist_run::{Figure, figure};

use super::evidence::{write_figure, write_measured};
use super::measured_on::{images_of, number_of};
use super::progress::{epochs, spent_minutes};
use crate::baselines::rival;
use crate::classes::Classes;
use crate::run::{Measured, Origin, Run};
use crate::text::{count, epochs_done, minutes, number, percent};

#[derive(Serialize)]
pub(super) struct Tile {
    name: &'static str,
    value: String,
    /// What the figure means, or what it is beside.
    note: String,
    /// Full name, for those who do not know the short one.
    title: &'static str,
    /// A line over training, as an SVG path in a box of 100 × 28; empty without values.
    spark: String,
}

const SCORES: [&Figure; 5] = [figure::KNN_TOP1, figure::ACC, figure::FINETUNE_TOP1, figure::NMI, figure::ARI];

/// The tiles of `run`, whose classes a user sees as `classes`.
pub(super) fn tiles(run: &Run, classes: Option<&Classes>) -> Vec<Tile> {
    let rival = run.metrics().and_then(|metrics| rival(metrics, run.outputs()));
    let rival = rival.map(|one| {
        let told = one.clusters.map(|clusters| format!(", K = {}", count(clusters))).unwrap_or_default();
        format!("{}{told}: {}", one.name, percent(one.accuracy))
    });
    let mut tiles: Vec<Tile> = SCORES
        .into_iter()
        .filter_map(|figure| {
            let value = write_measured(figure.key, run.figure(figure)?, number_of(run, figure.key));
            let beside = (figure == figure::KNN_TOP1).then(|| pixels(run)).flatten();
            let notes = [
                online(run.measured.as_ref()),
                beside,
                rival.clone().filter(|_| figure == figure::ACC),
                images_of(run, figure.key).map(|images| format!("on {images}")),
            ];
            let note = notes.into_iter().flatten().collect::<Vec<_>>().join(", ");
            let spark = spark(run.log.evals.values().filter_map(|record| record.figures.get(figure)));
            Some(Tile { name: figure.title, title: figure.meaning, value, note, spark })
        })
        .collect();
    let in_steps =
        |figure: &'static Figure| run.log.steps.values().filter_map(|record| record.figures.get(figure));
    let used = figure::CLASSES_IN_USE;
    if let Some(value) = run.figure(used).or_else(|| in_steps(used).next_back()) {
        let of = run.outputs().map(|k| format!("of {} possible", count(k)));
        let counted = classes.map(Classes::figures_count).filter(|counted| !counted.is_empty());
        let note = of.into_iter().chain(counted.map(str::to_owned)).collect::<Vec<_>>().join(", ");
        let (value, spark) = (number(value), spark(in_steps(used)));
        tiles.push(Tile { name: used.title, title: used.meaning, value, note, spark });
    }
    if let Some(took) = spent_minutes(run) {
        tiles.push(Tile {
            name: "training",
            title: "wall-clock time; the line is the loss",
            value: minutes(took),
            note: epochs(run).unwrap_or_default(),
            spark: spark(run.log.steps.values().filter_map(|record| record.figures.get(figure::LOSS))),
        });
    }
    let speed = figure::IMAGES_PER_SECOND;
    if let Some(value) = run.figure(speed).or_else(|| in_steps(speed).next_back()) {
        let memory = run.figure(figure::PEAK_MEMORY);
        let note = memory.map(|gib| format!("peak memory {} GiB", number((gib * 10.0).round() / 10.0)));
        tiles.push(Tile {
            name: speed.title,
            title: speed.meaning,
            value: write_figure(speed.key, value),
            note: note.unwrap_or_default(),
            spark: spark(in_steps(speed)),
        });
    }
    tiles
}

/// What k-NN on raw pixels reaches.
fn pixels(run: &Run) -> Option<String> {
    let baseline = figure::KNN_PIXELS_TOP1;
    let value = run.metrics()?.baselines.get(baseline)?;
    Some(format!("raw pixels: {}", write_measured(baseline.key, value, number_of(run, baseline.key))))
}

/// Says when a figure is not a final one.
fn online(measured: Option<&Measured>) -> Option<String> {
    match measured.map(|measured| &measured.origin) {
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
