//! `twist eval finetune`: accuracy after fine-tuning on a part of the labels, over seeds.

use std::path::PathBuf;

use twist_eval::LabelBudget;
use twist_eval::finetune::finetune_seeds;
use twist_run::{evaluations, figure};
use twist_train::{Costs, Work};

use crate::args::{BudgetArgs, MODEL, TeachArgs, TeachMachineArgs, at_least};
use crate::digits::counted;
use crate::estimate::Estimate;
use crate::label_lines::result_lines;
use crate::progress::Counting;
use crate::results;
use crate::sources::{self, DEFAULT_LABELS, warn_of_same};
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist eval finetune runs/mine-1 --train photos/ --test held-out/ --percent 10
  twist eval finetune runs/cifar10_cpu-1 --train 'cifar10/train-*.tar' --test 'cifar10/test-*.tar' \\
      --percent 1 --seeds 3 --state seeds/";

/// Accuracy after fine-tuning backbone and classifier on a part of the labels (no model is kept)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[arg(value_name = "MODEL", help = MODEL)]
    model: PathBuf,
    /// Images to learn from: any DATA
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    train: String,
    /// Labelled images to test on
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    test: String,
    /// Number of repetitions, with the seeds SEED, SEED + 1, …: mean and standard deviation are reported
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least::<u64>(1))]
    seeds: u64,
    /// Folder for finished and unfinished parts; the same command resumes from them
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    teach: TeachArgs,
    #[command(flatten)]
    machine: TeachMachineArgs,
}

pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let (opened, precision) = args.machine.open(&args.model, talk)?;
    let train = sources::open(&args.train, DEFAULT_LABELS, talk)?;
    let test = sources::open(&args.test, DEFAULT_LABELS, talk)?;
    warn_of_same(&*train, &*test, talk);
    let budget = match &args.budget.labels {
        Some(file) => LabelBudget::File(file.clone()),
        None => LabelBudget::Percent(args.budget.percent.unwrap_or(100.0)),
    };
    let options = args.teach.options(precision);
    let seeds = args.seeds;
    let mut foretell = |costs: Costs, work: Work| {
        let all = Work { epochs: work.epochs * seeds, evaluations: work.evaluations * seeds, ..work };
        Estimate { costs, work: all, fixed: 0 }.say(talk);
    };
    let mut counting = Counting::new(talk, "steps").on(&opened.machine);
    let mut progress = |place: u64, done: usize, all: usize| {
        counting.at(place as usize * all + done, seeds as usize * all);
    };
    let foretell: Option<&mut dyn FnMut(Costs, Work)> =
        if talk.shows_progress() { Some(&mut foretell) } else { None };
    let metrics = finetune_seeds(
        &opened.model,
        (&train, &test),
        &budget,
        (&options, seeds),
        &opened.machine,
        args.state.as_deref(),
        (&mut progress, foretell),
    )?;
    drop(counting);
    let mut lines = result_lines(figure::FINETUNE, &metrics);
    let begin = if options.from_scratch { "from scratch" } else { "fine-tuned" };
    lines[0] = format!(
        "{begin}, {} labels, {}: {}",
        metrics.protocol["labels"]["images"],
        counted(seeds, "seed"),
        lines[0]
    );
    results::emit(&opened, evaluations::FINETUNE, test.classes(), metrics, args.json, &lines, talk)
}
