//! `twist report`: one self-contained HTML page about one run, or several side by side; or a page that one works with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use twist_report::ReportSummary;
use twist_run::files;

use crate::bar::Busy;
use crate::exit::Usage;
use crate::signals::Asking;
use crate::talk::{Talk, to_stdout};
use crate::{out_file, page_helpers};

const EXAMPLES: &str = "\
Examples:
  twist report runs/demo-1                        writes runs/demo-1/report.html
  twist report runs/demo-1 runs/demo-2            compares both in report.html
  twist report runs/* --out seeds.html --force    replaces an existing page
  twist report runs/demo-1 --serve                browse, search by example, name, merge and label

Beside the page of one run, label_next.csv lists the images whose labels would help most.
The served page saves every change in the run at once: names and merges in clusters.json,
labels in labels.csv, for `twist finetune --labels`.";

/// Write an HTML page about one or several runs, or serve an interactive page
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Run folders; unfinished runs are fine
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// The page [default: RUN/report.html, or report.html for several runs]
    #[arg(long, value_name = "FILE.html", conflicts_with = "serve")]
    out: Option<PathBuf>,
    /// Replace the page of --out, or of several runs, if it exists
    #[arg(long, conflicts_with = "serve")]
    force: bool,
    /// Serve an interactive page about one run on 127.0.0.1 until Ctrl-C, and print its address
    #[arg(long)]
    serve: bool,
    /// Port of the served page [default: any free one]
    #[arg(long, value_name = "N", requires = "serve")]
    port: Option<u16>,
}

/// Writes the page and prints its path, or serves one and prints its address.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    if args.serve {
        return match args.runs.as_slice() {
            [run] => serve(run, args.port.unwrap_or(0), talk),
            _ => Err(Usage("--serve takes one run".into()).into()),
        };
    }
    let out = match (&args.out, args.runs.as_slice()) {
        (Some(out), _) => twist_io::followed(out),
        (None, [run]) => run.join(files::REPORT),
        (None, _) => PathBuf::from(files::REPORT),
    };
    // The page of one run is a part of the run.
    if args.out.is_some() || args.runs.len() > 1 {
        out_file::check(&out, args.force)?;
    }
    let runs: Vec<&Path> = args.runs.iter().map(PathBuf::as_path).collect();
    let busy = Busy::new("writing the page", talk);
    let summary = twist_report::report(&runs, &out)?;
    drop(busy);
    tell_notes(&summary, talk);
    for (name, verdict) in &summary.verdicts {
        talk.say(format!("{}: {verdict}", twist_io::printable(name)));
    }
    if let Some(labels) = &summary.labels {
        talk.detail(format!("images to label next: {}", labels.display()));
    }
    Ok(to_stdout(out.display().to_string())?)
}

/// Says what the page lacks: what is damaged always, what is not there when more was asked for.
pub(crate) fn tell_notes(summary: &ReportSummary, talk: &Talk) {
    summary.damaged.iter().for_each(|note| talk.warn(note));
    summary.notes.iter().for_each(|note| talk.detail(note));
}

/// Serves until Ctrl-C or SIGTERM, which end it as they should: nothing is left to save.
fn serve(run: &Path, port: u16, talk: &Talk) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let _asking = Asking::to(move |_| raised.store(true, Ordering::SeqCst));
    let helpers = page_helpers::of_run(run, talk);
    let announce = |address: &str, damaged: &[String]| {
        damaged.iter().for_each(|note| talk.warn(note));
        to_stdout(address)?;
        talk.say("open this address in a browser; Ctrl-C ends the server");
        Ok(())
    };
    twist_report::serve(run, port, helpers, announce, &|| stop.load(Ordering::SeqCst))?;
    Ok(())
}
