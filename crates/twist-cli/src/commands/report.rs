//! `twist report`: one self-contained HTML page about one run, or several side by side.

use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::talk::{Talk, to_stdout};

const EXAMPLES: &str = "\
Examples:
  twist report runs/demo-1                        writes runs/demo-1/report.html
  twist report runs/demo-1 runs/demo-2            compares both in report.html
  twist report runs/* --out seeds.html";

/// Write one HTML page about a run, or about several side by side
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Run folders; unfinished runs are fine
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// The page [default: RUN/report.html, or report.html for several runs]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
}

/// Writes the page and prints its path.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    let out = match (&args.out, args.runs.as_slice()) {
        (Some(out), _) => out.clone(),
        (None, [run]) => run.join("report.html"),
        (None, _) => PathBuf::from("report.html"),
    };
    let runs: Vec<&Path> = args.runs.iter().map(PathBuf::as_path).collect();
    let summary = twist_report::report(&runs, &out)?;
    for note in &summary.notes {
        talk.detail(note);
    }
    to_stdout(out.display().to_string())?;
    Ok(Exit::Done)
}
