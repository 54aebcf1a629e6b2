//! Errors that keep a report from being written.
//!
//! Only two things do: a folder that is not a run, and a disk that cannot be read or written. A run whose parts are
//! missing or damaged still gets its page; the page then says what is missing and how to get it. The interactive page, which
//! changes files, refuses damaged ones.

use std::io;
use std::path::PathBuf;

use twist_io::Refused;

/// Why no report was written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum ReportError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] Refused),

    /// The list of runs is empty.
    #[error("no run was given: name at least one run folder, as in `twist report runs/demo`")]
    NoRuns,

    /// Nothing is at the path of a run.
    #[error(
        "run {} does not exist{}",
        path.display(),
        if near.is_empty() { ": give the folder that `twist train --out RUN` or `twist demo` wrote".into() } else { twist_io::did_you_mean(near) }
    )]
    NotFound { path: PathBuf, near: Vec<String> },

    /// The folder holds none of the files by which a run is known.
    #[error(
        "{} is not a run folder (it holds neither log.jsonl nor config.toml nor metrics.json): \
         give the folder that `twist train --out RUN` or `twist demo` wrote",
        path.display()
    )]
    NotARun { path: PathBuf },

    /// The page could not be put in its place.
    #[error("cannot write the report: {0}")]
    Write(#[from] twist_io::IoError),

    /// A page template is wrong. This is a bug in Twist and never the fault of a run.
    #[error(
        "the report's template failed, which is a bug in Twist (please report it with the run's config.toml): {0:#}"
    )]
    Template(#[from] minijinja::Error),

    /// A file of the run cannot be used.
    #[error(transparent)]
    Run(#[from] twist_run::RunError),

    /// The port cannot be had.
    #[error(
        "cannot listen on 127.0.0.1:{port} ({source}): choose another --port, or omit it to use any free \
        one"
    )]
    Port {
        port: u16,
        #[source]
        source: io::Error,
    },
}

impl ReportError {
    /// A file that is there could not be read.
    pub(crate) fn read(source: io::Error) -> Self {
        let remedy = "check the permissions of the run folder";
        Refused::new("cannot read the run").caused_by(source).remedy(remedy).into()
    }
}
