//! The command line as typed: close to the flags, nothing resolved. [`crate::settings`] turns it into a run.

mod values;

mod model;
mod run;
mod streaming;
mod teach;

pub(crate) use model::{ModelArgs, UseArgs};
pub(crate) use run::{MachineArgs, RecipeArgs, RunFolderArgs};
pub(crate) use streaming::StreamingArgs;
pub(crate) use teach::{BudgetArgs, TeachArgs, TeachMachineArgs};
pub(crate) use values::{Duration, PrecisionArg, Rgb, ShellArg};

use clap::{Parser, Subcommand};

use crate::commands::{
    bench, clusters, completions, data, demo, doctor, embed, eval, finetune, import, neighbors, predict,
    recipes, report, train,
};

const ABOUT: &str = "Discovers classes in images that nobody labelled (self-supervised TWIST)";

const START: &str = "\
Start here:
  twist demo                      discovers ten classes in pictures it draws itself (3 minutes)
  twist data info photos/         shows what is in a folder of images
  twist train photos/ --clusters 20
  twist report runs/cifar10_cpu-1
  twist predict runs/cifar10_cpu-1 photos/

DATA is a folder of images (sub-folders are classes when there are any), a list (.txt, .csv),
tar shards ('shards/train-*.tar' or 'train-{000..009}.tar', in quotes), parquet files,
CIFAR binary batches, or shapes:train, the pictures of the demo.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 training collapsed,
130 and 143 stopped by Ctrl-C and SIGTERM (saved; --resume goes on).";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "twist", version, about = ABOUT, after_help = START, max_term_width = 110)]
#[command(propagate_version = true, arg_required_else_help = true, infer_subcommands = false)]
pub(crate) struct Cli {
    /// Only warnings and errors on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// More detail on stderr
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, each in its file under `commands/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Train(Box<train::Args>),
    Finetune(Box<finetune::Args>),
    Eval(Box<eval::Args>),
    Predict(predict::Args),
    Embed(embed::Args),
    Neighbors(neighbors::Args),
    Clusters(clusters::Args),
    Report(report::Args),
    Import(import::Args),
    Data(data::Args),
    Bench(bench::Args),
    Recipes(recipes::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
}
