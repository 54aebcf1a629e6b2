//! What can go wrong in an evaluation.

use twist_io::Refused;

/// An evaluation that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum EvalError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A part of the labels outside of 0 to 100 %.
    #[error("--percent {0}: give a number above 0 and up to 100")]
    Percent(f64),
    /// The loss left the numbers in this epoch, counted from 1; the rates are those of the first step, 0 for a frozen backbone.
    #[error(
        "the loss is not a finite number in epoch {epoch}: lower the rates (--lr {lr}{}), or use --precision fp32; nothing \
         later than the epoch before was saved",
        if *backbone_lr > 0.0 { format!(", --backbone-lr {backbone_lr}") } else { String::new() }
    )]
    NotFinite { epoch: u64, lr: f64, backbone_lr: f64 },
    /// The model, its features, or a table of them.
    #[error(transparent)]
    Model(#[from] twist_model::ModelError),
    /// A training.
    #[error(transparent)]
    Train(#[from] twist_train::TrainError),
    /// The images.
    #[error(transparent)]
    Data(#[from] twist_data::DataError),
    /// The run folder.
    #[error(transparent)]
    Run(#[from] twist_run::RunError),
    /// The network, or libtorch.
    #[error(transparent)]
    Net(#[from] twist_nn::NnError),
    /// The scores.
    #[error(transparent)]
    Metrics(#[from] twist_metrics::MetricsError),
    /// A file.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
}

impl From<tch::TchError> for EvalError {
    fn from(error: tch::TchError) -> Self {
        Self::Net(error.into())
    }
}

impl From<torch_ext::TorchError> for EvalError {
    fn from(error: torch_ext::TorchError) -> Self {
        Self::Net(error.into())
    }
}

impl From<image::ImageError> for EvalError {
    fn from(error: image::ImageError) -> Self {
        Refused::new("cannot encode a picture").caused_by(error).into()
    }
}

impl From<serde_json::Error> for EvalError {
    fn from(error: serde_json::Error) -> Self {
        Refused::new("cannot write the figures as JSON").caused_by(error).into()
    }
}
