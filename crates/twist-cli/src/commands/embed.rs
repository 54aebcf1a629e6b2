//! `twist embed`: the features of each image.

use std::path::PathBuf;

use serde_json::json;
use twist_model::{TableFormat, beside, embedding_rows, embedding_schema, table_in_file};

use crate::args::StreamingArgs;
use crate::talk::Talk;
use crate::{out_file, sources, stream};

const EXAMPLES: &str = "\
Examples:
  twist embed runs/demo-1 photos/ --out photos.parquet     columns path, index, label, embedding
  twist embed runs/demo-1 photos/ --out photos.npy         and photos.npy.csv with the paths
  twist embed resnet50.safetensors 'shards/*.tar' --out features.safetensors --normalize

Memory does not grow with the number of images. The file appears when it is complete.
Images that cannot be read are left out and listed.";

const FORMATS: [TableFormat; 3] = [TableFormat::Parquet, TableFormat::Npy, TableFormat::Safetensors];

/// Write the features of each image as a table
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    model: StreamingArgs,
    /// Folder, image, pattern, list, - (paths on stdin), tar shards, zip, parquet or CIFAR batches
    #[arg(value_name = "DATA")]
    data: String,
    /// The table: .parquet, .npy or .safetensors; the last two with a .csv beside them
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file of --out if it exists
    #[arg(long)]
    force: bool,
    /// Divide each embedding by its length, so that products are cosine similarities
    #[arg(long)]
    normalize: bool,
    /// Where labels come from: auto (what DATA contains), folder (every sub-folder is a class), coarse (super-classes of CIFAR-100), none, or a list file
    #[arg(long, value_name = "auto|folder|none|FILE", default_value = sources::DEFAULT_LABELS)]
    labels: String,
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let format = stream::format_of(&args.out, &FORMATS, ".parquet, .npy or .safetensors")?;
    out_file::check(&args.out, args.force)?;
    if format != TableFormat::Parquet {
        out_file::check(&beside(&twist_io::followed(&args.out)), args.force)?;
    }
    let opened = args.model.open(talk)?;
    let schema = embedding_schema(opened.model.card.feature_dim as usize);
    let mut facts = opened.protocol();
    facts["normalized"] = json!(args.normalize);
    let mut sink = table_in_file(&twist_io::followed(&args.out), format, &schema, &facts)?;
    let dataset = sources::open_all(&args.data, &args.labels, talk)?;
    let count = stream::of_images(&opened, &dataset, "embedding", talk, |batch| {
        sink.push(&embedding_rows(&schema, batch, &*dataset, args.normalize)?)
    })?;
    sink.finish()?;
    let names = match format {
        TableFormat::Parquet => String::new(),
        _ => format!(", their paths in {}", beside(&twist_io::followed(&args.out)).display()),
    };
    let width = opened.model.card.feature_dim;
    talk.say(format!("{count} images with {width} numbers each in {}{names}", args.out.display()));
    Ok(())
}
