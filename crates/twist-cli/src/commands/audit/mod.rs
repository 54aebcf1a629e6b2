//! `twist audit`: whether a folder is fit to train on.

mod outliers;
mod shown;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use twist_data::{Audit, AuditOptions, Check, Dataset, KeptLooks, SurveyOptions};
use twist_model::{FeatureCache, TableFormat, finding_rows, finding_schema, table_in_file};

use crate::args::UseArgs;
use crate::bar;
use crate::digits::{counted, rate, thousands};
use crate::exit::{Exit, Usage};
use crate::relocation::{How, Relocation};
use crate::talk::{Talk, to_stdout};
use crate::{out_file, sources};

const EXAMPLES: &str = "\
Examples:
  twist audit photos/                                  a summary: copies, unreadable and odd images
  twist audit photos/ --out audit.csv                  a table with a row for each finding
  twist audit train/ --against test/                   and images that are in both folders
  twist audit photos/ --move-to photos-removed/        moves copies and unreadable images away
  twist audit photos/ --checks blurry,dark --remove blurry,dark --link-to look-at/
  twist audit photos/ --checks unreadable,exact_copy,near_copy --strict    for CI
  twist audit photos/ --model starter                  and images with unusual features

Of images that are copies of each other, the one with the most pixels is kept, then the least
compressed one (the largest file), then the first by name. The list of images to remove has the
other copies, images of --against, and what cannot be read; --remove chooses otherwise. Nothing is
ever deleted or overwritten. Checks: unreadable, exact_copy, near_copy, exact_leak, near_leak,
wrong_name, one_pixel, animated, color_type, odd_file, dark, bright, low_information, blurry,
aspect_ratio, size, outlier (with --model).

Exit codes: 0 done, 1 failed, 2 wrong usage, 4 something was found (only with --strict).";

/// What to do instead of moving images that are not files.
const WITHOUT_FILES: &str =
    "use --out FILE.csv, and leave out the rows with `remove` where the data set is made";

/// Check images before training: copies, leaks, unreadable, blurred and odd ones
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder, image, pattern, list, - (paths on stdin), tar shards, zip, parquet or CIFAR batches
    #[arg(value_name = "DATA")]
    data: String,
    /// Other images, of which none should be in DATA, such as those to test with
    #[arg(long, value_name = "OTHER")]
    against: Option<String>,
    /// Also find images whose features are unlike all others: a run folder, a weight file, hf:ORG/NAME, or `starter`
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Checks to make, with commas between them [default: all]
    #[arg(long, value_name = "CHECK,…", value_delimiter = ',')]
    checks: Vec<Check>,
    /// Checks whose images are to be removed [default: unreadable,exact_copy,near_copy,exact_leak,near_leak]
    #[arg(long, value_name = "CHECK,…", value_delimiter = ',')]
    remove: Vec<Check>,
    /// A table with a row for each finding: .csv, .jsonl or .parquet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file of --out if it exists
    #[arg(long, requires = "out")]
    force: bool,
    /// Move the images to remove into this folder, with their paths below DATA
    #[arg(long, value_name = "DIR", conflicts_with = "link_to")]
    move_to: Option<PathBuf>,
    /// Make links to the images to remove in this folder; DATA stays as it is
    #[arg(long, value_name = "DIR")]
    link_to: Option<PathBuf>,
    /// Exit with code 4 if anything was found
    #[arg(long)]
    strict: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    machine: UseArgs,
}

/// Looks, says what was found, and moves what is asked for.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    args.can_check()?;
    let format = args.out.as_deref().map(format_of).transpose()?;
    args.out.as_deref().map_or(Ok(()), |out| out_file::check(out, args.force))?;
    let relocation = args.relocation()?;
    let schema = finding_schema();
    // A file that cannot be written is noticed before the work.
    let table = match (&args.out, format) {
        (Some(path), Some(format)) => {
            Some(table_in_file(&twist_io::followed(path), format, &schema, &args.protocol())?)
        }
        _ => None,
    };
    let opened = args.model.as_deref().map(|model| args.machine.open(model, talk)).transpose()?;
    let dataset = sources::open_all(&args.data, "none", talk)?;
    if let Some(relocation) = &relocation {
        relocation.check_files(&*dataset, WITHOUT_FILES)?;
    }
    let against = args.against.as_deref().map(|other| sources::open_all(other, "none", talk)).transpose()?;

    let began = Instant::now();
    let kept = args.kept(talk);
    let mut audit = args.look(&dataset, against.as_ref(), kept.as_ref(), talk);
    let seconds = began.elapsed().as_secs_f64();
    if let Some(opened) = &opened
        && args.checks().contains(&Check::Outlier)
    {
        audit.findings.extend(outliers::outliers(opened, &dataset, &args.removed(), talk)?);
        audit.settle(&*dataset, against.as_deref());
    }
    let images = audit.images + audit.against.unwrap_or(0);
    let speed = rate(images as f64 / seconds);
    talk.say(format!("{} in {seconds:.1} s, {speed}/s", counted(images as u64, "image")));
    if let Some(kept) = &kept {
        tell_known(kept, images, talk);
    }
    for image in &audit.against_unreadable {
        talk.warn(format!("--against: {} is not compared: {}", image.path, image.reason));
    }
    if let (Some(mut table), Some(path)) = (table, &args.out) {
        table.push(&finding_rows(&schema, &audit.findings)?)?;
        table.finish()?;
        talk.say(format!("{} in {}", counted(audit.findings.len() as u64, "row"), path.display()));
    }
    if args.json {
        to_stdout(serde_json::to_string_pretty(&shown::as_json(&audit, &*dataset, args.protocol()))?)?;
    } else {
        shown::for_people(&audit, args.out.is_some()).into_iter().try_for_each(to_stdout)?;
    }
    if let Some(relocation) = &relocation {
        let wanted = relocation.with_their_paths(&*dataset, &audit.removed())?;
        let steps = relocation.look(&*dataset, against.as_deref(), &wanted)?;
        relocation.carry_out(&steps, &*dataset, &|_| {})?;
        talk.say(relocation.said(&steps));
    }
    Ok(if args.strict && !audit.findings.is_empty() { Exit::Found } else { Exit::Done })
}

impl Args {
    /// Whether each check that is named can be made.
    fn can_check(&self) -> Result<(), Usage> {
        let lacking = |check: &Check| match check {
            Check::Outlier if self.model.is_none() => Some("--model MODEL"),
            Check::ExactLeak | Check::NearLeak if self.against.is_none() => Some("--against OTHER"),
            _ => None,
        };
        for check in self.checks.iter().chain(&self.remove) {
            if let Some(flag) = lacking(check) {
                return Err(Usage(format!("the check {} needs {flag}", check.name())));
            }
        }
        match self.remove.iter().find(|check| !self.checks().contains(check)) {
            Some(check) => Err(Usage(format!(
                "--remove {}: it is not one of --checks; name it there, too",
                check.name()
            ))),
            None => Ok(()),
        }
    }

    /// The checks that are made.
    fn checks(&self) -> BTreeSet<Check> {
        let can = |check: &Check| match check {
            Check::Outlier => self.model.is_some(),
            Check::ExactLeak | Check::NearLeak => self.against.is_some(),
            _ => true,
        };
        let named = if self.checks.is_empty() { &Check::ALL[..] } else { &self.checks };
        named.iter().copied().filter(can).collect()
    }

    fn removed(&self) -> BTreeSet<Check> {
        if self.remove.is_empty() { Check::REMOVED.into() } else { self.remove.iter().copied().collect() }
    }

    fn relocation(&self) -> anyhow::Result<Option<Relocation>> {
        let (flag, how, folder) = match (&self.move_to, &self.link_to) {
            (Some(folder), _) => ("--move-to", How::Move, folder),
            (None, Some(folder)) => ("--link-to", How::Link, folder),
            (None, None) => return Ok(None),
        };
        let sources = [Some(self.data.as_str()), self.against.as_deref()];
        Ok(Some(Relocation::new(flag, how, folder, sources.into_iter().flatten())?))
    }

    /// What defines the findings.
    fn protocol(&self) -> serde_json::Value {
        serde_json::json!({
            "data": self.data,
            "against": self.against,
            "model": self.model,
            "checks": self.checks(),
            "remove": self.removed(),
            "twist": env!("CARGO_PKG_VERSION"),
        })
    }

    /// What earlier audits saw. A file that cannot be used is told, and every image is decoded.
    fn kept(&self, talk: &Talk) -> Option<KeptLooks> {
        let cache = if self.machine.no_cache { FeatureCache::off() } else { FeatureCache::of_user() };
        match KeptLooks::open(cache.folder()?) {
            Ok(kept) => {
                kept.notes().iter().for_each(|note| talk.warn(note));
                Some(kept)
            }
            Err(error) => {
                talk.warn(format!("{UNUSABLE}, and every image is decoded: {error}; {REMEDY}"));
                None
            }
        }
    }

    /// Looks at all images, with a bar for each of the two passes.
    fn look(
        &self,
        dataset: &Arc<dyn Dataset>,
        against: Option<&Arc<dyn Dataset>>,
        kept: Option<&KeptLooks>,
        talk: &Talk,
    ) -> Audit {
        let images = (dataset.len() + against.map_or(0, |other| other.len())) as u64;
        let decoding = bar::counting(images, "decoding", talk);
        let comparing = OnceLock::new();
        let decoded = |done: usize| decoding.set_position(done as u64);
        let compared = |done: usize| {
            let bar = comparing.get_or_init(|| {
                decoding.finish_and_clear();
                bar::counting(images, "comparing", talk)
            });
            bar.set_position(done as u64);
        };
        let threads = self.machine.threads.map_or(0, usize::from);
        let options = AuditOptions {
            checks: self.checks(),
            remove: self.removed(),
            survey: SurveyOptions { threads, progress: Some(&decoded) },
            kept,
            compared: &compared,
        };
        let audit = twist_data::audit(&**dataset, against.map(|other| &**other), &options);
        decoding.finish_and_clear();
        comparing.get().into_iter().for_each(|bar| bar.finish_and_clear());
        audit
    }
}

const UNUSABLE: &str = "the cache cannot be used";
const REMEDY: &str = "set TWIST_CACHE to another folder, or use --no-cache";

/// Says how many images earlier audits knew, and what keeps the others from being known next time.
fn tell_known(kept: &KeptLooks, images: usize, talk: &Talk) {
    if let Err(error) = kept.finish() {
        talk.warn(format!("{UNUSABLE}, and what was seen of new images is not kept: {error}; {REMEDY}"));
    }
    if kept.damaged() > 0 {
        let images = counted(kept.damaged() as u64, "image");
        talk.warn(format!("what was seen of {images} was damaged in the cache, and they were decoded again"));
    }
    let known = kept.known();
    let decoded = thousands(images.saturating_sub(known) as u64);
    talk.say(format!("{} known from earlier audits, {decoded} decoded", counted(known as u64, "image")));
}

/// The format of `--out`, which must hold text.
fn format_of(path: &Path) -> Result<TableFormat, Usage> {
    match TableFormat::of_path(path) {
        Some(format @ (TableFormat::Csv | TableFormat::JsonLines | TableFormat::Parquet)) => Ok(format),
        _ => {
            Err(Usage(format!("--out {}: give a name that ends in .csv, .jsonl or .parquet", path.display())))
        }
    }
}
