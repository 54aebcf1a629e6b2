//! `twist data`: looking at images before training on them, and packing them.

mod common;
mod info;
mod pack;
mod verify;

use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist data info photos/                            counts, sizes, classes, unreadable files
  twist data info 'train-*.tar' --json
  twist data verify photos/                          exit code 1 if an image is damaged
  twist data pack photos/ --out shards/photos.tar    a few tar shards instead of many files";

/// Inspect, check or pack a data set
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

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    match &args.action {
        Action::Info(args) => info::run(args, talk),
        Action::Verify(args) => verify::run(args, talk),
        Action::Pack(args) => pack::run(args, talk),
    }
}
