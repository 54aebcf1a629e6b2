//! `twist eval transfer`: what frozen features are worth on the data sets of the field.

use std::path::PathBuf;

use serde_json::Map;
use twist_data::{OfficialKind, OfficialSet, TransferMetric, find_official, open_official};
use twist_eval::{FeatureKind, LinearTransferProtocol, TransferResult, linear_transfer, transfer_transform};

use crate::args::ModelArgs;
use crate::exit::{Exit, Usage};
use crate::model::Opened;
use crate::progress::Counting;
use crate::results;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist eval transfer runs/cifar10-1 --data sets/       every set found there, one line each
  twist eval transfer dino.safetensors --data sets/ --set dtd --set pets
  twist eval transfer dino.safetensors --data sets/dtd --json

The sets, unpacked from their official archives with nothing moved:
  food101, cifar10, cifar100 (binary version), sun397, cars, aircraft, voc2007, dtd, pets,
  caltech101, flowers

Protocol: features of the frozen backbone without augmentation; logistic regression whose l2 is the
best of 45 on validation images, fitted again to all training images; test images are looked at once.";

/// Linear classification of Food-101, VOC 2007, DTD, Pets and other data sets with frozen features
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
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
    #[command(flatten)]
    model: ModelArgs,
}

/// A name of a set.
fn set(name: &str) -> Result<OfficialKind, String> {
    OfficialKind::from_name(name).ok_or_else(|| {
        let known = OfficialKind::ALL.map(OfficialKind::name).join(", ");
        format!("the sets are {known}")
    })
}

/// Measures every set and prints a table.
pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    let wanted = wanted(args)?;
    let mut opened = args.model.open(talk)?;
    opened.input.transform = transfer_transform(&opened.input.transform);
    let protocol = LinearTransferProtocol { seed: args.seed, ..LinearTransferProtocol::default() };
    let mut found = Vec::with_capacity(wanted.len());
    for (kind, folder) in wanted {
        // All are opened first: what is missing of the last one is better known now than in an hour.
        found.push(open_official(Some(kind), &folder, args.seed)?);
    }
    let mut results = Vec::with_capacity(found.len());
    for set in &found {
        results.push(measure(&opened, set, &protocol, talk)?);
    }
    let mut figures = Map::new();
    figures.insert("mode".into(), "linear".into());
    figures.insert("sets".into(), results.iter().map(TransferResult::json).collect());
    figures.insert("protocol".into(), opened.protocol());
    results::emit(&opened, "transfer", &[], figures, args.json, &table(&results))?;
    Ok(Exit::Done)
}

/// The sets to measure, each with its folder, in the order of published tables.
fn wanted(args: &Args) -> anyhow::Result<Vec<(OfficialKind, PathBuf)>> {
    if let [kind] = args.sets[..] {
        // Where a set is named, what is missing of it is said, even if there is nothing of it at all.
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

fn measure(
    opened: &Opened,
    set: &OfficialSet,
    protocol: &LinearTransferProtocol,
    talk: &Talk,
) -> anyhow::Result<TransferResult> {
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
    let train = opened.features(FeatureKind::Last, &set.train, &format!("{title}, training"), talk)?;
    let test = opened.features(FeatureKind::Last, &set.test, &format!("{title}, test"), talk)?;
    let mut counting = Counting::new(talk, &format!("{title}, regularisations"));
    let mut progress = |done, all| counting.at(done, all);
    let result = linear_transfer(set, &train, &test, opened.machine.device, protocol, &mut progress)?;
    drop(counting);
    if !result.converged {
        talk.warn(format!(
            "{title}: the last fit used all of its {} steps and could still gain a little",
            protocol.iterations
        ));
    }
    Ok(result)
}

/// A line for each set: its figure, and how its regularisation was chosen.
fn table(results: &[TransferResult]) -> Vec<String> {
    let header = ["set", "figure", "", "images", "l2", "chosen by"].map(str::to_owned);
    let rows = results.iter().map(|result| {
        let chosen = &result.selection;
        [
            result.set.title().to_owned(),
            format!("{:.4}", result.figure),
            figure_name(result.set.metric()).to_owned(),
            format!("{} + {}", result.train_images, result.test_images),
            format!("{:.1e}", chosen.l2),
            format!("{:.4} on {} validation images", chosen.validation_figure, chosen.validation_images),
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
