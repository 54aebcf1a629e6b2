//! What can go wrong while training, with the remedy in the text.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::ConfigError;
use crate::plan::PlanError;

/// Every way in which training can fail.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A batch without pixels reached the step.
    #[error("a batch without views reached the training step; this is a bug in Twist")]
    NoViews,
    // === Before the run ===
    /// The recipe could not be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The recipe does not fit the data or itself.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The run folder cannot be used, or an event not be recorded.
    #[error(transparent)]
    Run(#[from] twist_run::RunError),

    // === Files ===
    /// A file could not be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// A checkpoint, or another file of tensors.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
    /// The training images.
    #[error(transparent)]
    Data(#[from] twist_data::DataError),
    /// The order of images cannot be made.
    #[error(transparent)]
    Sampler(#[from] twist_data::SamplerError),
    /// No checkpoint of the run can be read.
    #[error(
        "{folder}: none of the {count} checkpoints can be read; start again with --force. The newest says: {newest}"
    )]
    NoGoodCheckpoint {
        /// The folder with the checkpoints.
        folder: PathBuf,
        /// How many there are.
        count: usize,
        /// Why the newest failed.
        newest: String,
    },
    /// A file of weights fits neither the model nor its backbone.
    #[error("{path}: no weight in this file fits {arch}.\n{report}")]
    NothingApplied {
        /// The file.
        path: PathBuf,
        /// The network.
        arch: String,
        /// What was found and expected.
        report: String,
    },
    /// A checkpoint belongs to another network or optimizer.
    #[error(
        "{path}: this checkpoint does not fit the recipe: {reason}. Resume with the recipe that it was written with, or start anew with --force (and --init {} to keep its weights)",
        twist_io::shell_word(path)
    )]
    WrongCheckpoint {
        /// The file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },

    /// The run that is to go on has another network.
    #[error(
        "{path}: this run has {before}, and {now} now asked for: that is another network. Leave {flag} out to resume the run, or begin another run with another --out"
    )]
    OtherNetwork {
        /// The checkpoint.
        path: PathBuf,
        /// What the run has, such as `8 clusters`.
        before: String,
        /// What is asked for, with its verb, such as `12 are`.
        now: String,
        /// The flag that asks for it.
        flag: String,
    },

    /// A saved state that cannot be continued from.
    #[error("{} cannot be resumed: {reason}", path.display())]
    OtherRun {
        /// The file of the state.
        path: PathBuf,
        /// What does not fit, and the remedy.
        reason: String,
    },

    /// The optimizer's part of a checkpoint is not this optimizer's.
    #[error("the optimizer's state does not fit: {reason}")]
    OptimizerState {
        /// What differs.
        reason: String,
    },

    // === While training ===
    /// An image without a label among those that are learned from.
    #[error("{path} has no label, and labels are learned from")]
    NoLabel {
        /// The image.
        path: String,
    },
    /// The network or the loss.
    #[error(transparent)]
    Net(#[from] twist_nn::NnError),
    /// libtorch, through the extension crate.
    #[error(transparent)]
    TorchExt(#[from] torch_ext::TorchError),
    /// libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// Not enough memory for a step.
    #[error("out of memory on {device} with {micro_batch} images at a time; {advice}")]
    OutOfMemory {
        /// Where.
        device: String,
        /// Images that went through the backbone together.
        micro_batch: usize,
        /// Settings that need less.
        advice: String,
    },
    /// An evaluator failed.
    #[error("evaluation at step {step} failed: {source}")]
    Evaluation {
        /// Finished steps.
        step: u64,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The loader ended before the plan did.
    #[error(
        "the loader delivered no batch for step {step}: its threads ended early; this is a bug, please report it with the log"
    )]
    NoBatch {
        /// The step that wanted a batch.
        step: u64,
    },
}

impl TrainError {
    /// A state, or a result, of another run.
    pub fn other_run(path: &Path, why: &str) -> Self {
        let remedy = "give what it was begun with, name another folder, or begin anew (with --force, or where there is no such \
                      flag by removing the file)";
        Self::OtherRun { path: path.into(), reason: format!("{why}; {remedy}") }
    }
}
