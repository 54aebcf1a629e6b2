//! `twist predict`: the class of each image, and the images sorted by it.

mod class_folders;
mod file_address;
mod folder_lock;
mod record;
mod sort;
mod stamp;

use std::path::PathBuf;
use std::sync::Arc;

use twist_data::Dataset;
use twist_model::{
    ClassSource, FeatureBatch, FeatureFile, FeatureRows, ModelError, Predictor, TableFormat, TableSink,
    table_in_file, table_in_stream, table_on_terminal,
};

use self::sort::Sorting;
use crate::args::{StreamingArgs, at_least};
use crate::exit::Usage;
use crate::model::{Opened, own_labels};
use crate::relocation::How;
use crate::screen::Stdout;
use crate::talk::{Talk, stdout_is_terminal};
use crate::{names, out_file, sources, stream};

const EXAMPLES: &str = "\
Examples:
  twist predict runs/demo-1 photos/                       CSV on stdout
  find photos -name '*.jpg' | twist predict runs/demo-1 -
  twist predict runs/demo-1 'photos/*.jpg' --top 3 --out classes.parquet
  twist predict runs/demo-1 'shards/*.tar' --unsure 0.6 --out classes.jsonl
  twist predict runs/demo-1 photos/ --sort-into sorted/   links in a folder for each class
  twist predict runs/demo-1 photos/ --sort-into sorted/ --move --unsure 0.6

The classes are those that training discovered, or those of the labels for a model of `twist
finetune`. Names and merges of `twist clusters` are used; the probabilities of merged classes are
added. `unsure` is true if the probability is below the threshold; class and probability stay.
`label` is the class that DATA gives (sub-folders, or --labels). Images that cannot be read are left
out and listed. Other commands read the CSV as --labels: `name` is then the label, whatever the
column `label` contains, and unsure images have none. In CSV, text that begins with = + - or @ gets
an apostrophe in front, so that spreadsheets do not treat it as a formula.

--sort-into puts the images into a folder for each class; those that are unsure into unsure/CLASS.
sorted.csv in that folder says what went where. Nothing is deleted or overwritten; if the command is
stopped, call it again. Without --out there is then no table on stdout, but the number of images in
each folder.";

/// The formats that hold text.
const FORMATS: [TableFormat; 3] = [TableFormat::Csv, TableFormat::JsonLines, TableFormat::Parquet];

/// Predict the class of each image, with probabilities
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    model: StreamingArgs,
    /// Folder, image, pattern, list, - (paths on stdin), tar shards, zip, parquet or CIFAR batches; or features (.npy, .parquet) for a model of features
    #[arg(value_name = "DATA")]
    data: String,
    /// Classes to name for each image, the most probable first
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least::<u16>(1))]
    top: u16,
    /// Where the column `label` comes from: auto (what DATA contains), folder (every sub-folder is a class), coarse (super-classes of CIFAR-100), none, or a list file
    #[arg(long, value_name = "auto|folder|none|FILE", default_value = sources::DEFAULT_LABELS)]
    labels: String,
    /// Probability below which an image is unsure [default: the one that `twist clusters MODEL unsure` set, else none]
    #[arg(long, value_name = "P", value_parser = probability)]
    unsure: Option<f64>,
    /// Which classes: discovered or labels [default: labels if the model has a classifier, else discovered]
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    classes: Option<ClassesArg>,
    /// The table: .csv, .jsonl or .parquet [default: CSV on stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file of --out if it exists
    #[arg(long, requires = "out")]
    force: bool,
    /// Put the images into a folder for each class: a new or empty one, or one that this command was stopped in
    #[arg(long, value_name = "DIR")]
    sort_into: Option<PathBuf>,
    /// With --sort-into: make symbolic links, DATA stays as it is (the default)
    #[arg(long, requires = "sort_into", conflicts_with_all = ["copy", "moved"])]
    link: bool,
    /// With --sort-into: make copies, also of images in tar shards, zip archives and parquet files
    #[arg(long, requires = "sort_into", conflicts_with = "moved")]
    copy: bool,
    /// With --sort-into: move the images away from DATA
    #[arg(long = "move", requires = "sort_into")]
    moved: bool,
}

/// `--classes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ClassesArg {
    Discovered,
    Labels,
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let format_of = |path| stream::format_of(path, &FORMATS, ".csv, .jsonl or .parquet");
    let format = args.out.as_deref().map(format_of).transpose()?;
    args.out.as_deref().map_or(Ok(()), |out| out_file::check(out, args.force))?;
    let sorting = |folder| Sorting::open(folder, args.how(), &args.data);
    let mut sorting = args.sort_into.as_deref().map(sorting).transpose()?;
    let opened = args.model.open(talk)?;
    let predictor = predictor(args, &opened, talk)?;
    let schema = predictor.schema();
    // A file that cannot be written is noticed before the work; stdout gets nothing before there is something to say.
    let file = match (&args.out, format) {
        (Some(path), Some(format)) => {
            Some(table_in_file(&twist_io::followed(path), format, &schema, &opened.protocol())?)
        }
        _ => None,
    };
    let source = match (Source::open(args, &opened, talk), &sorting) {
        (Err(error), Some(sorting)) => {
            // An inbox that is empty because everything in it was sorted is not a mistake.
            let finished = sorting.finished(&args.data, &error).ok_or(error)?;
            file.map_or(Ok(()), TableSink::finish)?;
            talk.say(finished);
            return Ok(());
        }
        (source, _) => source?,
    };
    if let Some(sorting) = &sorting {
        sorting.check(&**source.images()?)?;
    }
    let table = if stdout_is_terminal() { table_on_terminal } else { table_in_stream };
    let mut sink: Option<Box<dyn TableSink>> = match file {
        None if sorting.is_some() => None,
        None => Some(table(Box::new(Stdout), &schema)?),
        file => file,
    };
    let step = opened.model.step.map_or_else(String::new, |step| format!(", as of step {step}"));
    talk.say(format!("{} {}{step}", predictor.len(), predictor.source()));
    let mut take = |batch: &FeatureBatch<'_>| -> Result<(), ModelError> {
        let found = predictor.classify(&opened.model, batch)?;
        if let Some(sorting) = &mut sorting {
            sorting.add(&predictor, batch.indices, &found);
        }
        match &mut sink {
            Some(sink) => sink.push(&predictor.rows(&schema, &found, batch.indices, &**source.dataset())?),
            None => Ok(()),
        }
    };
    let (count, what) = match &source {
        Source::Images(dataset) => {
            (stream::of_images(&opened, dataset, "predicting", talk, &mut take)?, "images")
        }
        Source::Features(rows) => (rows.each(|batch| take(&batch))?, "rows"),
    };
    sink.map_or(Ok(()), TableSink::finish)?;
    if let Some(path) = &args.out {
        talk.say(format!("{count} {what} in {}", path.display()));
    }
    sorting.map_or(Ok(()), |sorting| sorting.finish(&predictor, &**source.dataset(), talk))
}

impl Args {
    /// What `--sort-into` does with the images.
    fn how(&self) -> How {
        match (self.copy, self.moved) {
            (true, _) => How::Copy,
            (_, true) => How::Move,
            _ => How::Link,
        }
    }
}

/// DATA: images, or features from elsewhere.
enum Source {
    Images(Arc<dyn Dataset>),
    Features(FeatureRows),
}

impl Source {
    /// Opens DATA, which the model must be able to take: images want a backbone, features the width of its head.
    fn open(args: &Args, opened: &Opened, talk: &Talk) -> anyhow::Result<Self> {
        match FeatureFile::recognise(&args.data) {
            Some(file) => {
                own_labels(&args.labels)?;
                let rows = file.rows(args.labels != "none")?;
                opened.accepts_width(rows.width())?;
                Ok(Self::Features(rows))
            }
            None => {
                let dataset = sources::open_all(&args.data, &args.labels, talk)?;
                opened.model.backbone()?;
                Ok(Self::Images(dataset))
            }
        }
    }

    /// Names and labels of what there is.
    fn dataset(&self) -> &Arc<dyn Dataset> {
        match self {
            Self::Images(dataset) => dataset,
            Self::Features(rows) => rows.dataset(),
        }
    }

    /// The images, to sort them.
    fn images(&self) -> Result<&Arc<dyn Dataset>, Usage> {
        match self {
            Self::Images(dataset) => Ok(dataset),
            Self::Features(_) => {
                Err(Usage("DATA holds features, and the command needs images; name those".into()))
            }
        }
    }
}

fn predictor(args: &Args, opened: &Opened, talk: &Talk) -> anyhow::Result<Predictor> {
    let model = &opened.model;
    let source = match args.classes {
        Some(ClassesArg::Discovered) => ClassSource::Discovered,
        Some(ClassesArg::Labels) => ClassSource::Labels,
        // Without either, the error of a missing head says what to do.
        None => ClassSource::of(model).unwrap_or(ClassSource::Discovered),
    };
    let names = names::of_model(model, &args.model.model, talk)?;
    let predictor = Predictor::new(model, source, &names, usize::from(args.top))?;
    Ok(match args.unsure {
        Some(threshold) => predictor.with_unsure(Some(threshold)),
        None => predictor,
    })
}

/// A number from 0 to 1.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a probability, for example 0.6".to_string())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("a probability lies between 0 and 1".into()) }
}
