//! The evaluation at the end of a run: figures with the protocol that defines them, and what the report draws.

use std::path::Path;

use serde_json::{Value, json};
use tch::Device;
use twist_data::Decoder;
use twist_nn::TwistNet;
use twist_run::{Carried, Figures, Log, Metrics, NamedWeights, figure, files};
use twist_train::TrainPlan;

use crate::artefacts::{self, Artefacts, contact_sheet};
use crate::baselines::{self, KMEANS_RESTARTS};
use crate::class_count::{ClassesOf, merge_tree};
use crate::crops::pixel_transform;
use crate::scores::Measuring;
use crate::split::{EvalData, Split};
use crate::{EvalError, KnnProtocol};
use twist_model::{EvalInput, NetworkOutputs, Watch, weights_hash};

/// Without held-out data, at most this many training images are scored and kept as embeddings.
const TRAINING_IMAGES_SCORED: usize = 50_000;
/// Images that vote and are asked in the baselines: pixels of a million images do not fit into memory.
const BASELINE_BANK: usize = 50_000;
const BASELINE_QUERIES: usize = 10_000;

/// Whether `metrics.json` of the run in `folder` is of the network after `steps` steps. A damaged file is not.
pub fn is_evaluated(folder: &Path, steps: u64) -> bool {
    matches!(Metrics::read(folder), Ok(Some(metrics)) if metrics.are_of(steps))
}

/// What only the training itself knows, for `metrics.json`.
#[derive(Clone, Debug, Default)]
pub struct RunFigures {
    /// Finished steps of the network that is evaluated.
    pub steps: u64,
    /// Speed, duration and memory.
    pub costs: Figures,
}

impl RunFigures {
    /// Those of the run in `folder` after `steps` steps on `device`, all processes that worked on it together. What the log does
    /// not tell is absent.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn of(folder: &Path, steps: u64, device: Device) -> Result<Self, EvalError> {
        let log = Log::read(folder)?;
        let costs = [
            (figure::IMAGES_PER_SECOND, log.images_per_second()),
            (figure::MINUTES, log.minutes()),
            (figure::PEAK_MEMORY, twist_train::peak_memory_gib(device)),
        ];
        let known = costs.into_iter().filter_map(|(figure, value)| Some((figure, value?)));
        Ok(Self { steps, costs: known.collect() })
    }
}

/// What the evaluation at the end of a run leaves.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The content of `metrics.json`.
    pub metrics: Metrics,
    /// What became of the names that people gave to classes of an earlier evaluation; `None` if nobody gave any.
    pub names: Option<Carried>,
}

/// Evaluates the trained `net` and writes `metrics.json`, `embeddings.parquet`, `tree.json`, `images.csv`, `thumbnails.tar` and
/// `augmentation.png` into the run folder; `metrics.json` is written last. `watch` hears how far it is.
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
) -> Result<Evaluated, EvalError> {
    let input = EvalInput { watch: watch.clone(), ..data.input(plan)? };
    watch.now("features");
    let most = if data.held_out.is_some() { usize::MAX } else { TRAINING_IMAGES_SCORED };
    let split = data.split(usize::MAX, most);
    let knn = KnnProtocol::of_plan(plan);
    let (figures, features) = Measuring { net, input: &input, data, knn }.figures(&split)?;
    watch.now("thumbnails");
    let hash = weights_hash(&net.store.state_dict()?);
    let weights = NamedWeights::Step { step: run.steps, hash: Some(hash) };
    let names = write_artefacts(plan, data, &features, folder, (run.steps, &weights))?;

    let protocol = protocol(plan, data, &split, &figures, &features);
    let mut metrics = Metrics { figures, protocol, ..Metrics::default() };
    metrics.figures.extend(&run.costs);
    metrics.set_weights(&weights);
    watch.now("merge tree");
    let (classes, clusters) = (features.predictions()?, plan.net.head.dim as u32);
    let of = ClassesOf { classes: &classes, clusters, weights: &weights, images: data.evaluated_on() };
    metrics.set_tree(folder, merge_tree(&features.embeddings, &of)?)?;
    if plan.eval.baselines && split.has_knn() {
        watch.now("baselines");
        let few = data.split(BASELINE_BANK, BASELINE_QUERIES);
        metrics.baselines = baselines::measure(&input, data, &few, knn, &plan.net, plan.run.seed)?;
        metrics.protocol["baselines"] = json!({
            "pixels": pixel_transform(&input.transform).crop,
            "bank": few.bank.len(),
            "queries": few.queries.len(),
            "kmeans_fitted_to": few.kmeans_fitted(data).len(),
            "kmeans_images": few.kmeans_asked(data).len(),
            "kmeans_restarts": KMEANS_RESTARTS,
            "kmeans_clusters": data.train.classes().len(),
        });
    }
    metrics.write(folder)?;
    Ok(Evaluated { metrics, names })
}

/// The files that the report draws from. Returns what became of the names of classes.
fn write_artefacts(
    plan: &TrainPlan,
    data: &EvalData,
    features: &NetworkOutputs,
    folder: &Path,
    (steps, weights): (u64, &NamedWeights),
) -> Result<Option<Carried>, EvalError> {
    let mut decoder = Decoder::default();
    let names = artefacts::numbered(plan.net.head.dim);
    let artefacts = Artefacts { features, dataset: &**data.evaluated(), names: &names, steps: Some(steps) };
    let carried = artefacts.carry_names(folder, weights)?;
    artefacts.write(folder, Some(&mut decoder), Some(&*data.crops))?;
    let sheet = folder.join(files::AUGMENTATION);
    contact_sheet::write(&sheet, &*data.train, &plan.views, plan.run.seed, &mut decoder)?;
    Ok(carried)
}

/// Every value that defines the figures.
fn protocol(
    plan: &TrainPlan,
    data: &EvalData,
    split: &Split,
    figures: &Figures,
    features: &NetworkOutputs,
) -> Value {
    let normalisation = &plan.config.data;
    let mut protocol = json!({
        "evaluated_on": data.evaluated_on(),
        "evaluated_images": features.indices.len(),
        "labelled_images": features.labelled(&**data.evaluated()),
        "unreadable_images": features.skipped.len(),
        "clusters": plan.net.head.dim,
        "assignment": "most probable cluster, evaluation mode",
        "weights": "last",
        "transform": plan.eval.transform,
        "mean": normalisation.mean,
        "std": normalisation.std,
        "precision": plan.precision,
        "twist": env!("CARGO_PKG_VERSION"),
    });
    if figures.get(figure::KNN_TOP1).is_some() {
        let (k_asked, voters) = (plan.eval.knn_k, split.bank.len());
        protocol["knn"] = json!({
            "k": k_asked.min(voters),
            "temperature": plan.eval.knn_temperature,
            "features": "backbone, L2-normalised",
            "bank": voters,
            "queries": split.queries.len(),
        });
        if k_asked > voters {
            protocol["knn"]["k_asked"] = k_asked.into();
        }
    }
    protocol
}
