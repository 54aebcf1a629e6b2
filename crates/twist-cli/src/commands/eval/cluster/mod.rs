//! `twist eval cluster`: discovered classes against labels, with k-means on the same features beside them.

mod table;

use std::path::PathBuf;

use serde_json::{Value, json};
use twist_eval::{
    ClassRow, ClusterFigures, FeatureClusters, FigureSummary, KMeansProtocol, Ranking, class_rows,
    label_numbers,
};
use twist_model::HeadCard;
use twist_run::evaluations::{self, CLASS_NAMES};
use twist_run::{Metrics, figure};

use crate::args::{UseArgs, at_least};
use crate::exit::Usage;
use crate::model::{Input, Opened};
use crate::progress::Counting;
use crate::results;
use crate::talk::Talk;

/// Lloyd iterations of one start of k-means.
const ITERATIONS: u32 = 100;

const EXAMPLES: &str = "\
Examples:
  twist eval cluster runs/mine-1 --test held-out/
  twist eval cluster runs/a runs/b runs/c --test 'cifar10/test-*.tar'    three seeds
  twist eval cluster runs/head-1 --test features.npy --kmeans-seeds 0    without k-means

Clusters get the names of classes after the fact, by the best one-to-one assignment on the test
images. Several models (runs that differ in their seed, or checkpoints) give mean ± sample standard
deviation.";

/// Discovered classes against labels: NMI, AMI, ARI, accuracies, and k-means on the same features
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Run folders, checkpoints or weight files with a projection head
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Labelled images to measure on
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    test: String,
    /// Images that k-means is fitted to, without their labels [default: the test images]
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    train: Option<String>,
    /// Where labels of the test images come from: auto (what DATA contains), folder (every sub-folder is a class), coarse (super-classes of CIFAR-100), or a list file
    #[arg(long, value_name = "auto|folder|FILE", help_heading = "Images", default_value = crate::sources::DEFAULT_LABELS)]
    labels: String,
    /// Number of seeds of k-means, for mean ± standard deviation; 0 leaves k-means out
    #[arg(long, value_name = "N", help_heading = "Reference", default_value_t = 5)]
    kmeans_seeds: u64,
    /// k-means++ starts of each seed, of which the best by inertia is kept
    #[arg(long, value_name = "N", help_heading = "Reference", default_value_t = 5, value_parser = at_least::<u32>(1))]
    kmeans_restarts: u32,
    #[command(flatten)]
    machine: UseArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was found about one model.
struct Measured {
    model: String,
    figures: ClusterFigures,
    classes: Vec<ClassRow>,
    references: Vec<Reference>,
    protocol: Value,
}

/// k-means with one number of clusters.
struct Reference {
    clusters: i64,
    figures: Vec<ClusterFigures>,
}

pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let test = Input::open(&args.test, &args.labels, talk)?;
    if matches!(test, Input::Features(_)) && test.dataset().classes().is_empty() {
        return Err(Usage(format!(
            "{} has no labels to measure by: labels of features are the column `label`, or x.labels.npy beside x.npy",
            args.test
        ))
        .into());
    }
    // k-means looks at no label, so a list of the test images' labels is none of the training images'.
    let open = |data: &String| Input::open(data, crate::sources::DEFAULT_LABELS, talk);
    let train = args.train.as_ref().map(open).transpose()?;

    // The shell makes models of images where a pattern has no quotes.
    let quotes = |error: anyhow::Error| match args.models.len() {
        1 => error,
        several => {
            error.context(format!("got {several} MODELs; put a pattern of --test or --train in quotes"))
        }
    };
    let models = args.models.iter().map(|path| args.machine.open(path, talk).map_err(quotes));
    let models = models.collect::<anyhow::Result<Vec<Opened>>>()?;
    let clusters = clusters_of_all(&models)?;
    let mut measured = Vec::new();
    for (opened, path) in models.iter().zip(&args.models) {
        let mut found = measure(args, opened, clusters, (train.as_ref(), &test), talk)?;
        found.model = path.display().to_string();
        results::record(opened, evaluations::CLUSTER, &metrics(std::slice::from_ref(&found))?, talk);
        measured.push(found);
    }
    results::print(&metrics(&measured)?, args.json, &table::lines(&measured))?;
    Ok(())
}

/// The number of clusters K that all models have.
fn clusters_of_all(models: &[Opened]) -> anyhow::Result<i64> {
    let mut known: Option<i64> = None;
    for (number, opened) in models.iter().enumerate() {
        opened.model.head()?;
        let dim = opened.model.card.head.as_ref().map_or(0, HeadCard::classes);
        if let Some(before) = known.replace(dim)
            && before != dim
        {
            let text = format!(
                "the models have {before} and {dim} clusters: a mean over both means nothing, evaluate them one by one"
            );
            return Err(Usage(text).into());
        }
        if models[..number].iter().any(|other| other.model.hash == opened.model.hash) {
            let text = format!(
                "{} is given twice: its figures would count as those of two seeds",
                opened.model.path.display()
            );
            return Err(Usage(text).into());
        }
    }
    known.ok_or_else(|| Usage("give at least one MODEL".into()).into())
}

/// Scores one model and k-means on its features.
fn measure(
    args: &Args,
    opened: &Opened,
    clusters: i64,
    (train, test): (Option<&Input>, &Input),
    talk: &Talk,
) -> anyhow::Result<Measured> {
    let features = test.features(opened, "test features", talk)?;
    let test = test.dataset();
    let (rows, labels) = features.labelled_apart(&**test)?;
    let labels = label_numbers(&labels)?;
    let ranking = Ranking::of_model(&opened.model, &rows, &features.labelled_indices(&**test))?;
    let figures = ClusterFigures::new(&labels, &ranking)?;
    let classes = class_rows(&labels, &ranking, test.classes())?;

    let kmeans =
        KMeansProtocol { seeds: args.kmeans_seeds, restarts: args.kmeans_restarts, iterations: ITERATIONS };
    let mut protocol = opened.protocol();
    protocol["clusters"] = clusters.into();
    protocol["classes"] = classes.len().into();
    protocol[CLASS_NAMES] = test.classes().into();
    protocol["images"] = labels.len().into();
    protocol["assignment"] = "most probable cluster, evaluation mode".into();
    protocol["naming"] = "one to one, after the fact, on the same images".into();
    if figures.top5.is_some() {
        protocol[figure::TOP5.key] = "the class is among those of the 5 most probable clusters".into();
    }
    let mut references = Vec::new();
    if args.kmeans_seeds > 0 {
        let bank = train.map(|train| train.features(opened, "training features", talk));
        let bank = bank.transpose()?.map(|features| features.rows.shallow_clone());
        let points = FeatureClusters::new(bank.as_ref(), &rows, labels)?;
        protocol["kmeans"] = json!({
            "features": "backbone, L2-normalised",
            "fitted_to": if train.is_some() { "training images" } else { "test images" },
            "points": points.fitted_to(),
            "seeds": kmeans.seeds,
            "restarts": kmeans.restarts,
            "iterations": kmeans.iterations,
        });
        if figures.top5.is_some() {
            protocol["kmeans"][figure::TOP5.key] = "nearest centroids".into();
        }
        references = reference_rows(&points, [classes.len() as i64, clusters], kmeans, talk)?;
    }
    Ok(Measured { model: String::new(), figures, classes, references, protocol })
}

/// k-means told the number of classes, and with as many clusters as the model has.
fn reference_rows(
    points: &FeatureClusters,
    clusters: [i64; 2],
    protocol: KMeansProtocol,
    talk: &Talk,
) -> anyhow::Result<Vec<Reference>> {
    let mut rows: Vec<Reference> = Vec::new();
    for k in clusters {
        if rows.iter().any(|row| row.clusters == k) {
            continue;
        }
        if k > points.fitted_to() {
            talk.warn(format!(
                "no k-means with K = {k}: there are only {} images to fit it to",
                points.fitted_to()
            ));
            continue;
        }
        let mut counting = Counting::new(talk, &format!("k-means, K = {k}"));
        let figures = points.measure(k, protocol, &mut |done, all| counting.at(done, all))?;
        rows.push(Reference { clusters: k, figures });
    }
    Ok(rows)
}

/// Figures (means and `std` of several models), `kmeans`, `models`, `classes` of a single one, `protocol`.
fn metrics(measured: &[Measured]) -> anyhow::Result<Metrics> {
    let mut metrics = FigureSummary::of(&figures(measured)).metrics();
    let of_kmeans = |(clusters, figures): (i64, Vec<ClusterFigures>)| {
        with(json!({ "clusters": clusters }), &FigureSummary::of(&figures).metrics())
    };
    metrics.more.insert("kmeans".into(), references(measured).into_iter().map(of_kmeans).collect());
    if let [one] = measured {
        metrics.more.insert("classes".into(), serde_json::to_value(&one.classes)?);
        return Ok(Metrics { protocol: one.protocol.clone(), ..metrics });
    }
    let of_model = |one: &Measured| -> anyhow::Result<Value> {
        let mut entry = with(json!({ "model": one.model }), &FigureSummary::of(&[one.figures]).metrics());
        entry["classes"] = serde_json::to_value(&one.classes)?;
        entry["protocol"] = one.protocol.clone();
        Ok(entry)
    };
    metrics.more.insert("models".into(), measured.iter().map(of_model).collect::<anyhow::Result<_>>()?);
    if let Some(first) = measured.first() {
        // What is the same for all of them.
        metrics.protocol = first.protocol.clone();
        if let Value::Object(facts) = &mut metrics.protocol {
            facts.retain(|key, value| measured.iter().all(|one| one.protocol.get(key) == Some(&*value)));
            facts.insert("std".into(), "of a sample: n - 1; k-means over all seeds of all models".into());
        }
    }
    Ok(metrics)
}

/// The object with what was measured behind it.
fn with(mut object: Value, metrics: &Metrics) -> Value {
    object.as_object_mut().into_iter().for_each(|object| object.extend(metrics.measured()));
    object
}

fn figures(measured: &[Measured]) -> Vec<ClusterFigures> {
    measured.iter().map(|one| one.figures).collect()
}

/// K and the figures of every seed on every model's features.
fn references(measured: &[Measured]) -> Vec<(i64, Vec<ClusterFigures>)> {
    let Some(first) = measured.first() else { return Vec::new() };
    let of_all = |k: i64| {
        let rows = measured.iter().flat_map(|one| &one.references).filter(|row| row.clusters == k);
        rows.flat_map(|row| row.figures.iter().copied()).collect()
    };
    first.references.iter().map(|row| (row.clusters, of_all(row.clusters))).collect()
}
