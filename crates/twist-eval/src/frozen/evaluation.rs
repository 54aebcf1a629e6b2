//! The evaluation at the end of a run of heads: figures with the protocol that defines them, and what the report draws.

use std::path::Path;

use serde_json::{Value, json};
use tch::Tensor;
use twist_data::Decoder;
use twist_metrics::cluster_scores;
use twist_run::{ClassTree, Metrics, NamedWeights, figure};
use twist_train::frozen::HeadPlan;

use super::outputs::outputs_of_model;
use crate::artefacts::{self, Artefacts};
use crate::class_count::{ClassesOf, MOST_ROWS, merge_tree};
use crate::labels::{label_numbers, spread};
use crate::scores::cluster_figures;
use crate::{EvalError, Evaluated, KMeans, RunFigures};
use twist_model::{FeatureTable, HeadCard, Model, NetworkOutputs, Watch, unit_rows, weights_hash};

/// Without held-out features, at most this many training rows are scored and kept as embeddings.
const TRAINING_ROWS_SCORED: usize = 50_000;
/// k-means is fitted to at most this many training rows, from this many starts.
const KMEANS_ROWS: usize = 50_000;
const KMEANS_RESTARTS: u32 = 10;
const KMEANS_ITERATIONS: u32 = 300;

/// Which of the heads of a run was kept, and by what.
#[derive(Clone, Debug)]
pub struct ChosenHead {
    /// Its number, from 0.
    pub number: usize,
    /// The loss of every head over the training features, in nats.
    pub losses: Vec<f64>,
}

/// Evaluates the head of `model` on `held_out`, or on the training features without any, and writes `metrics.json`,
/// `embeddings.parquet`, `images.csv`, `tree.json` and, where there are pictures, `thumbnails.tar` into the run folder;
/// `metrics.json` is written last. `watch` hears what is done.
///
/// Where there are labels, k-means on the same features stands beside: fitted to the training features, told the same
/// number of clusters, on the features as they are and divided by their norm.
///
/// # Errors
/// libtorch fails, or the disk is full or read-only.
pub fn head_evaluation(
    model: &Model,
    plan: &HeadPlan,
    chosen: &ChosenHead,
    (train, held_out): (&FeatureTable, Option<&FeatureTable>),
    folder: &Path,
    run: RunFigures,
    watch: &Watch,
) -> Result<Evaluated, EvalError> {
    let evaluated = held_out.unwrap_or(train);
    let most = if held_out.is_some() { usize::MAX } else { TRAINING_ROWS_SCORED };
    let rows = spread(evaluated.len(), most);
    let classes = model.card.head.as_ref().map_or(plan.net.dim, HeadCard::classes);
    watch.now("classes");
    let features = outputs_of_model(model, evaluated, &rows)?;
    let mut decoder = evaluated.has_images.then(Decoder::default);
    let names = artefacts::numbered(classes);
    watch.now("thumbnails and tables");
    let dataset = &*evaluated.dataset;
    let artefacts = Artefacts { features: &features, dataset, names: &names, steps: Some(run.steps) };
    let weights =
        NamedWeights::Step { step: run.steps, hash: Some(weights_hash(&model.store.state_dict()?)) };
    let named = artefacts.carry_names(folder, &weights)?;
    artefacts.write(folder, decoder.as_mut(), None)?;

    watch.now("merge tree");
    let tree = tree((model, classes, &weights), train, held_out.is_none().then_some(&features))?;

    let mut metrics = Metrics {
        figures: cluster_figures(&features, dataset)?,
        protocol: protocol((model, classes), plan, chosen, &features, held_out.is_some()),
        ..Metrics::default()
    };
    metrics.figures.extend(&run.costs);
    metrics.protocol["labelled_images"] = features.labelled(dataset).into();
    metrics.set_weights(&weights);
    let splits = model.card.head.iter().flat_map(|head| &head.splits);
    metrics.set_splits(splits.map(|split| (split.class, &split.children[..])));
    metrics.set_tree(folder, tree)?;
    if plan.config.eval.baselines && metrics.figures.get(figure::NMI).is_some() {
        let fitted_to = train.len().min(KMEANS_ROWS);
        let mut facts = json!({
            "kmeans_fitted_to": fitted_to,
            "kmeans_restarts": KMEANS_RESTARTS,
            "kmeans_clusters": classes,
        });
        watch.now("k-means");
        match baselines(train, evaluated, &features, (classes, plan.run.seed))? {
            Some([raw, unit]) => {
                metrics.baselines.set(figure::KMEANS_FEATURES, raw.accuracy);
                metrics.baselines.set(figure::KMEANS_UNIT_FEATURES, unit.accuracy);
                facts["kmeans_inertia"] = raw.inertia.into();
                facts["kmeans_unit_inertia"] = unit.inertia.into();
            }
            None => {
                facts["left_out"] = format!("k-means: {classes} clusters for {fitted_to} rows").into();
            }
        }
        metrics.protocol["baselines"] = facts;
    }
    metrics.write(folder)?;
    Ok(Evaluated { metrics, names: named })
}

/// The merge tree of the head's classes, from the training features: held-out ones may be few. `outputs` is what the head
/// said of training features, where that is known.
fn tree(
    (model, clusters, weights): (&Model, i64, &NamedWeights),
    train: &FeatureTable,
    outputs: Option<&NetworkOutputs>,
) -> Result<Result<ClassTree, String>, EvalError> {
    let chosen = spread(train.len(), MOST_ROWS);
    let all = chosen.len() == train.len();
    let classes = match outputs.filter(|_| all) {
        Some(known) => known.predictions()?,
        None => outputs_of_model(model, train, &chosen)?.predictions()?,
    };
    let set = &train.features.rows;
    let places: Vec<i64> = chosen.iter().copied().map(i64::from).collect();
    let rows =
        if all { set.shallow_clone() } else { set.f_index_select(0, &Tensor::f_from_slice(&places)?)? };
    let of = ClassesOf { classes: &classes, clusters: clusters as u32, weights, images: "training images" };
    merge_tree(&rows, &of)
}

/// Every value that defines the figures.
fn protocol(
    (model, classes): (&Model, i64),
    plan: &HeadPlan,
    chosen: &ChosenHead,
    features: &NetworkOutputs,
    held_out: bool,
) -> Value {
    json!({
        "evaluated_on": if held_out { "held-out images" } else { "training images" },
        "evaluated_images": features.indices.len(),
        "unreadable_images": features.skipped.len(),
        "clusters": classes,
        "assignment": "most probable cluster, evaluation mode",
        "weights": "last",
        "model": model.card.origin,
        "feature_dim": model.card.feature_dim,
        "feature_scaling": model.card.feature_scaling,
        "training_rows": plan.features.rows,
        "neighbours": plan.neighbours,
        "mutual": plan.config.pairs.mutual,
        "dropout": plan.config.pairs.dropout,
        "heads": plan.heads,
        "led_heads": plan.guided(),
        "kept_head": chosen.number,
        "head_losses": chosen.losses,
        "kept_by": "least loss over the training features, without labels",
        "precision": "fp32",
        "twist": env!("CARGO_PKG_VERSION"),
    })
}

/// A fit of k-means and how it agrees with the labels.
struct Baseline {
    /// One to one.
    accuracy: f64,
    inertia: f64,
}

/// k-means with as many clusters as there are classes, on the features as they are and on unit rows. `None` where it is fitted to fewer rows than clusters.
fn baselines(
    train: &FeatureTable,
    evaluated: &FeatureTable,
    features: &NetworkOutputs,
    (clusters, seed): (i64, u64),
) -> Result<Option<[Baseline; 2]>, EvalError> {
    let places: Vec<i64> = spread(train.len(), KMEANS_ROWS).into_iter().map(i64::from).collect();
    if clusters > places.len() as i64 {
        return Ok(None);
    }
    let fitted = train.features.rows.f_index_select(0, &Tensor::f_from_slice(&places)?)?;
    // The evaluated rows that have a label, and those labels.
    let labelled = features.indices.iter().map(|&index| evaluated.dataset.label(index as usize));
    let (rows, labels): (Vec<i64>, Vec<u32>) = labelled
        .zip(0i64..)
        .filter_map(|(label, place)| Some((place_of(evaluated, features, place)?, label?)))
        .unzip();
    let asked = evaluated.features.rows.f_index_select(0, &Tensor::f_from_slice(&rows)?)?;
    let baseline = |fitted: &Tensor, asked: &Tensor| -> Result<Baseline, EvalError> {
        let settings = KMeans { clusters, restarts: KMEANS_RESTARTS, iterations: KMEANS_ITERATIONS, seed };
        let fit = settings.fit(fitted)?;
        let accuracy = cluster_scores(&labels, &label_numbers(&fit.assign(asked)?)?)?.accuracy_one_to_one;
        Ok(Baseline { accuracy, inertia: fit.inertia })
    };
    Ok(Some([baseline(&fitted, &asked)?, baseline(&unit_rows(&fitted)?, &unit_rows(&asked)?)?]))
}

/// The row of `table` that is row `place` of `features`.
fn place_of(table: &FeatureTable, features: &NetworkOutputs, place: i64) -> Option<i64> {
    let index = features.indices[place as usize];
    table.features.indices.binary_search(&index).ok().map(|row| row as i64)
}
