//! `twist eval knn`: weighted nearest neighbours on frozen features.

use serde_json::{Map, json};
use twist_eval::{FeatureKind, KnnProtocol, knn_top1};

use super::DataArgs;
use crate::args::ModelArgs;
use crate::exit::Exit;
use crate::results;
use crate::talk::Talk;

/// Weighted k-NN accuracy of frozen features (k = 200, T = 0.1 is the protocol of CIFAR tables)
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Neighbours that vote
    #[arg(long, value_name = "K", default_value_t = 200, value_parser = clap::value_parser!(i64).range(1..))]
    k: i64,
    /// Temperature of the weights exp(similarity / T)
    #[arg(long, value_name = "T", default_value_t = 0.1)]
    temperature: f64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    let opened = args.model.open(talk)?;
    let (train, test) = args.data.open(talk)?;
    let bank = opened.features(FeatureKind::Last, &train, "training features", talk)?;
    let queries = opened.features(FeatureKind::Last, &test, "test features", talk)?;

    let (bank, bank_labels) = bank.labelled(&*train)?;
    let (queries, query_labels) = queries.labelled(&*test)?;
    let protocol = KnnProtocol { k: args.k, temperature: args.temperature };
    let classes = train.classes().len() as i64;
    let top1 = knn_top1(
        (&twist_eval::unit_rows(&bank)?, &bank_labels),
        (&twist_eval::unit_rows(&queries)?, &query_labels),
        classes,
        protocol,
    )?;

    let mut figures = Map::new();
    figures.insert("knn_top1".into(), top1.into());
    let mut facts = opened.protocol();
    facts["knn"] = json!({
        "k": args.k.min(bank.size()[0]),
        "temperature": args.temperature,
        "features": "backbone, L2-normalised",
        "bank": bank.size()[0],
        "queries": queries.size()[0],
    });
    facts["classes"] = classes.into();
    figures.insert("protocol".into(), facts);
    let line =
        format!("k-NN (k {}, T {}) {top1:.4} on {} images", args.k, args.temperature, queries.size()[0]);
    results::emit(&opened, "knn", figures, args.json, &[line])?;
    Ok(Exit::Done)
}
