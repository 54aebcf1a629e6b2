//! `twist data pack`: many small files into few large ones.

use twist_data::PackOptions;

use super::common::{Common, bar, damaged};
use crate::args::at_least;
use crate::digits::counted;
use crate::talk::{Talk, to_stdout};

const EXAMPLES: &str = "\
Examples:
  twist data pack photos/ --out shards/photos.tar         writes shards/photos-000000.tar, …
  twist data pack photos/ --out shards/p-%04d.tar --max-images 5000
  twist train 'shards/photos-*.tar'";

/// Write tar shards in the WebDataset convention, images byte for byte as they are
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Name of the shards: NAME.tar writes NAME-000000.tar and so on; NAME-%04d.tar says where the number goes
    #[arg(long, value_name = "NAME.tar")]
    out: String,
    /// Most images of one shard
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = at_least::<usize>(1))]
    max_images: usize,
    /// Stop at the first image that cannot be read instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Packs, and prints the pattern that opens the shards.
pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let dataset = args.common.open(talk)?;
    let bar = bar(dataset.len(), talk);
    let report = twist_data::pack(
        &*dataset,
        &args.out,
        &PackOptions {
            max_images: args.max_images,
            strict: args.strict,
            threads: args.common.threads(),
            progress: Some(&|done| bar.set_position(done as u64)),
            ..PackOptions::default()
        },
    )?;
    bar.finish_and_clear();
    for line in damaged(&report.skipped) {
        talk.warn(format!("left out {line}"));
    }
    if args.json {
        to_stdout(serde_json::to_string_pretty(&report)?)?;
    } else {
        let mib = report.bytes as f64 / f64::from(1 << 20);
        talk.say(format!(
            "{} in {}, {mib:.1} MiB; open them as",
            counted(report.images as u64, "image"),
            counted(report.shards.len() as u64, "shard")
        ));
        to_stdout(&report.pattern)?;
    }
    Ok(())
}
