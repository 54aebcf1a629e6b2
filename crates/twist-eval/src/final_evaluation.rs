//! The evaluation at the end of a run: figures with the protocol that defines them, and what the report draws.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};
use twist_data::{DecodeLimits, Decoder};
use twist_nn::TwistNet;
use twist_run::files;
use twist_train::TrainPlan;

use crate::baselines::{self, KMEANS_RESTARTS, pixel_transform};
use crate::scores::{self, Scores};
use crate::split::{EvalData, Split};
use crate::{EvalError, KnnProtocol, artefacts};
use twist_model::{EvalInput, Features, Watch};

/// Without held-out data, at most this many training images are scored and kept as embeddings.
const TRAINING_IMAGES_SCORED: usize = 50_000;
/// Images that vote and are asked in the baselines: pixels of a million images do not fit into memory.
const BASELINE_BANK: usize = 50_000;
const BASELINE_QUERIES: usize = 10_000;

/// Key of a protocol: finished steps of the network that was evaluated.
pub(crate) const STEPS: &str = "steps";

/// Whether `metrics.json` of the run in `folder` is of the network after `steps` steps: a run that was stopped, evaluated and
/// continued has an older one until it is evaluated again.
pub fn is_evaluated(folder: &Path, steps: u64) -> bool {
    let text = fs_err::read(folder.join(files::METRICS)).unwrap_or_default();
    let metrics: Option<Value> = serde_json::from_slice(&text).ok();
    // Those of older versions do not say it.
    metrics.is_some_and(|metrics| metrics["protocol"][STEPS].as_u64().is_none_or(|known| known == steps))
}

/// What only the training itself knows, for `metrics.json`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunFigures {
    /// Finished steps of the network that is evaluated.
    pub steps: u64,
    /// Source images per second while training.
    pub images_per_second: Option<f64>,
    /// Minutes of training, all processes of the run together.
    pub minutes: Option<f64>,
    /// Most memory in use, in GiB.
    pub peak_memory_gib: Option<f64>,
}

/// Evaluates the trained `net` and writes `metrics.json`, `embeddings.parquet`, `images.csv`, `thumbnails.tar` and
/// `augmentation.png` into the run folder. Returns the content of `metrics.json`, which is written last. `watch` hears how far
/// it is.
///
/// # Errors
/// No image can be read, libtorch fails, or the disk is full or read-only.
pub fn final_evaluation(
    net: &TwistNet,
    plan: &TrainPlan,
    data: &EvalData,
    folder: &Path,
    run: RunFigures,
    watch: &Watch,
) -> Result<Map<String, Value>, EvalError> {
    let input = EvalInput { watch: watch.clone(), ..data.input(plan)? };
    watch.now("features");
    let most = if data.held_out.is_some() { usize::MAX } else { TRAINING_IMAGES_SCORED };
    let split = data.split(usize::MAX, most);
    let knn = KnnProtocol::of_plan(plan);
    let (scores, features) = scores::measure(net, &input, data, &split, knn)?;
    watch.now("thumbnails");
    write_artefacts(plan, data, &features, folder)?;

    let mut metrics = fields(&scores)?;
    let mut add = |key: &str, value: Option<f64>| value.map(|value| metrics.insert(key.into(), value.into()));
    add("images_per_second", run.images_per_second);
    add("minutes", run.minutes);
    add("peak_memory_gib", run.peak_memory_gib);
    let mut protocol = protocol(plan, data, &split, &scores, &features);
    protocol[STEPS] = run.steps.into();
    if plan.eval().baselines && split.has_knn() {
        watch.now("baselines");
        let few = data.split(BASELINE_BANK, BASELINE_QUERIES);
        let measured = baselines::measure(&input, data, &few, knn, plan.net(), plan.run.seed)?;
        metrics.insert("baselines".into(), serde_json::to_value(measured)?);
        protocol["baselines"] = json!({
            "pixels": pixel_transform(&input.transform).crop,
            "bank": few.bank.len(),
            "queries": few.queries.len(),
            "kmeans_fitted_to": few.kmeans_fitted(data).len(),
            "kmeans_images": few.kmeans_asked(data).len(),
            "kmeans_restarts": KMEANS_RESTARTS,
            "kmeans_clusters": data.train.classes().len(),
        });
    }
    metrics.insert("protocol".into(), protocol);
    let text = serde_json::to_string_pretty(&metrics)?;
    twist_io::write_atomic(folder.join(files::METRICS), |file| writeln!(file, "{text}"))?;
    Ok(metrics)
}

/// The files that the report draws from.
fn write_artefacts(
    plan: &TrainPlan,
    data: &EvalData,
    features: &Features,
    folder: &Path,
) -> Result<(), EvalError> {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let names = artefacts::numbered(plan.net().head.dim);
    let crops = Some(&*data.crops);
    artefacts::write(features, &**data.evaluated(), &names, folder, Some(&mut decoder), crops)?;
    let views = plan.views();
    let sheet = folder.join(files::AUGMENTATION);
    artefacts::contact_sheet::write(&sheet, &*data.train, views, plan.run.seed, &mut decoder)
}

/// Every value that defines the figures.
fn protocol(plan: &TrainPlan, data: &EvalData, split: &Split, scores: &Scores, features: &Features) -> Value {
    let normalisation = &plan.config().data;
    let mut protocol = json!({
        "evaluated_on": data.evaluated_on(),
        "evaluated_images": features.indices.len(),
        "labelled_images": features.labelled(&**data.evaluated()),
        "unreadable_images": features.skipped.len(),
        "clusters": plan.net().head.dim,
        "assignment": "most probable cluster, evaluation mode",
        "weights": "last",
        "transform": plan.eval().transform,
        "mean": normalisation.mean,
        "std": normalisation.std,
        "precision": plan.precision(),
        "twist": env!("CARGO_PKG_VERSION"),
    });
    if scores.knn_top1.is_some() {
        protocol["knn"] = json!({
            "k": plan.eval().knn_k.min(split.bank.len()),
            "temperature": plan.eval().knn_temperature,
            "features": "backbone, L2-normalised",
            "bank": split.bank.len(),
            "queries": split.queries.len(),
        });
    }
    protocol
}

fn fields(scores: &Scores) -> Result<Map<String, Value>, EvalError> {
    match serde_json::to_value(scores)? {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}
