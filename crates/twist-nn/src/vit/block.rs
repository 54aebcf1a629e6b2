//! One block of a transformer.

use tch::Tensor;

use super::attention::Attention;
use super::mlp::Mlp;
use super::rope::Rotation;
use super::{Facts, VitSize};
use crate::layers::{LayerNorm, Linear, thinned};
use crate::{Builder, Graph, Init, Mode, NnError, Value};

/// `x + s₁ attention(norm1(x))`, then `x + s₂ mlp(norm2(x))`; the scales `s` (LayerScale, arXiv:2103.17239) are 1 where a
/// family does not have them.
#[derive(Debug)]
pub(super) struct Block {
    norm1: LayerNorm,
    attention: Attention,
    scale1: Option<Tensor>,
    norm2: LayerNorm,
    mlp: Mlp,
    scale2: Option<Tensor>,
    drop: f64,
}

impl Block {
    pub(super) fn new(
        b: &mut Builder<'_>,
        size: &VitSize,
        facts: &Facts,
        drop: f64,
    ) -> Result<Self, NnError> {
        let scale = |b: &mut Builder<'_>, name| match facts.layer_scale {
            Some(start) => b.sub(name).parameter("gamma", &[size.dim], Init::Const(start)).map(Some),
            None => Ok(None),
        };
        Ok(Self {
            norm1: LayerNorm::new(&mut b.sub("norm1"), size.dim, facts.eps)?,
            attention: Attention::new(&mut b.sub("attn"), size.dim, size.heads, facts.masked_keys)?,
            scale1: scale(b, "ls1")?,
            norm2: LayerNorm::new(&mut b.sub("norm2"), size.dim, facts.eps)?,
            mlp: Mlp::new(&mut b.sub("mlp"), size, facts.gelu)?,
            scale2: scale(b, "ls2")?,
            drop,
        })
    }

    /// Tokens `[B, N, D]`, of the same shape.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        rotation: Option<&Rotation>,
        mode: Mode,
    ) -> Result<Tensor, NnError> {
        self.after_mixing(x, &self.attention.mixed(&self.norm1.forward(x)?, rotation)?, mode)
    }

    /// [`Block::forward`] of the first `count` tokens alone, which are not patches: `[B, count, D]`. The others are only attended
    /// to, so this takes a sixth of the products.
    pub(super) fn forward_first(
        &self,
        x: &Tensor,
        rotation: Option<&Rotation>,
        count: i64,
        mode: Mode,
    ) -> Result<Tensor, NnError> {
        let mixed = self.attention.mixed_for_first(&self.norm1.forward(x)?, rotation, count)?;
        self.after_mixing(&x.f_narrow(1, 0, count)?, &mixed, mode)
    }

    /// All that follows the mixing of values, for each token on its own.
    fn after_mixing(&self, x: &Tensor, mixed: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        let x = self.added(x, self.attention.last(), mixed, &self.scale1, mode)?;
        self.added(&x, self.mlp.last(), &self.mlp.hidden(&self.norm2.forward(&x)?)?, &self.scale2, mode)
    }

    /// `x` and the branch that ends in the layer `last`.
    fn added(
        &self,
        x: &Tensor,
        last: &Linear,
        input: &Tensor,
        scale: &Option<Tensor>,
        mode: Mode,
    ) -> Result<Tensor, NnError> {
        if self.drop == 0.0 || mode == Mode::Eval {
            return last.forward_onto(x, input, scale.as_ref());
        }
        let branch = last.forward(input)?;
        let branch = match scale {
            Some(scale) => branch.f_mul(scale)?,
            None => branch,
        };
        Ok(x.f_add(&thinned(branch, self.drop, mode)?)?)
    }

    /// The same in a graph, in evaluation.
    pub(super) fn record(
        &self,
        graph: &mut Graph,
        x: &Value,
        rotation: Option<&Rotation>,
    ) -> Result<Value, NnError> {
        let normed = self.norm1.record(graph, x);
        let branch = self.attention.record(graph, &normed, rotation)?;
        let branch = record_scaled(graph, branch, &self.scale1);
        let x = graph.with("Add", x, &branch.name);
        let normed = self.norm2.record(graph, &x);
        let branch = self.mlp.record(graph, &normed)?;
        let branch = record_scaled(graph, branch, &self.scale2);
        Ok(graph.with("Add", &x, &branch.name))
    }
}

fn record_scaled(graph: &mut Graph, branch: Value, scale: &Option<Tensor>) -> Value {
    let Some(scale) = scale else { return branch };
    let scale = graph.constant(scale);
    graph.with("Mul", &branch, &scale)
}
