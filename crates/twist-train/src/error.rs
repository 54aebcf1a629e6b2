//! What can go wrong while training, with the remedy in the text.

use std::path::Path;

use thiserror::Error;
use twist_io::{Refused, shell_word};

/// Every way in which training can fail.
#[derive(Debug, Error)]
pub enum TrainError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The run that is to go on has another network than the one that is asked for.
    #[error(transparent)]
    OtherNetwork(Refused),
    /// The recipe could not be read.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The run folder.
    #[error(transparent)]
    Run(#[from] twist_run::RunError),
    /// A file of tensors.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
    /// A trained model.
    #[error(transparent)]
    Model(#[from] twist_model::ModelError),
    /// The images.
    #[error(transparent)]
    Data(#[from] twist_data::DataError),
    /// The network, the loss, or libtorch.
    #[error(transparent)]
    Net(#[from] twist_nn::NnError),
}

impl From<tch::TchError> for TrainError {
    fn from(error: tch::TchError) -> Self {
        Self::Net(error.into())
    }
}

impl From<torch_ext::TorchError> for TrainError {
    fn from(error: torch_ext::TorchError) -> Self {
        Self::Net(error.into())
    }
}

impl From<std::io::Error> for TrainError {
    fn from(error: std::io::Error) -> Self {
        Self::Run(error.into())
    }
}

impl TrainError {
    /// A state, or a result, of another run.
    pub fn other_run(path: &Path, why: &str) -> Self {
        let remedy = "give what it was started with, name another folder, or start again (with --force; a command without this \
                      flag starts again when you remove the file)";
        Self::not_resumed(path, why).remedy(remedy).into()
    }

    /// A saved state that cannot be continued from.
    pub(crate) fn not_resumed(path: &Path, why: &str) -> Refused {
        Refused::new(format!("{} cannot be resumed", path.display())).because(why)
    }

    /// A checkpoint belongs to another network or optimizer.
    pub(crate) fn wrong_checkpoint(path: &Path, why: impl Into<String>) -> Self {
        let why: String = why.into();
        let remedy = format!(
            "Resume with the recipe that it was written with, or start anew with --force (and --init {} to keep its weights)",
            shell_word(path)
        );
        let what = format!("{}: this checkpoint does not fit the recipe", path.display());
        Refused::new(what).because(format!("{why}. {remedy}")).into()
    }

    /// The loader ended before the plan did.
    pub fn no_batch(step: u64) -> Self {
        let why = "its threads ended early; this is a bug, please report it with the log";
        Refused::new(format!("the loader delivered no batch for step {step}")).because(why).into()
    }

    pub(crate) fn no_views() -> Self {
        Refused::new("a batch without views reached the training step; this is a bug in Twist").into()
    }
}
