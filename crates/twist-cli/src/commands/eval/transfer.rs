//! `twist eval transfer`: what a network is worth on the data sets of the field, frozen or fine-tuned.

use std::path::PathBuf;

use torch_ext::Precision;
use twist_data::{OfficialKind, OfficialSet, TransferMetric, find_official, open_official};
use twist_eval::{
    FinetuneTransferProtocol, LinearTransferProtocol, TransferMethod, TransferResult, finetune_transfer,
    linear_transfer, transfer_transform,
};
use twist_nn::FeatureKind;
use twist_run::{Metrics, evaluations};

use crate::args::{ModelArgs, at_least};
use crate::exit::Usage;
use crate::model::Opened;
use crate::progress::Counting;
use crate::results;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist eval transfer runs/cifar10-1 --data sets/       every set found there, one line each
  twist eval transfer dino.safetensors --data sets/ --set dtd --set pets
  twist eval transfer dino.safetensors --data sets/dtd --json
  twist eval transfer runs/cifar10-1 --data sets/ --mode finetune --lr 0.01,0.03 --weight-decay 0

The sets, as their official archives unpack:
  food101, cifar10, cifar100 (binary version), sun397, cars, aircraft, voc2007, dtd, pets,
  caltech101, flowers

linear: a logistic regression on features of the frozen backbone, without augmentation. Its L2
strength is the best of 45 on validation images.
finetune: all weights are trained on random crops and flips by SGD with Nesterov momentum. Learning
rate and weight decay are the best of a grid on validation images. The grid of the papers takes 57
trainings of 20,000 updates for each set: --lr, --weight-decay and --updates make it smaller, and
with --state the same command resumes after a crash.
Both are then fitted to all training images and evaluated on the test images once.";

/// Classification of Food-101, VOC 2007, DTD, Pets and other data sets, linear or fine-tuned
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folder of one set, or of several
    #[arg(long, value_name = "ROOT")]
    data: PathBuf,
    /// Only this set; may be given several times [default: all that are found]
    #[arg(long = "set", value_name = "NAME", value_parser = set)]
    sets: Vec<OfficialKind>,
    /// linear (on frozen features) or finetune (all weights)
    #[arg(long, value_name = "MODE", value_enum, default_value = "linear", hide_possible_values = true)]
    mode: Mode,
    /// Seed of the validation images, where the authors of a set name none, and of fine-tuning
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    finetune: FinetuneArgs,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    Linear,
    Finetune,
}

/// What fine-tuning tries.
#[derive(Debug, clap::Args)]
struct FinetuneArgs {
    /// Learning rates to try [default: seven from 1e-4 to 0.1]
    #[arg(long, value_name = "X,X,…", value_delimiter = ',', help_heading = "With --mode finetune")]
    lr: Vec<f64>,
    /// Weight decays to try, which are divided by the rate [default: 0 and seven from 1e-6 to 1e-3]
    #[arg(long, value_name = "X,X,…", value_delimiter = ',', help_heading = "With --mode finetune")]
    weight_decay: Vec<f64>,
    /// Updates of each training, rounded up to whole epochs [default: 20000]
    #[arg(long, value_name = "N", value_parser = at_least::<u64>(1), help_heading = "With --mode finetune")]
    updates: Option<u64>,
    /// Images in one update [default: 256]
    #[arg(long, value_name = "N", help_heading = "With --mode finetune")]
    batch_size: Option<usize>,
    /// Start from random weights instead of the model's, for comparison
    #[arg(long, help_heading = "With --mode finetune")]
    from_scratch: bool,
    /// Folder for finished and unfinished parts; the same command resumes from them
    #[arg(long, value_name = "DIR", help_heading = "With --mode finetune")]
    state: Option<PathBuf>,
}

impl FinetuneArgs {
    /// The first flag that was given.
    fn given(&self) -> Option<&'static str> {
        let given = [
            (!self.lr.is_empty(), "--lr"),
            (!self.weight_decay.is_empty(), "--weight-decay"),
            (self.updates.is_some(), "--updates"),
            (self.batch_size.is_some(), "--batch-size"),
            (self.from_scratch, "--from-scratch"),
            (self.state.is_some(), "--state"),
        ];
        given.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }

    fn protocol(&self, precision: Precision, seed: u64) -> FinetuneTransferProtocol {
        let usual = FinetuneTransferProtocol::default();
        let or = |given: &[f64], usual: Vec<f64>| if given.is_empty() { usual } else { given.to_vec() };
        FinetuneTransferProtocol {
            lr: or(&self.lr, usual.lr),
            weight_decay: or(&self.weight_decay, usual.weight_decay),
            updates: self.updates.unwrap_or(usual.updates),
            batch_size: self.batch_size.unwrap_or(usual.batch_size),
            precision: Some(precision),
            from_scratch: self.from_scratch,
            seed,
        }
    }
}

fn set(name: &str) -> Result<OfficialKind, String> {
    OfficialKind::from_name(name).ok_or_else(|| {
        let known = OfficialKind::ALL.map(OfficialKind::name).join(", ");
        format!("the sets are {known}")
    })
}

pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    if let (Mode::Linear, Some(flag)) = (args.mode, args.finetune.given()) {
        return Err(Usage(format!("{flag} belongs to --mode finetune")).into());
    }
    if args.mode == Mode::Finetune && args.model.machine.no_cache {
        return Err(Usage("--no-cache belongs to --mode linear: fine-tuning keeps no features".into()).into());
    }
    let wanted = wanted(args)?;
    let mut opened = args.model.open_as_published(talk)?;
    if args.mode == Mode::Linear {
        opened.input.transform = transfer_transform(&opened.input.transform);
    }
    let mut found = Vec::with_capacity(wanted.len());
    for (kind, folder) in wanted {
        // All are opened first: what is missing of the last one is better known now than in an hour.
        found.push(open_official(Some(kind), &folder, args.seed)?);
    }
    let mut measured = Vec::with_capacity(found.len());
    for set in &found {
        introduce(set, talk);
        measured.push(match args.mode {
            Mode::Linear => linear(&opened, set, args.seed, talk)?,
            Mode::Finetune => finetune(&opened, set, args, talk)?,
        });
        // Recorded at once: what goes wrong with a later set costs none of the earlier ones.
        let last = metrics(&opened, &measured[measured.len() - 1..]);
        results::record(&opened, evaluations::TRANSFER, &last, talk);
    }
    results::print(&metrics(&opened, &measured), args.json, &table(&measured))?;
    Ok(())
}

/// `mode`, one object for each set, and what they have in common.
fn metrics(opened: &Opened, measured: &[TransferResult]) -> Metrics {
    let mode = measured.first().map_or("", |result| result.method.name());
    let sets = measured.iter().map(TransferResult::json).collect();
    let more = [("mode".to_owned(), mode.into()), ("sets".to_owned(), sets)].into_iter().collect();
    Metrics { more, protocol: opened.protocol(), ..Metrics::default() }
}

/// The sets to measure, each with its folder, in the order of published tables.
fn wanted(args: &Args) -> anyhow::Result<Vec<(OfficialKind, PathBuf)>> {
    if let [kind] = args.sets[..] {
        // If a set is named, the error says what is missing of it, even if everything is.
        let at = find_official(&args.data).unwrap_or_default();
        let at = at.into_iter().find(|(found, _)| *found == kind);
        return Ok(vec![at.unwrap_or((kind, args.data.clone()))]);
    }
    let mut found = find_official(&args.data)?;
    if !args.sets.is_empty() {
        let there: Vec<OfficialKind> = found.iter().map(|(kind, _)| *kind).collect();
        if let Some(missing) = args.sets.iter().find(|kind| !there.contains(kind)) {
            let names = there.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
            let message =
                format!("{} is not below {}, there are {names}", missing.name(), args.data.display());
            return Err(Usage(message).into());
        }
        found.retain(|(kind, _)| args.sets.contains(kind));
    }
    Ok(found)
}

fn introduce(set: &OfficialSet, talk: &Talk) {
    let title = set.kind.title();
    talk.say(format!(
        "{title}: {} training images, {} test images, {} classes",
        set.train.len(),
        set.test.len(),
        set.classes().len()
    ));
    for left_out in set.train.left_out() {
        talk.detail(format!("{title}: left out {left_out}"));
    }
}

fn linear(opened: &Opened, set: &OfficialSet, seed: u64, talk: &Talk) -> anyhow::Result<TransferResult> {
    let title = set.kind.title();
    let protocol = LinearTransferProtocol { seed, ..LinearTransferProtocol::default() };
    let train = opened.features(FeatureKind::Last, &set.train, &format!("{title}, training"), talk)?;
    let test = opened.features(FeatureKind::Last, &set.test, &format!("{title}, test"), talk)?;
    let mut counting = Counting::new(talk, &format!("{title}, regularisations")).on(&opened.machine);
    let mut progress = |done, all| counting.at(done, all);
    let result = linear_transfer(set, &train, &test, opened.machine.device, &protocol, &mut progress)?;
    drop(counting);
    if let TransferMethod::Linear { converged: false, .. } = result.method {
        talk.warn(format!(
            "{title}: the last fit used all of its {} steps and could still gain a little",
            protocol.iterations
        ));
    }
    Ok(result)
}

fn finetune(opened: &Opened, set: &OfficialSet, args: &Args, talk: &Talk) -> anyhow::Result<TransferResult> {
    let title = set.kind.title();
    let precision = opened.input.autocast.map_or(Precision::Fp32, |_| Precision::Bf16);
    let protocol = args.finetune.protocol(precision, args.seed);
    let trainings = protocol.trainings();
    let word = if trainings == 1 { "training" } else { "trainings" };
    talk.say(format!("{title}: {trainings} {word} of {} updates", protocol.updates));
    let mut counting = Counting::new(talk, &format!("{title}, updates")).on(&opened.machine);
    let mut progress = |done, step, steps| counting.at(done * steps + step, trainings * steps);
    let kept = args.finetune.state.as_deref();
    let result = finetune_transfer(&opened.model, set, &protocol, &opened.machine, kept, &mut progress)?;
    drop(counting);
    if result.unreadable > 0 {
        talk.warn(format!("{title}: {} images could not be read and do not count", result.unreadable));
    }
    Ok(result)
}

/// A line for each set: its figure, and how its setting was chosen.
fn table(results: &[TransferResult]) -> Vec<String> {
    let header = ["set", "figure", "", "images", "setting", "chosen by"].map(str::to_owned);
    let rows = results.iter().map(|result| {
        let chosen = result.selection.as_ref().map_or_else(
            || "nothing to choose".to_owned(),
            |by| format!("{:.4} on {} validation images", by.validation_figure, by.validation_images),
        );
        [
            result.set.title().to_owned(),
            format!("{:.4}", result.figure),
            figure_name(result.set.metric()).to_owned(),
            format!("{} + {}", result.train_images, result.test_images),
            result.method.setting(),
            chosen,
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn figure_name(metric: TransferMetric) -> &'static str {
    match metric {
        TransferMetric::Top1 => "top-1",
        TransferMetric::MeanPerClass => "mean per class",
        TransferMetric::Voc11PointMap => "11-point mAP",
    }
}
