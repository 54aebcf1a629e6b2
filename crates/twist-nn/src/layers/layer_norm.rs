//! Layer normalisation (Ba, Kiros and Hinton, arXiv:1607.06450).

use tch::Tensor;

use crate::graph::Attribute;
use crate::{Builder, Graph, Init, NnError, Value};

/// Normalises the last axis to mean 0 and variance 1, then scales and shifts it.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Scale 1 and shift 0; `eps` is added to variances.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(b: &mut Builder<'_>, features: i64, eps: f64) -> Result<Self, NnError> {
        let weight = b.parameter("weight", &[features], Init::Const(1.0))?;
        let bias = b.parameter("bias", &[features], Init::Const(0.0))?;
        Ok(Self { weight, bias, eps })
    }

    /// `[…, D]`, of the same shape.
    ///
    /// # Errors
    /// The last axis is not `D`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        let shape = self.weight.size();
        Ok(x.f_layer_norm(shape, Some(&self.weight), Some(&self.bias), self.eps, true)?)
    }

    /// `[B, D, H, W]`, of the same shape: each position for itself.
    ///
    /// # Errors
    /// The number of channels is not `D`.
    pub fn forward_channels(&self, x: &Tensor) -> Result<Tensor, NnError> {
        Ok(self.forward(&x.f_permute([0, 2, 3, 1])?)?.f_permute([0, 3, 1, 2])?)
    }

    /// [`LayerNorm::forward`] in a graph.
    pub(crate) fn record(&self, graph: &mut Graph, x: &Value) -> Value {
        let (weight, bias) = (graph.constant(&self.weight), graph.constant(&self.bias));
        let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(self.eps))];
        graph.node("LayerNormalization", &[&x.name, &weight, &bias], &attributes, x.shape.clone())
    }

    /// [`LayerNorm::forward_channels`] in a graph.
    pub(crate) fn record_channels(&self, graph: &mut Graph, x: &Value) -> Value {
        let last = graph.transpose(x, &[0, 2, 3, 1]);
        let normed = self.record(graph, &last);
        graph.transpose(&normed, &[0, 3, 1, 2])
    }

    /// `D`.
    pub fn features(&self) -> i64 {
        self.weight.size()[0]
    }
}
