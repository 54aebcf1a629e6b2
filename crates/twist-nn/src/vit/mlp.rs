//! The perceptron behind the attention.

use tch::Tensor;

use super::VitSize;
use crate::layers::Linear;
use crate::{Builder, Graph, NnError, Value};

/// The non-linearity between two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gelu {
    /// `x Φ(x)`.
    Exact,
    /// The approximation by a hyperbolic tangent.
    Tanh,
    /// The approximation `x σ(1.702 x)` of CLIP.
    Quick,
}

/// Two layers with a non-linearity between them; the first one may be gated.
#[derive(Debug)]
pub(super) struct Mlp {
    fc1: Linear,
    fc2: Linear,
    gelu: Gelu,
    gated: bool,
}

impl Mlp {
    pub(super) fn new(b: &mut Builder<'_>, size: &VitSize, gelu: Gelu) -> Result<Self, NnError> {
        let VitSize { dim, hidden, gated, .. } = *size;
        let width = if gated { 2 * hidden } else { hidden };
        let fc1 = Linear::small_normal(&mut b.sub("fc1"), dim, width)?;
        Ok(Self { fc1, fc2: Linear::small_normal(&mut b.sub("fc2"), hidden, dim)?, gelu, gated })
    }

    /// What the last layer takes, from `[…, D]`.
    pub(super) fn hidden(&self, x: &Tensor) -> Result<Tensor, NnError> {
        match (self.gated, self.gelu) {
            (true, _) => {
                let halves = self.fc1.forward(x)?.f_chunk(2, -1)?;
                Ok(halves[0].f_silu()?.f_mul(&halves[1])?)
            }
            (false, Gelu::Exact) => self.fc1.forward_gelu(x, torch_ext::Gelu::Exact),
            (false, Gelu::Tanh) => self.fc1.forward_gelu(x, torch_ext::Gelu::Tanh),
            (false, Gelu::Quick) => {
                let hidden = self.fc1.forward(x)?;
                Ok(hidden.f_mul(&hidden.f_mul_scalar(1.702)?.f_sigmoid()?)?)
            }
        }
    }

    /// The last layer.
    pub(super) fn last(&self) -> &Linear {
        &self.fc2
    }

    pub(super) fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let hidden = self.fc1.record(graph, x);
        let gate = |graph: &mut Graph, inner: &Value, x: &Value| {
            let open = graph.each("Sigmoid", inner);
            graph.with("Mul", &open, &x.name)
        };
        let hidden = match (self.gated, self.gelu) {
            (true, _) => {
                let (axis, half) = (hidden.shape.len() as i64, hidden.shape[hidden.shape.len() - 1] / 2);
                let first = graph.slice(&hidden, axis, 0, half, 1)?;
                let second = graph.slice(&hidden, axis, half, half, 1)?;
                let silu = gate(graph, &first, &first);
                graph.with("Mul", &silu, &second.name)
            }
            (false, Gelu::Exact) => graph.gelu(&hidden)?,
            (false, Gelu::Tanh) => graph.gelu_tanh(&hidden)?,
            (false, Gelu::Quick) => {
                let inner = graph.by("Mul", &hidden, 1.702)?;
                gate(graph, &inner, &hidden)
            }
        };
        Ok(self.fc2.record(graph, &hidden))
    }
}
