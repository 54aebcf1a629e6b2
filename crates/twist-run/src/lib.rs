//! A run folder as a type: the names of its files, its lock, and the events that a run writes into it.
//!
//! Training, evaluation, the report and the command line meet in the run folder. This crate owns what they agree on, so that
//! whoever writes a file and whoever reads it use the same type, and no name is spelt twice. [`files`] lists the files;
//! [`RunFolder`] opens a folder for one process; [`Event`]s say what happens, and [`Recorder`]s keep them.
//!
//! It deliberately knows nothing of libtorch, images or networks: a report, or a tool of somebody else, reads a run without
//! them.
//!
//! ```
//! use twist_run::{Event, OnExisting, RunFolder, What, files};
//!
//! let root = tempfile::tempdir()?;
//! let folder = RunFolder::open(root.path().join("demo"), OnExisting::Refuse)?;
//! folder.describe("[model]\narch = \"resnet18\"\n", &serde_json::json!({ "steps": 1 }))?;
//! for recorder in &mut folder.recorders()? {
//!     recorder.record(&Event { step: 1, epoch: 1.0, what: What::Done { seconds: 0.5 } })?;
//! }
//! assert!(folder.says_done(1)? && folder.path().join(files::CONFIG).is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod files;

mod folder;
mod lock;

mod event;
mod recorder;

mod error;

pub use error::RunError;
pub use event::{ClassFigures, Event, StartFigures, StepFigures, What};
pub use folder::{OnExisting, RunFolder};
pub use recorder::{JsonLines, Recorder, TensorBoard, says_done, says_saved, seconds_of};
