//! `twist data verify`: whether every image can be read.

use twist_data::SurveyOptions;

use super::common::{Common, bar, damaged, remarked};
use crate::talk::{Talk, to_stdout};

const EXAMPLES: &str = "\
Examples:
  twist data verify photos/                   one line for each image that cannot be read
  twist data verify 'train-*.tar' --json";

/// Decode every image; exit code 1 if one cannot be read
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let dataset = args.common.open(talk)?;
    let bar = bar(dataset.len(), talk);
    let progress = |done: usize| bar.set_position(done as u64);
    let options = SurveyOptions { threads: args.common.threads(), progress: Some(&progress) };
    let report = twist_data::verify(&*dataset, &options);
    bar.finish_and_clear();
    if args.json {
        to_stdout(serde_json::to_string_pretty(&report)?)?;
    } else {
        for line in damaged(&report.unreadable) {
            to_stdout(line)?;
        }
    }
    for line in remarked(&report.remarks) {
        talk.warn(line);
    }
    match report.unreadable.len() {
        0 => {
            talk.say(format!("all {} images can be read", report.images));
            Ok(())
        }
        count => anyhow::bail!(
            "{count} of {} images cannot be read: replace or remove them; `twist train` skips them, with --strict it stops there",
            report.images
        ),
    }
}
