//! How a run ended.

use std::path::PathBuf;

use crate::CollapseKind;

/// How [`crate::run::Run::run`] ended when nothing failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All steps are done. `steps` is how many of them this process made: 0 when the run was finished already.
    Finished {
        /// Steps made by this process.
        steps: u64,
    },
    /// The run was asked to stop, saved a checkpoint, and can be resumed.
    Stopped {
        /// Who asked.
        reason: StopReason,
        /// Steps that are done and saved.
        step: u64,
    },
    /// The guard stopped the run.
    Collapsed {
        /// What kind of collapse.
        kind: CollapseKind,
        /// The step that showed it, from 0.
        step: u64,
        /// What to change.
        advice: String,
        /// The folder with the saved step, where there is a run folder.
        saved: Option<PathBuf>,
    },
}

/// Who asked a run to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A signal of this number: 2 is Ctrl-C, 15 a polite kill.
    Signal(i32),
    /// The time that the user allowed is over.
    MaxTime,
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signal(2) => f.write_str("SIGINT"),
            Self::Signal(15) => f.write_str("SIGTERM"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::MaxTime => f.write_str("max_time"),
        }
    }
}
