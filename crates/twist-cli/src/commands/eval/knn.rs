//! `twist eval knn`: weighted nearest neighbours on frozen features.

use serde_json::json;
use twist_eval::{KnnProtocol, knn_top1_each};
use twist_metrics::margin;
use twist_nn::FeatureKind;
use twist_run::{Metrics, evaluations, figure};

use super::data_args::DataArgs;
use crate::args::{ModelArgs, at_least};
use crate::bar::Busy;
use crate::digits::{share, thousands};
use crate::results;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist eval knn runs/demo-1 --train shapes:train --test shapes:test
  twist eval knn resnet50.safetensors --train imagenet/train --test imagenet/val --protocol imagenet
  twist eval knn runs/mine-1 --train photos/ --test held-out/ --k 20,10,100 --json

L2-normalised features are compared by cosine; the k most similar training images vote for their
class with the weight exp(similarity / T).";

/// Weighted k-NN accuracy of frozen features
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Published tables to compare with: cifar (k = 200, T = 0.1) or imagenet (k = 20, T = 0.07)
    #[arg(long, value_name = "NAME", default_value = "cifar", hide_possible_values = true)]
    protocol: ProtocolArg,
    /// Neighbours that vote [default: the protocol's]; of several, such as 20,10,100, the first gives knn_top1
    #[arg(long, value_name = "K,...", value_delimiter = ',', value_parser = at_least::<i64>(1))]
    k: Vec<i64>,
    /// Temperature T of the weights [default: the protocol's]
    #[arg(long, value_name = "T", value_parser = positive)]
    temperature: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// `--protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ProtocolArg {
    Cifar,
    Imagenet,
}

impl Args {
    /// One vote for each k.
    fn votes(&self) -> Vec<KnnProtocol> {
        let published = match self.protocol {
            ProtocolArg::Cifar => KnnProtocol::CIFAR,
            ProtocolArg::Imagenet => KnnProtocol::IMAGENET,
        };
        let temperature = self.temperature.unwrap_or(published.temperature);
        let k = if self.k.is_empty() { vec![published.k] } else { self.k.clone() };
        k.into_iter().map(|k| KnnProtocol { k, temperature }).collect()
    }
}

pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let opened = match args.protocol {
        ProtocolArg::Cifar => args.model.open(talk)?,
        ProtocolArg::Imagenet => args.model.open_as_published(talk)?,
    };
    let (train, test) = args.data.open(talk)?;
    let bank = opened.features(FeatureKind::Last, &train, "training features", talk)?;
    let queries = opened.features(FeatureKind::Last, &test, "test features", talk)?;

    let (bank, bank_labels) = bank.labelled_apart(&*train)?;
    let (queries, query_labels) = queries.labelled(&*test)?;
    let votes = args.votes();
    let classes = train.classes().len() as i64;
    let busy = Busy::new("votes of the neighbours", talk);
    let top1 = knn_top1_each(
        (&twist_model::unit_rows(&bank)?, &bank_labels),
        (&twist_model::unit_rows(&queries)?, &query_labels),
        classes,
        &votes,
    )?;
    drop(busy);

    let (voters, asked) = (bank.size()[0], queries.size()[0]);
    let mut metrics = Metrics::default();
    let mut lines = Vec::new();
    let mut each = Vec::new();
    for (vote, top1) in votes.iter().zip(&top1) {
        let KnnProtocol { k: wanted, temperature } = *vote;
        let k = wanted.min(voters);
        if k < wanted {
            let source = if args.k.is_empty() { "is the protocol's" } else { "was asked for" };
            talk.warn(format!(
                "k = {wanted} {source}, but only {voters} images can vote: k = {k} is used; choose a smaller one with --k"
            ));
        }
        each.push(json!({"k": k, "temperature": temperature, figure::KNN_TOP1.key: top1}));
        let images = asked as u64;
        lines.push(format!(
            "k-NN (k {k}, T {temperature}) {} ± {} on {} images, {} vote",
            share(*top1, images),
            share(margin(*top1, images), images),
            thousands(images),
            thousands(voters as u64)
        ));
    }
    top1.iter().take(1).for_each(|top1| metrics.figures.set(figure::KNN_TOP1, *top1));
    if each.len() > 1 {
        // Which k is best is known after the fact only; knn_top1 is that of the first.
        metrics.more.insert("knn".into(), each.into());
    }
    metrics.protocol = opened.protocol();
    metrics.protocol["knn"] = json!({
        "k": votes.first().map(|vote| vote.k.min(voters)),
        "temperature": votes.first().map(|vote| vote.temperature),
        "features": "backbone, L2-normalised",
        "bank": voters,
        "queries": asked,
    });
    metrics.protocol["classes"] = classes.into();
    results::emit(&opened, evaluations::KNN, test.classes(), metrics, args.json, &lines, talk)
}

/// A temperature: weights of zero or infinity are none.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("expected a number above 0".into()),
    }
}
