//! The interface of every backbone.

use tch::Tensor;

use crate::{Graph, NnError, Value};

/// How a network treats batch statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the statistics of the batch and add them to the running ones.
    Train,
    /// As [`Mode::Train`], for piece `index` of the `pieces` that make up a batch and pass one after another, the first one
    /// with index 0. Each piece is normalised by its own statistics. The running ones take in the batch once, with its
    /// last piece, by the mean and variance that all pieces have together.
    TrainPiece {
        /// Which piece, from 0.
        index: usize,
        /// How many there are.
        pieces: usize,
    },
    /// Normalise by the statistics of the batch and leave the running ones alone: the first, gradient-free pass of
    /// accumulation, whose images come by a second time.
    TrainUntracked,
    /// Normalise by the running statistics.
    Eval,
}

/// A network from images to features.
pub trait Backbone: std::fmt::Debug + Send {
    /// Number of [segments](Backbone::segment), at least 1.
    fn segments(&self) -> usize;

    /// One part of the way from images `[B, 3, H, W]` (what segment 0 takes) to features `[B, D]` (what the last one
    /// gives). Each takes what the one before it gave and nothing else, so that a training step may forget everything
    /// inside a segment and compute it again.
    ///
    /// # Errors
    /// The images do not fit: channels, kind, device. The segment does not exist.
    fn segment(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor, NnError>;

    /// Features `[B, D]` of images `[B, 3, H, W]`: all segments.
    ///
    /// # Errors
    /// As [`Backbone::segment`].
    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        let mut x = self.segment(0, images, mode)?;
        for index in 1..self.segments() {
            x = self.segment(index, &x, mode)?;
        }
        Ok(x)
    }

    /// Adds what [`Backbone::forward`] does in evaluation to a graph, from images `[B, 3, S, S]` to features `[B, D]`.
    ///
    /// # Errors
    /// Images of this side do not fit; libtorch's own.
    fn record(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError>;

    /// The class tokens `[B, n D]` of a transformer's last `n` blocks after its final norm, in order: what its linear
    /// evaluation reads.
    ///
    /// # Errors
    /// [`NnError::NoClassTokens`] for networks that have none; as [`Backbone::forward`].
    fn last_class_tokens(&self, images: &Tensor, n: usize, mode: Mode) -> Result<Tensor, NnError> {
        let _ = (images, n, mode);
        Err(NnError::NoClassTokens)
    }

    /// `D`.
    fn feature_dim(&self) -> i64;
}
