//! What the demos promise, asserted on the binary that users get.

use crate::cargo::build_twist;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const SEEDS: [u64; 3] = [0, 1, 2];

/// What a recipe promises on the pictures of the demo.
struct Promise {
    recipe: &'static str,
    /// Mean accuracy of the discovered classes on held-out images, matched one to one with the true ones.
    accuracy: f64,
    /// Of each run, with evaluation and report.
    time: Duration,
}

const PROMISES: [Promise; 2] = [
    Promise { recipe: "demo", accuracy: 0.90, time: Duration::from_secs(180) },
    Promise { recipe: "demo_multicrop", accuracy: 0.95, time: Duration::from_secs(300) },
];

/// The data set must not be solvable without learning: accuracy of k-means on pixels and on colour histograms.
const MOST_PIXELS: f64 = 0.35;
const MOST_HISTOGRAM: f64 = 0.40;

struct Figures {
    accuracy: f64,
    /// What self-labelling added to the accuracy, when there was such a stage.
    self_labelling: Option<f64>,
    pixels: f64,
    histogram: f64,
    time: Duration,
}

/// Runs each demo with three seeds, one after the other, prints a table and asserts the promises.
pub(crate) fn accept() -> Result<()> {
    let twist = build_twist(&[])?;
    let out = twist.parent().context("the binary lies in a folder")?.join("accept");
    for promise in &PROMISES {
        let runs = SEEDS
            .iter()
            .map(|seed| demo(&twist, &out.join(format!("{}-{seed}", promise.recipe)), promise.recipe, *seed))
            .collect::<Result<Vec<_>>>()?;
        promise.hold(&runs)?;
    }
    println!("accepted");
    Ok(())
}

impl Promise {
    fn hold(&self, runs: &[Figures]) -> Result<()> {
        let recipe = self.recipe;
        println!("{recipe}\nseed  accuracy  self-labelling  k-means pixels  k-means histogram  seconds");
        for (seed, run) in SEEDS.iter().zip(runs) {
            let added = run.self_labelling.map_or("-".into(), |added| format!("{added:+.3}"));
            println!(
                "{seed:>4}  {:>8.3}  {added:>14}  {:>14.3}  {:>17.3}  {:>7.1}",
                run.accuracy,
                run.pixels,
                run.histogram,
                run.time.as_secs_f64()
            );
        }
        let accuracy = mean(runs.iter().map(|run| run.accuracy)).context("there are runs")?;
        let added = mean(runs.iter().filter_map(|run| run.self_labelling));
        println!("mean  {accuracy:>8.3}  {:>14}", added.map_or("-".into(), |added| format!("{added:+.4}")));

        let promised = self.accuracy;
        ensure!(accuracy >= promised, "{recipe}: the mean accuracy is {accuracy:.3}, promised is {promised}");
        if let Some(added) = added {
            ensure!(added >= 0.0, "{recipe}: self-labelling changed the mean accuracy by {added:+.4}");
        }
        for (seed, Figures { pixels, histogram, time, .. }) in SEEDS.iter().zip(runs) {
            ensure!(
                *pixels < MOST_PIXELS,
                "{recipe}, seed {seed}: k-means on pixels has {pixels:.3}, not below {MOST_PIXELS}"
            );
            ensure!(
                *histogram < MOST_HISTOGRAM,
                "{recipe}, seed {seed}: k-means on histograms has {histogram:.3}, not below {MOST_HISTOGRAM}"
            );
            let most = self.time;
            ensure!(*time <= most, "{recipe}, seed {seed}: it took {time:.1?}, promised are {most:?}");
        }
        Ok(())
    }
}

/// `None` of nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Trains in the folder `run`, which is first removed.
fn demo(twist: &Path, run: &Path, recipe: &str, seed: u64) -> Result<Figures> {
    if run.exists() {
        fs_err::remove_dir_all(run)?;
    }
    let start = Instant::now();
    let status = Command::new(twist)
        .args(["demo", "--recipe", recipe, "--seed", &seed.to_string(), "--out"])
        .arg(run)
        .status()
        .with_context(|| format!("cannot start {}", twist.display()))?;
    let time = start.elapsed();
    ensure!(status.success(), "{recipe} with seed {seed} failed ({status})");

    let metrics = json(&run.join("metrics.json"))?;
    let figure = |pointer: &str| {
        metrics
            .pointer(pointer)
            .and_then(Value::as_f64)
            .with_context(|| format!("{} has no {pointer}", run.join("metrics.json").display()))
    };
    let accuracy = figure("/accuracy_one_to_one")?;
    Ok(Figures {
        accuracy,
        self_labelling: before_self_labelling(run)?.map(|before| accuracy - before),
        pixels: figure("/baselines/kmeans_pixels_accuracy")?,
        histogram: figure("/baselines/kmeans_histogram_accuracy")?,
        time,
    })
}

/// The accuracy that was logged at the end of the first stage; `None` if the run had one stage.
fn before_self_labelling(run: &Path) -> Result<Option<f64>> {
    let plan = json(&run.join("plan.json"))?;
    let Some(end) = plan.pointer("/learning_rate/stages/1/start") else { return Ok(None) };
    let log = fs_err::read_to_string(run.join("log.jsonl"))?;
    let logged = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|event| event["event"] == "eval" && event["step"] == *end)
        .and_then(|event| event["accuracy_one_to_one"].as_f64());
    let why = || format!("{}: no evaluation at step {end}, the end of the first stage", run.display());
    logged.map(Some).with_context(why)
}

fn json(path: &Path) -> Result<Value> {
    serde_json::from_str(&fs_err::read_to_string(path)?)
        .with_context(|| format!("{} is not JSON", path.display()))
}
