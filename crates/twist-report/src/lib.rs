//! A run folder in, one self-contained HTML page out.
//!
//! Training and evaluation leave files in a run folder: the recipe, the plan, a log, the final figures, the embeddings with
//! what the network said of every image, and thumbnails. This crate reads those files and nothing else, and draws from
//! them what a person wants to see: whether it worked, what was learned, where it errs, and how it came about. Several
//! runs go side by side into one page.
//!
//! The page needs no network and no other file: style, script, charts and pictures are inside, and a policy in its head
//! forbids it to load anything. It reads in light and dark, on a phone and on paper, with a keyboard, and for the most part
//! without its script, which adds tooltips, filters and the choice of theme.
//!
//! What it deliberately is not: it computes no result. Accuracies are those of `metrics.json`; only what a picture needs
//! (the order of the confusion matrix, the map, nearest neighbours) is worked out here. It knows nothing of libtorch and
//! never touches a network's weights. And it does not fail for want of a part: a run that is unfinished, has no labels or
//! no embeddings gets a page that says so.
//!
//! # How data passes
//!
//! run folder → `run` (one reader per file) → `classes` (the discovered classes against the labels) → `section` (one file per
//! section, plain data) → `page` (templates) → one atomic write.
//!
//! # Why charts by hand
//!
//! Chart crates were looked at: `plotters` draws into a rectangle of pixels, so its words shrink with the rectangle and keep
//! the colours of one theme; `charming` brings a megabyte of script or a browser engine. What is needed here is lines, a
//! heat map and dots, about 400 lines in `chart`, whose words are HTML and whose colours follow the theme. The map is
//! t-SNE by `bhtsne`; the templates are `minijinja`'s, which escape whatever comes from files.
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

mod map;

mod pictures;

mod chart;

mod section;

mod page;

mod text;

mod error;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use self::error::ReportError;

/// What was written.
#[derive(Clone, Debug)]
pub struct ReportSummary {
    /// Where the page is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Different pictures in it.
    pub pictures: usize,
    /// What is missing from it, one sentence each, with the run's name when there are several.
    pub notes: Vec<String>,
}

/// Writes the report of `runs`, one run folder or several side by side, to `out`.
///
/// The file appears whole or not at all.
///
/// # Errors
///
/// [`ReportError`] when a folder is no run, or something cannot be read or written. Missing and damaged parts of a run are
/// no errors; they are named on the page and in [`ReportSummary::notes`].
pub fn report(runs: &[&Path], out: &Path) -> Result<ReportSummary, ReportError> {
    if runs.is_empty() {
        return Err(ReportError::NoRuns);
    }
    let runs = runs.iter().map(|path| run::Run::open(path)).collect::<Result<Vec<_>, _>>()?;
    let page = page::render(&runs)?;
    twist_io::write_atomic(out, |file| file.write_all(page.html.as_bytes()))?;
    let several = runs.len() > 1;
    let notes = runs.iter().flat_map(|run| {
        run.notes.iter().map(move |note| if several { format!("{}: {note}", run.name) } else { note.clone() })
    });
    Ok(ReportSummary {
        path: out.to_owned(),
        bytes: page.html.len() as u64,
        pictures: page.pictures,
        notes: notes.collect(),
    })
}
