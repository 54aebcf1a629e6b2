//! Where a run keeps its state.

use std::path::{Path, PathBuf};
use std::time::Duration;

use twist_run::{CheckpointStore, Log, RunFolder};

use crate::TrainError;

/// Least time between two states in one file, whose epochs may be shorter than writing it.
const PAUSE: Duration = Duration::from_secs(20);

/// Where a run keeps its state, and whether it goes on from what is there. The default keeps nothing.
#[derive(Debug, Default)]
pub struct Place {
    pub(super) store: Option<CheckpointStore>,
    /// The run folder, which has a log and takes what the guard saves.
    pub(super) folder: Option<PathBuf>,
    pub(super) resume: bool,
    /// Least time between two checkpoints, but for those that end the run.
    pub(super) pause: Duration,
}

impl Place {
    /// A run folder, whose last `keep` checkpoints stay.
    pub fn folder(folder: &RunFolder, keep: usize) -> Self {
        let store = CheckpointStore::new(folder.checkpoints(), keep);
        let (folder, resume) = (Some(folder.path().into()), folder.resume());
        Self { store: Some(store), folder, resume, pause: Duration::ZERO }
    }

    /// One file that holds the state of a run and nothing else; a run that finds it continues from it.
    pub fn file(path: PathBuf) -> Self {
        Self { store: Some(CheckpointStore::file(path)), folder: None, resume: true, pause: PAUSE }
    }

    /// Whether the best checkpoint has a name of its own here.
    pub(super) fn keeps_best(&self) -> bool {
        self.folder.is_some()
    }

    /// A path for reports: relative to the run folder where there is one.
    pub(super) fn relative(&self, path: &Path) -> String {
        let run = self.folder.as_deref().or(path.parent());
        run.and_then(|run| path.strip_prefix(run).ok()).unwrap_or(path).display().to_string()
    }

    /// Whether the log says that the checkpoint after `step` steps is on disk; without a log it does not.
    pub(super) fn says_saved(&self, step: u64) -> Result<bool, TrainError> {
        self.folder.as_ref().map_or(Ok(false), |folder| Ok(Log::read(folder)?.says_saved(step)))
    }
}
