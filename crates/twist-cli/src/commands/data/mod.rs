//! `twist data`: looking at images before training on them, and packing them.

mod info;
mod pack;
mod verify;

use indicatif::ProgressBar;
use twist_data::{Dataset, Remark, Unreadable};
use twist_io::printable;

use crate::args::at_least;
use crate::bar;
use crate::exit::Exit;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist data info photos/                            counts, sizes, classes, unreadable files
  twist data info 'train-*.tar' --json
  twist data verify photos/                          exit code 1 if an image is damaged
  twist data pack photos/ --out shards/photos.tar    a few tar shards instead of many files";

/// Look at, check or pack a data set
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Info(info::Args),
    Verify(verify::Args),
    Pack(pack::Args),
}

/// What all three take.
#[derive(Debug, clap::Args)]
struct Common {
    /// Folder, image, pattern, list, - (paths on stdin), tar shards, parquet, CIFAR batches or shapes:train
    #[arg(value_name = "DATA")]
    data: String,
    /// Where labels come from: auto (what DATA says), folder (sub-folders, also those called like dates), coarse, none, or a list file
    #[arg(long, value_name = "auto|folder|none|FILE", default_value = crate::sources::DEFAULT_LABELS)]
    labels: String,
    /// Threads that decode [default: one for each core]
    #[arg(long, value_name = "N", value_parser = at_least::<u16>(1), help_heading = "Machine")]
    threads: Option<u16>,
}

impl Common {
    fn open(&self, talk: &Talk) -> anyhow::Result<std::sync::Arc<dyn Dataset>> {
        crate::sources::open_all(&self.data, &self.labels, talk)
    }

    /// The same for a command that says itself what is left out.
    fn look(&self) -> anyhow::Result<std::sync::Arc<dyn Dataset>> {
        crate::sources::opened(&self.data, &self.labels, twist_data::Splits::Together)
    }

    /// 0 means one for each core.
    fn threads(&self) -> usize {
        self.threads.map_or(0, usize::from)
    }
}

/// Runs what was asked for.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    match &args.action {
        Action::Info(args) => info::run(args, talk),
        Action::Verify(args) => verify::run(args, talk),
        Action::Pack(args) => pack::run(args, talk),
    }
}

/// A bar over `images` on a terminal, nothing elsewhere.
fn bar(images: usize, talk: &Talk) -> ProgressBar {
    bar::counting(images as u64, "", talk)
}

/// One line for each damaged image.
fn damaged(unreadable: &[Unreadable]) -> impl Iterator<Item = String> {
    unreadable.iter().map(|image| format!("{}: {}", printable(&image.path), printable(&image.reason)))
}

/// One line for each image that is odd and was read all the same.
fn remarked(remarks: &[Remark]) -> impl Iterator<Item = String> {
    remarks.iter().map(|remark| format!("{}: {}", printable(&remark.path), printable(&remark.what)))
}
