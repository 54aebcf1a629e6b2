//! What every backbone offers.

use tch::Tensor;

use crate::NnError;

/// How a network treats batch statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the statistics of the batch and add them to the running ones.
    Train,
    /// Normalise by the statistics of the batch and leave the running ones alone: the first, gradient-free pass of
    /// accumulation, whose images come by a second time.
    TrainUntracked,
    /// Normalise by the running statistics.
    Eval,
}

/// A network from images to features.
pub trait Backbone: std::fmt::Debug + Send {
    /// Features `[B, D]` of images `[B, 3, H, W]`.
    ///
    /// # Errors
    /// The images do not fit: channels, kind, device.
    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor, NnError>;

    /// The feature maps `[B, C, h, w]` after each stage, finest first: what detectors and segmenters build on.
    ///
    /// # Errors
    /// As [`Backbone::forward`].
    fn stages(&self, images: &Tensor, mode: Mode) -> Result<Vec<Tensor>, NnError>;

    /// `D`.
    fn feature_dim(&self) -> i64;
}
