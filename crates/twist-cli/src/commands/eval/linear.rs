//! `twist eval linear`: a linear classifier on frozen features.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use torch_ext::Precision;
use twist_data::Dataset;
use twist_eval::Surroundings;
use twist_eval::linear::{AugmentedLinear, FastLinear, augmented_linear, fast_linear};
use twist_nn::FeatureKind;
use twist_run::{Metrics, evaluations, figure};

use super::data_args::DataArgs;
use crate::args::{ModelArgs, at_least};
use crate::estimate::Estimate;
use crate::exit::Usage;
use crate::label_lines::result_lines;
use crate::model::Opened;
use crate::progress::{Counting, Progress};
use crate::results;
use crate::talk::Talk;

/// The protocols, which do not compare with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Cached features, many rates at once, chosen on held-out training images
    Fast,
    /// Released for convolutional networks: random crops and flips, 100 epochs
    Resnet,
    /// Released for transformers: class tokens of the last 4 blocks, random crops and flips, 100 epochs
    Vit,
}

const EXAMPLES: &str = "\
Examples:
  twist eval linear runs/mine-1 --train photos/ --test held-out/
  twist eval linear resnet50.safetensors --train imagenet/train --test imagenet/val \\
      --protocol resnet --state linear/

Results of different protocols are not comparable:
  fast    cached features, many learning rates at once, chosen on held-out training images
  resnet  released for convolutional networks: random crops and flips, 100 epochs
  vit     released for transformers: class tokens of the last 4 blocks, random crops and flips,
          100 epochs";

/// Accuracy of a linear classifier on frozen features
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// How the classifier is trained: fast, resnet or vit
    #[arg(long, value_enum, default_value_t = Which::Fast, hide_possible_values = true)]
    protocol: Which,
    /// Number of passes over the training images [default: 100; fast: 10 to 100, depending on their number]
    #[arg(long, value_name = "N", value_parser = at_least::<u64>(1))]
    epochs: Option<u64>,
    /// Images in one update [default: 1024; fast: 256]
    #[arg(long, value_name = "N", value_parser = at_least::<u32>(2))]
    batch_size: Option<u32>,
    /// Initial learning rate [default: released; fast: the best of eight on held-out training images]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// Epochs between two tests of resnet and vit; the last epoch is always tested [default: 1]
    #[arg(long, value_name = "N")]
    test_every: Option<u64>,
    /// Seed of the order, the crops and the held-out images
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Folder for the unfinished training of resnet and vit; the same command resumes from it
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let released_only = [(args.test_every.is_some(), "--test-every"), (args.state.is_some(), "--state")];
    if let (Which::Fast, Some((_, flag))) = (args.protocol, released_only.iter().find(|(given, _)| *given)) {
        return Err(Usage(format!("{flag} belongs to the protocols resnet and vit")).into());
    }
    if let Some(lr) = args.lr.filter(|lr| !(lr.is_finite() && *lr > 0.0)) {
        return Err(Usage(format!("--lr {lr} is not a learning rate: give a number above 0")).into());
    }
    let opened = match args.protocol {
        Which::Fast => args.model.open(talk)?,
        Which::Resnet | Which::Vit => args.model.open_as_published(talk)?,
    };
    let (train, test) = args.data.open(talk)?;
    let data = (&train, &test);
    let (mut metrics, mut lines) = match args.protocol {
        Which::Fast => fast(args, data, &opened, talk)?,
        Which::Resnet => augmented(args, data, AugmentedLinear::resnet(), &opened, talk)?,
        Which::Vit => augmented(args, data, AugmentedLinear::vit(), &opened, talk)?,
    };
    if let (Value::Object(own), Value::Object(protocol)) = (opened.protocol(), &mut metrics.protocol) {
        for (key, value) in own {
            protocol.entry(key).or_insert(value);
        }
    }
    let name = metrics.protocol["name"].as_str().unwrap_or_default().to_owned();
    lines[0] = format!("linear ({name}): {}", lines[0]);
    results::emit(&opened, evaluations::LINEAR, test.classes(), metrics, args.json, &lines, talk)
}

/// Labelled images to learn from and to measure on.
type Images<'a> = (&'a Arc<dyn Dataset>, &'a Arc<dyn Dataset>);

fn fast(
    args: &Args,
    (train, test): Images<'_>,
    opened: &Opened,
    talk: &Talk,
) -> anyhow::Result<(Metrics, Vec<String>)> {
    let rows = opened.features(FeatureKind::Last, train, "training features", talk)?;
    let asked = opened.features(FeatureKind::Last, test, "test features", talk)?;
    let (rows, labels) = rows.labelled_apart(&**train)?;
    let (asked, truth) = asked.labelled(&**test)?;
    let usual = FastLinear::default();
    let how = FastLinear {
        learning_rates: args.lr.map_or(usual.learning_rates, |lr| vec![lr]),
        weight_decays: if args.lr.is_some() { vec![0.0] } else { usual.weight_decays },
        epochs: args.epochs,
        batch_size: args.batch_size.map_or(usual.batch_size, |size| size as usize),
        seed: args.seed,
        device: opened.machine.device,
        ..usual
    };
    let mut counting = Counting::new(talk, "passes").on(&opened.machine);
    let mut progress = |done, all| counting.at(done, all);
    let classes = train.classes().len() as i64;
    let result = fast_linear((&rows, &labels), (&asked, &truth), classes, &how, &mut progress)?;
    drop(counting);
    let metrics = result.metrics();
    let mut lines = result_lines(figure::LINEAR, &metrics);
    let chosen = result.rates[result.chosen];
    if let Some(held_out) = chosen.held_out_top1 {
        lines.push(format!(
            "learning rate {} and weight decay {}: {held_out:.3} on held-out training images, the best of {} settings",
            chosen.lr,
            chosen.weight_decay,
            result.rates.len()
        ));
    }
    Ok((metrics, lines))
}

fn augmented(
    args: &Args,
    (train, test): Images<'_>,
    released: AugmentedLinear,
    opened: &Opened,
    talk: &Talk,
) -> anyhow::Result<(Metrics, Vec<String>)> {
    let how = AugmentedLinear {
        epochs: args.epochs,
        batch_size: args.batch_size.map(|size| size as usize),
        lr: args.lr,
        test_every: args.test_every,
        precision: Some(opened.input.autocast.map_or(Precision::Fp32, |_| Precision::Bf16)),
        seed: args.seed,
        ..released
    };
    let mut foretell = |costs, work| Estimate { costs, work, fixed: 0 }.say(talk);
    let mut around = Surroundings {
        recorders: vec![Box::new(Progress::of_evaluation(talk))],
        foretell: if talk.shows_progress() { Some(&mut foretell) } else { None },
        ..Surroundings::default()
    };
    let (model, kept) = (&opened.model, args.state.as_deref());
    // Nobody raises the flag to stop: a signal ends the process, and --state has what was done until then.
    let ended = augmented_linear(model, train, test, &how, &opened.machine, kept, &mut around)?;
    drop(around);
    let metrics = ended.unwrap_or_default().metrics;
    let lines = result_lines(figure::LINEAR, &metrics);
    Ok((metrics, lines))
}
