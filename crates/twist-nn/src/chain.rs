//! Backbones whose parts follow one another.

use tch::Tensor;

use crate::{Backbone, Graph, Mode, NnError, Value};

/// A part of a [`Chain`].
pub(crate) trait Part: std::fmt::Debug + Send {
    /// What it makes of what the part before it gave.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError>;

    /// Adds what [`Part::forward`] does in evaluation to a graph.
    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError>;
}

/// A backbone of parts, each a segment: as a rule a stem, blocks, and the mean over positions.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) parts: Vec<Box<dyn Part>>,
    pub(crate) feature_dim: i64,
}

impl Backbone for Chain {
    fn segments(&self) -> usize {
        self.parts.len()
    }

    fn segment(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        match self.parts.get(index) {
            Some(part) => part.forward(x, mode),
            None => Err(NnError::Segment { index, segments: self.segments() }),
        }
    }

    fn record(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError> {
        self.parts.iter().try_fold(images.clone(), |x, part| part.record(graph, &x))
    }

    fn feature_dim(&self) -> i64 {
        self.feature_dim
    }
}

/// `[B, C, H, W]` → `[B, C]`.
#[derive(Debug)]
pub(crate) struct MeanOfPositions;

impl Part for MeanOfPositions {
    fn forward(&self, x: &Tensor, _: Mode) -> Result<Tensor, NnError> {
        Ok(x.f_mean_dim([2i64, 3].as_slice(), false, None)?)
    }

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        Ok(graph.mean_of_positions(x))
    }
}
