//! Turns a run folder into one self-contained HTML page, or serves an interactive page on the loopback address
//! ([`serve`](mod@serve)).
//!
//! Training and evaluation leave files in a run folder: the recipe, the plan, a log, the final figures, the embeddings with
//! the predictions for every image, and thumbnails. This crate reads these files and nothing else. The page shows whether
//! training worked, what was learned, where the errors are, and how the run went. One page can compare several runs.
//!
//! The page needs no network and no other file: style, script, charts and pictures are inside, and a policy in its head
//! forbids it to load anything. It works in light and dark mode, on a phone, on paper and with a keyboard. Most of it also
//! works without its script, which adds tooltips, filters and the choice of theme.
//!
//! The crate deliberately computes no results. Accuracies are those of `metrics.json`; only what a picture needs (the order
//! of the confusion matrix, the map, nearest neighbours) is computed here. The crate does not use libtorch and never reads a
//! network's weights. A missing part is not an error: an unfinished run, or one without labels or embeddings, gets a page
//! that says so.
//!
//! # Data flow
//!
//! run folder → `run` (one reader per file) → `classes` (the discovered classes with the user's names and merges, compared
//! with the labels) → `section` (one file per section, plain data) → `page` (templates) → one atomic write. Beside the page,
//! the crate writes `label_next.csv` (the images that are most useful to label), `duplicates.csv` (near copies) and
//! `outliers.csv` (images that are unlike all others). `published` holds the published numbers of other methods, each with
//! its protocol.
//!
//! # Why charts by hand
//!
//! No chart crate fits: `plotters` draws into a rectangle of pixels, so its text shrinks with the rectangle and keeps the colours
//! of one theme; `charming` needs a megabyte of script or a browser engine. This crate needs only lines, a heat map and dots:
//! about 400 lines in `chart`, whose text is HTML and whose colours follow the theme. The map is t-SNE by `bhtsne`; `map.js`
//! draws its points on a canvas, in the report and in the served page. The templates are rendered by `minijinja`, which escapes
//! all text from files.
//!
//! # Example
//!
//! ```
//! use std::path::Path;
//!
//! let folder = tempfile::tempdir()?;
//! let run = folder.path().join("my-run");
//! fs_err::create_dir(&run)?;
//! fs_err::write(run.join("log.jsonl"), r#"{"event":"step","step":10,"epoch":0.5,"loss":-1.25}"#)?;
//!
//! let out = folder.path().join("report.html");
//! let summary = twist_report::report(&[Path::new(&run)], &out)?;
//!
//! assert_eq!(summary.bytes, fs_err::metadata(&out)?.len());
//! assert!(summary.notes.iter().any(|note| note.contains("config.toml")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod run;

mod classes;

mod baselines;

mod map;

mod atlas;

mod finds;
mod label_next;
mod people;

mod study;

mod published;

mod pictures;

mod chart;

mod section;

mod verdict;

mod page;

pub mod serve;

mod shown;
mod text;

mod error;

use std::io::Write;
use std::path::{Path, PathBuf};

use twist_run::files;

pub use self::error::ReportError;
pub use self::serve::serve;
use self::study::Study;
pub use self::verdict::{FEW_IMAGES, FEW_UPDATES, Grade, Subject, Training, Verdict, verdict};

/// What was written.
#[derive(Clone, Debug)]
pub struct ReportSummary {
    /// Where the page is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Different pictures in it.
    pub pictures: usize,
    /// The table of images to label next, beside the page; only a page of one run has one.
    pub labels: Option<PathBuf>,
    /// Whether the discovered classes or the classifier of each run can be used, by the run's name.
    pub verdicts: Vec<(String, Verdict)>,
    /// What is missing from it, one sentence each, with the run's name when there are several.
    pub notes: Vec<String>,
    /// The same of files that are damaged.
    pub damaged: Vec<String>,
}

/// Writes the report of `runs`, one run folder or several side by side, to `out`.
///
/// The file appears whole or not at all.
///
/// # Errors
///
/// [`ReportError`] when a folder is not a run, or something cannot be read or written. Missing and damaged parts of a run are
/// no errors; they are named on the page, in [`ReportSummary::notes`] and [`ReportSummary::damaged`].
pub fn report(runs: &[&Path], out: &Path) -> Result<ReportSummary, ReportError> {
    if runs.is_empty() {
        return Err(ReportError::NoRuns);
    }
    let runs = runs.iter().map(|path| run::Run::open(path)).collect::<Result<Vec<_>, _>>()?;
    let studies: Vec<Study> = runs.iter().map(Study::of).collect();
    let page = page::render(&runs, &studies)?;
    let mut notes: Vec<String> = studies.iter().filter_map(|study| study.not_kept.clone()).collect();
    let mut labels = None;
    // Nothing is put beside a device or a pipe.
    if let ([run], [study], false) = (runs.as_slice(), studies.as_slice(), is_special(out)) {
        labels = write_tables(run, study, out, &mut notes)?;
    }
    // The page comes last: where it is newer than the figures, nothing is missing.
    twist_io::write_atomic(out, |file| file.write_all(page.html.as_bytes()))?;
    let several = runs.len() > 1;
    let of_run = |run: &run::Run, note: &String| match several {
        true => format!("{}: {note}", run.name),
        false => note.clone(),
    };
    let mut damaged = Vec::new();
    for run in &runs {
        notes.extend(run.notes.missing.iter().map(|note| of_run(run, note)));
        damaged.extend(run.notes.damaged.iter().map(|note| of_run(run, note)));
    }
    let (path, bytes) = (out.to_owned(), page.html.len() as u64);
    let verdicts =
        runs.iter().filter_map(|run| Some((run.name.clone(), verdict::verdict_on(run)?))).collect();
    Ok(ReportSummary { path, bytes, pictures: page.pictures, labels, verdicts, notes, damaged })
}

/// Whether `path` is there and not a file: a device or a pipe takes the page and nothing else.
fn is_special(path: &Path) -> bool {
    fs_err::metadata(path).is_ok_and(|found| !found.is_file())
}

/// Writes the tables of `run` beside the page at `out`: near copies, images that are like no other, and the images that are to
/// be labelled next, unless someone has begun to fill in the table that is there. Returns where the last one is.
fn write_tables(
    run: &run::Run,
    study: &Study,
    out: &Path,
    notes: &mut Vec<String>,
) -> Result<Option<PathBuf>, ReportError> {
    let named = run.samples.as_ref().filter(|samples| samples.path.iter().any(|path| !path.is_empty()));
    let (Some(samples), Some(classes)) = (named, &study.classes) else { return Ok(None) };
    if let Some(finds) = &study.finds {
        finds::write_duplicates(&out.with_file_name(files::DUPLICATES), samples, classes, finds)?;
        finds::write_outliers(&out.with_file_name(files::OUTLIERS), samples, classes, finds)?;
    }
    let path = out.with_file_name(files::LABEL_NEXT);
    if label_next::is_filled_in(&path) {
        notes.push(format!("{} already has labels, so it was not overwritten.", path.display()));
        return Ok(Some(path));
    }
    let rows = label_next::propose(samples, &label_next::labelled(samples, &run.path));
    label_next::write(&path, samples, classes, &rows)?;
    Ok(Some(path))
}
