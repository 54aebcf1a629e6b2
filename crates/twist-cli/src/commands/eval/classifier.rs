//! `twist eval classifier`: a model's own classifier.

use serde_json::json;
use twist_eval::classifier_scores;
use twist_nn::FeatureKind;
use twist_run::{Metrics, evaluations, figure};

use crate::args::ModelArgs;
use crate::digits::{share, thousands};
use crate::results;
use crate::sources::{self, DEFAULT_LABELS};
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist eval classifier runs/finetune-1 --test held-out/
  twist eval classifier resnet20.safetensors --test 'cifar10/test-*.tar' --json";

/// Accuracy of a model's own classifier, the one it was imported or fine-tuned with
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Labelled images to measure on: any DATA
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    test: String,
    /// Where labels come from: auto (what DATA contains), folder (every sub-folder is a class), coarse (super-classes of CIFAR-100), or a list file
    #[arg(long, value_name = "auto|folder|FILE", default_value = DEFAULT_LABELS, help_heading = "Images")]
    labels: String,
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let opened = args.model.open(talk)?;
    opened.model.classifier()?;
    let test = sources::open(&args.test, &args.labels, talk)?;
    let features = opened.features(FeatureKind::Last, &test, "test features", talk)?;
    let scores = classifier_scores(&opened.model, &features, &*test)?;

    let top5 = scores.top5.map(|top5| (figure::TOP5, top5));
    let figures = [(figure::TOP1, scores.top1)].into_iter().chain(top5).collect();
    let mut protocol = opened.protocol();
    protocol["images"] = scores.images.into();
    protocol["right"] = scores.right.into();
    protocol["unreadable_images"] = features.skipped.len().into();
    protocol["classes"] = json!(opened.model.card.classifier.as_ref().map(|card| card.classes));
    protocol["classes_matched_by"] = json!(scores.matched_by);
    let metrics = Metrics { figures, protocol, ..Metrics::default() };
    let images = scores.images as u64;
    let top5 = scores.top5.map_or_else(String::new, |top5| format!(", top-5 {}", share(top5, images)));
    let line = format!(
        "top-1 {} ({} of {} images){top5}",
        share(scores.top1, images),
        thousands(scores.right as u64),
        thousands(images),
    );
    results::emit(&opened, evaluations::CLASSIFIER, test.classes(), metrics, args.json, &[line], talk)
}
