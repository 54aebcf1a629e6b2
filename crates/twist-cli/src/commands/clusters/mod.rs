//! `twist clusters`: what classes are called, which ones are one, how many there are, and when an image is unsure.

mod cut;
mod edit;
mod export;
mod keep;
mod show;
mod split;
mod tree;

use std::path::PathBuf;

use crate::named_model;
use crate::names::Named;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist clusters runs/demo-1 show                            with their images, largest first
  twist clusters runs/demo-1 rename 3 \"red circles\"          by number, or by its current name
  twist clusters runs/demo-1 merge 3 7 12 --name circles     from now on they are one class
  twist clusters runs/demo-1 unmerge circles                 undoes the last merge of a class
  twist clusters runs/demo-1 tree                            which classes are nearest
  twist clusters runs/demo-1 cut 12                          merges them until 12 are left
  twist clusters runs/photos-1 split 3                       class 3 becomes several
  twist clusters runs/demo-1 unsure 0.6                      less probable ones are marked unsure
  twist clusters runs/demo-1 keep                            keeps the names from before a resume
  twist clusters runs/demo-1 export --labels --out labels.csv

The names are stored in clusters.json of a run folder, or in FILE.clusters.json beside a weight
file. `twist predict`, `twist neighbors` and `twist report` use them; the network is not changed.
A split adds a small head to the model of a run; everything that uses the model has the new classes.
A resumed run changes its classes: when it is evaluated at its end, names go on to the classes that
hold most of the same images. Names of other weights are not used until you run `keep`.
For a model of `twist finetune`, the classes are those of the labels.";

/// Name, merge and split classes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A run folder, a checkpoint, a weight file, hf:ORG/NAME, or `starter`
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Show(show::Args),
    Rename(edit::Rename),
    Merge(edit::Merge),
    Unmerge(edit::Unmerge),
    Tree(tree::Args),
    Cut(cut::Args),
    Split(split::Split),
    Unsplit(split::Unsplit),
    Unsure(edit::Unsure),
    Keep(keep::Args),
    Export(export::Args),
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let model = &named_model::resolved(&args.model, talk)?;
    let to_change = || Named::to_change(model);
    let to_name = || to_change().inspect(|named| named.warn_of_classes_that_change(talk));
    match &args.action {
        Action::Show(args) => show::run(args, &Named::open(model, talk)?, talk),
        Action::Rename(args) => args.run(&mut to_name()?, talk),
        Action::Merge(args) => args.run(&mut to_name()?, talk),
        Action::Unmerge(args) => args.run(&mut to_change()?, talk),
        Action::Tree(args) => tree::run(args, model, talk),
        Action::Cut(args) => args.run(&mut to_change()?, model, talk),
        Action::Split(args) => args.run(model, talk),
        Action::Unsplit(args) => args.run(model, talk),
        Action::Unsure(args) => args.run(&mut to_change()?, talk),
        Action::Keep(_) => keep::run(model, talk),
        Action::Export(args) => export::run(args, &Named::open(model, talk)?, talk),
    }
}
