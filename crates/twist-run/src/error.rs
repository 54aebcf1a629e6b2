//! Why a run folder cannot be used.

use std::path::PathBuf;

use thiserror::Error;
use twist_io::Refused;

/// Why a run folder cannot be opened, read or written.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum RunError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is a run in this folder.
    #[error(
        "{0}: this run exists already; continue it with --resume, replace it with --force, or name another folder with --out"
    )]
    Exists(PathBuf),
    /// This folder exists and is not a run.
    #[error(
        "{0}: this folder is not a run of Twist (it has no plan.json) and is not empty; name another folder with --out"
    )]
    NotARun(PathBuf),
    /// A file of the run holds something else.
    #[error("{path} is damaged ({reason}): remove metrics.json, and --resume evaluates the run again")]
    Damaged { path: PathBuf, reason: String },
    /// A file could not be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// A file could not be put in its place.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
    /// Names of the classes of other weights.
    #[error(transparent)]
    OtherWeights(Refused),
}
