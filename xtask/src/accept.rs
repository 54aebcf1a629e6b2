//! What the demo promises, asserted on the binary that users get.

use crate::cargo::build_twist;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const SEEDS: [u64; 3] = [0, 1, 2];
/// Mean accuracy of the discovered classes on held-out images, matched one to one with the true ones.
const LEAST_ACCURACY: f64 = 0.90;
/// The data set must not be solvable without learning: accuracy of k-means on pixels and on colour histograms.
const MOST_PIXELS: f64 = 0.35;
const MOST_HISTOGRAM: f64 = 0.40;
const MOST_TIME: Duration = Duration::from_secs(180);

/// The figures of one run.
struct Figures {
    accuracy: f64,
    pixels: f64,
    histogram: f64,
    time: Duration,
}

/// Runs the demo with three seeds, one after the other, prints a table and asserts the promises.
pub(crate) fn accept() -> Result<()> {
    let twist = build_twist()?;
    let out = twist.parent().context("the binary lies in a folder")?.join("accept");
    let runs = SEEDS.iter().map(|&seed| demo(&twist, &out, seed)).collect::<Result<Vec<_>>>()?;

    println!("seed  accuracy  k-means pixels  k-means histogram  seconds");
    for (seed, run) in SEEDS.iter().zip(&runs) {
        println!(
            "{seed:>4}  {:>8.3}  {:>14.3}  {:>17.3}  {:>7.1}",
            run.accuracy,
            run.pixels,
            run.histogram,
            run.time.as_secs_f64()
        );
    }
    let mean = runs.iter().map(|run| run.accuracy).sum::<f64>() / runs.len() as f64;
    println!("mean  {mean:>8.3}");

    ensure!(mean >= LEAST_ACCURACY, "the mean accuracy is {mean:.3}, promised is {LEAST_ACCURACY}");
    for (seed, run) in SEEDS.iter().zip(&runs) {
        let Figures { pixels, histogram, time, .. } = run;
        ensure!(
            *pixels < MOST_PIXELS,
            "seed {seed}: k-means on pixels has {pixels:.3}, not below {MOST_PIXELS}"
        );
        ensure!(
            *histogram < MOST_HISTOGRAM,
            "seed {seed}: k-means on histograms has {histogram:.3}, not below {MOST_HISTOGRAM}"
        );
        ensure!(*time <= MOST_TIME, "seed {seed}: the demo took {time:.1?}, promised are {MOST_TIME:?}");
    }
    println!("accepted");
    Ok(())
}

fn demo(twist: &Path, out: &Path, seed: u64) -> Result<Figures> {
    let run = out.join(format!("seed-{seed}"));
    if run.exists() {
        fs_err::remove_dir_all(&run)?;
    }
    let start = Instant::now();
    let status = Command::new(twist)
        .args(["demo", "--seed", &seed.to_string(), "--out"])
        .arg(&run)
        .status()
        .with_context(|| format!("cannot start {}", twist.display()))?;
    let time = start.elapsed();
    ensure!(status.success(), "the demo with seed {seed} failed ({status})");

    let path = run.join("metrics.json");
    let metrics: Value = serde_json::from_str(&fs_err::read_to_string(&path)?)
        .with_context(|| format!("{} is not JSON", path.display()))?;
    let figure = |pointer: &str| {
        metrics
            .pointer(pointer)
            .and_then(Value::as_f64)
            .with_context(|| format!("{} has no {pointer}", path.display()))
    };
    Ok(Figures {
        accuracy: figure("/accuracy_one_to_one")?,
        pixels: figure("/baselines/kmeans_pixels_accuracy")?,
        histogram: figure("/baselines/kmeans_histogram_accuracy")?,
        time,
    })
}
