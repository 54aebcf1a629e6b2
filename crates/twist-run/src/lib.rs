//! A run folder as a type: what its files are called, what stands in them, and who may change them.
//!
//! Training, evaluation, the report and the command line share the run folder. This crate owns what they agree on: a file is
//! written and read with the same type, and each name is declared once. [`files`] names the files; [`figure`] declares every
//! measured figure.
//!
//! [`RunFolder`] opens a folder for one process, [`CheckpointStore`] writes and finds its checkpoints. [`Event`]s report what happens, [`Recorder`]s store them, and [`Log`] reads them.
//! [`Metrics`] holds what the end of a run measured, [`Evaluations`] what was measured later, [`Samples`] what the network said
//! about every image, [`Sources`] where the images come from. [`Labels`] and [`ClusterNames`] hold what people say; [`ClassTree`], how near classes are.
//!
//! The crate deliberately knows nothing of libtorch, images or networks, so a report or an external tool can read a run
//! without them.
//!
//! ```
//! use twist_run::{Event, OnExisting, RunFolder, EventKind, files};
//!
//! let root = tempfile::tempdir()?;
//! let folder = RunFolder::open(root.path().join("demo"), OnExisting::Refuse)?;
//! folder.describe("[model]\narch = \"resnet18\"\n", &serde_json::json!({ "steps": 1 }))?;
//! for recorder in &mut folder.recorders()? {
//!     recorder.record(&Event { step: 1, epoch: 1.0, kind: EventKind::Done { seconds: 0.5 } })?;
//! }
//! assert!(folder.says_done(1)? && folder.path().join(files::CONFIG).is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod files;

mod checkpoint;
mod folder;
mod lock;
mod near;
mod replacement;

mod clusters;
mod labels;
mod room;
pub mod samples;
mod sources;

mod calibration;
pub mod figure;
mod figures;

mod compared;
pub mod evaluations;
mod event;
mod log;
mod metrics;
mod recorder;
mod time;

mod error;

pub use calibration::Calibration;
pub use checkpoint::{CheckpointStore, Loaded, Measured, Rejected, Standing, Streaks};
pub use clusters::{
    Carried, ClassEstimate, ClassTree, ClusterCount, ClusterNames, Cut, Group, Groups, NamedWeights,
    TreeClass, TreeMerge, TreeParts, carry_names, clusters_file, tree_file,
};
pub use compared::Compared;
pub use error::RunError;
pub use evaluations::{Evaluation, Evaluations};
pub use event::{Event, EventKind, StartFigures};
pub use figure::Figure;
pub use figures::Figures;
pub use folder::{OnExisting, RunFolder};
pub use labels::{GivenLabels, Labels, labels_in, replace_labels};
pub use log::{Log, LogLine};
pub use metrics::Metrics;
pub use near::{RUNS, near_runs};
pub use recorder::{JsonLines, Recorder, TensorBoard};
pub use replacement::Replacement;
pub use room::ParquetRoom;
pub use samples::Samples;
pub use sources::Sources;
