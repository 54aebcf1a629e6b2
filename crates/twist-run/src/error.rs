//! Why a run folder cannot be used.

use std::path::PathBuf;

use thiserror::Error;

/// Why a run folder cannot be opened, read or written.
#[derive(Debug, Error)]
pub enum RunError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] twist_io::Refused),
    /// The run folder exists.
    #[error(
        "{path}: this run exists already; continue it with --resume, replace it with --force, or name another folder with --out"
    )]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The folder exists and is not a run.
    #[error(
        "{path}: this folder is not a run of Twist (it has no plan.json) and is not empty; name another folder with --out"
    )]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// Another process works on the run.
    #[error(
        "{path}: {} is working on this run; wait for it, {}, or name another folder with --out",
        pid.map_or("another process".to_string(), |pid| format!("process {pid}")),
        pid.map_or("stop it".to_string(), |pid| format!("stop it with `kill {pid}`"))
    )]
    Locked {
        /// The run folder.
        path: PathBuf,
        /// The other process, as it wrote itself into the lock file; `None` when that was removed.
        pid: Option<u32>,
    },
    /// A file of the run holds something else.
    #[error("{path} is damaged ({reason}): remove metrics.json, and --resume evaluates the run again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file that names the images holds something else.
    #[error("{path} is damaged ({reason}): remove it and give DATA on the command line")]
    DamagedSources {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file for labels holds something else.
    #[error("{path} is not a table with the columns `path` and `label`: move it away, or correct it")]
    NotLabels {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// A file could not be put in its place.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
}
