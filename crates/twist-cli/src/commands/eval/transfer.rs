//! `twist eval transfer`: what frozen features are worth on the data sets of the field.

use std::path::PathBuf;

use anyhow::bail;
use serde_json::json;
use twist_data::{OfficialKind, TransferMetric, find_official, open_official};
use twist_eval::{LinearTransferProtocol, TransferResult, linear_transfer};

use crate::args::ModelArgs;
use crate::exit::Exit;
use crate::model::Opened;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist eval transfer runs/cifar10-1 --data sets/          every set found below sets/, one line each
  twist eval transfer dino.safetensors --data sets/ --set dtd --set pets
  twist eval transfer dino.safetensors --data sets/dtd --json

The sets, unpacked from their official archives with nothing moved:
  food101, cifar10, cifar100 (binary version), sun397, cars, aircraft, voc2007, dtd, pets, caltech101, flowers

Protocol: features of the frozen backbone without augmentation; logistic regression whose l2 is the best
of 45 on validation images, fitted again to all training images; test images are looked at once.";

/// Linear classification of other data sets with frozen features: Food-101, VOC 2007, DTD, Pets and more
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Folder of one set, or of several
    #[arg(long, value_name = "ROOT")]
    data: PathBuf,
    /// Only this set; may be given several times [default: all that are found]
    #[arg(long = "set", value_name = "NAME", value_parser = set)]
    sets: Vec<OfficialKind>,
    /// Divides training images where the authors of a set do not
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A name of a set.
fn set(name: &str) -> Result<OfficialKind, String> {
    OfficialKind::from_name(name).ok_or_else(|| {
        let known = OfficialKind::ALL.map(OfficialKind::name).join(", ");
        format!("the sets are {known}")
    })
}

/// Measures every set and prints a table.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    let found = find(args)?;
    let opened = args.model.open(talk)?;
    let protocol = LinearTransferProtocol { seed: args.seed, ..LinearTransferProtocol::default() };
    let mut results = Vec::new();
    for (kind, folder) in found {
        let set = open_official(Some(kind), &folder, args.seed)?;
        talk.say(format!(
            "{}: {} training images, {} test images, {} classes",
            kind.title(),
            set.train.len(),
            set.test.len(),
            set.classes().len()
        ));
        results.push(measure(&opened, &set, &protocol, talk)?);
    }
    let value = json!({ "mode": "linear", "sets": results.iter().map(TransferResult::json).collect::<Vec<_>>() });
    crate::results::emit(&opened, "transfer", value, args.json, table(&results))?;
    Ok(Exit::Done)
}
