//! `twist finetune`: from a trained model and labels to a classifier.

use std::path::Path;

use twist_eval::LabelledImages;
use twist_eval::finetune::{FinetuneConfig, FinetuneRun, Kind};

use crate::args::{BudgetArgs, Duration, RunFolderArgs, TeachArgs, TeachMachineArgs};
use crate::estimate::TimeAsked;
use crate::exit::{Exit, Usage};
use crate::job::{self, LabelJob, Target};
use crate::sources::{self, DEFAULT_LABELS};
use crate::talk::Talk;
use crate::{place, progress};

/// The name of a run without `--out`.
const NAME: &str = "finetune";

/// The help of `--out`. Fine-tuning has no recipe that could name its run.
const OUT: &str =
    "Folder of the run [default: the next free runs/finetune-N; with --resume the latest of them]";

const EXAMPLES: &str = "\
Examples:
  twist finetune runs/mine-1 --train photos/ --labels labelled.csv    a handful of labelled images
  twist finetune runs/mine-1 --train 'train-*.tar' --test 'test-*.tar' --percent 1
  twist finetune resnet50.safetensors --train imagenet/train --labels 1percent.txt
  twist finetune --resume --out runs/finetune-1                       resume after a stop or a kill

The run folder is a MODEL with a classifier: `twist predict`, `twist eval classifier` use it.
MODEL itself is not changed. Default values are those of the released code for the part of the
labels. With up to 50 labels per class, cross-validation estimates the accuracy, and probabilities
are scaled so that their mean equals it, as far as T from 1 to 100 allows.";

/// Train a classifier, together with the backbone, from labels
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_arg("out", |out| out.help(OUT)))]
pub(crate) struct Args {
    /// A run folder, a checkpoint, a weight file, hf:ORG/NAME, or `starter`; can be left out with --resume --out RUN
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Images to learn from: any DATA
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    train: Option<String>,
    /// Labelled images to test on
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    test: Option<String>,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    teach: TeachArgs,
    #[command(flatten)]
    folder: RunFolderArgs,
    #[command(flatten)]
    machine: TeachMachineArgs,
    /// Time for training, such as 30m or 1h30m: without --epochs the schedule is fitted to it; at its end the run is saved, and
    /// --resume continues it
    #[arg(long, value_name = "TIME", help_heading = "Machine")]
    max_time: Option<Duration>,
}

/// Trains, tests, and leaves a model in the run folder.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    args.folder.check()?;
    let path = place::of_run(&args.folder, NAME, None);
    let mut config = config(args, &path)?;
    let (opened, precision) = args.machine.open(&config.model, talk)?;
    config.precision = precision.or(config.precision);
    refuse_own_folder(opened.model.folder.as_deref(), &path)?;
    sources::lasting(&config.train, "--train")?;
    config.test.as_deref().map_or(Ok(()), |test| sources::lasting(test, "--test"))?;
    let train = sources::open(&config.train, DEFAULT_LABELS, talk)?;
    let test = config.test.as_deref().map(|test| sources::open(test, DEFAULT_LABELS, talk)).transpose()?;
    let labelled = LabelledImages::choose(&train, &config.budget(), config.seed)?;
    if let Some(test) = &test {
        sources::warn_of_same(&*labelled.images, &**test, talk);
    }
    let labelled = labelled.in_memory();

    let (source, machine) = (&opened.model, &opened.machine);
    let watch = progress::watch(talk, machine);
    let run = FinetuneRun { config, source, labelled, images: train, test, machine, watch };
    let limit = args.max_time.map(|time| time.0);
    let time = TimeAsked { limit, epochs: run.config.epochs.is_some() };
    let target = Target {
        folder: path,
        on_existing: args.folder.on_existing(),
        again: "twist finetune --resume --out",
    };
    job::run(LabelJob { run, time, json: args.json }, &target, talk)
}

/// What the command line says; what it does not say comes from the run that is resumed.
fn config(args: &Args, folder: &Path) -> anyhow::Result<FinetuneConfig> {
    let before = if args.folder.resume { FinetuneConfig::read(folder)? } else { None };
    let missing = |what: &str| {
        let hint =
            if args.folder.resume { "; --resume without it needs --out RUN, the run to resume" } else { "" };
        Usage(format!(
            "{what} is missing: `twist finetune MODEL --train DATA`, see `twist finetune --help`{hint}"
        ))
    };
    let model = args.model.as_deref().map(|model| args.machine.of(sources::model_to_keep(model).into()));
    let given = args.teach.options(None);
    let old = before.as_ref();
    let has_budget = args.budget.percent.is_some() || args.budget.labels.is_some();
    let labels = args.budget.labels.as_deref().map(std::path::absolute).transpose()?;
    Ok(FinetuneConfig {
        kind: Kind::Finetune,
        model: model.or_else(|| Some(old?.model.clone())).ok_or_else(|| missing("MODEL"))?,
        train: args
            .train
            .as_deref()
            .map(sources::absolute)
            .or_else(|| Some(old?.train.clone()))
            .ok_or_else(|| missing("--train DATA"))?,
        test: args.test.as_deref().map(sources::absolute).or_else(|| old?.test.clone()),
        percent: args.budget.percent.or_else(|| old.filter(|_| !has_budget)?.percent),
        labels: labels.or_else(|| old.filter(|_| !has_budget)?.labels.clone()),
        from_scratch: given.from_scratch || old.is_some_and(|old| old.from_scratch),
        epochs: given.epochs.or_else(|| old?.epochs),
        batch_size: given.batch_size.or_else(|| old?.batch_size),
        lr: given.lr.or_else(|| old?.lr),
        backbone_lr: given.backbone_lr.or_else(|| old?.backbone_lr),
        weight_decay: given.weight_decay.or_else(|| old?.weight_decay),
        test_every: given.test_every.or_else(|| old?.test_every),
        norm_batch: given.norm_batch.or_else(|| old?.norm_batch),
        precision: old.and_then(|old| old.precision),
        seed: args.teach.seed.or_else(|| Some(old?.seed)).unwrap_or(0),
    })
}

/// The run that is begun with must not be the run that is written.
fn refuse_own_folder(model: Option<&Path>, run: &Path) -> anyhow::Result<()> {
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    match model.and_then(real) {
        Some(folder) if real(run).as_deref() == Some(&*folder) => Err(Usage(format!(
            "{} is the run of MODEL itself, and it is not overwritten: name another folder with --out",
            run.display()
        ))
        .into()),
        _ => Ok(()),
    }
}
