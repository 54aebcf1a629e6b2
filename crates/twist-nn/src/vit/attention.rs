//! Multi-head self-attention by libtorch's fused kernel.

use tch::Tensor;

use super::rope::Rotation;
use crate::layers::Linear;
use crate::{Builder, Graph, NnError, Value};

/// The factors of the biases of queries, keys and values, from their shape: keys have no bias.
pub(super) fn bias_mask(shape: &[usize]) -> Vec<f32> {
    let third = shape.iter().product::<usize>() / 3;
    (0..3 * third).map(|index| f32::from(index / third.max(1) != 1)).collect()
}

#[derive(Debug)]
pub(super) struct Attention {
    qkv: Linear,
    /// What the biases are multiplied by, `[3 D]`.
    mask: Option<Tensor>,
    proj: Linear,
    heads: i64,
}

impl Attention {
    /// `masked`: keys have no bias.
    pub(super) fn new(b: &mut Builder<'_>, dim: i64, heads: i64, masked: bool) -> Result<Self, NnError> {
        let qkv = Linear::small_normal(&mut b.sub("qkv"), dim, 3 * dim)?;
        let mask = match masked {
            true => Some(b.sub("qkv").constant("bias_mask", &bias_mask(&[3 * dim as usize]))?),
            false => None,
        };
        Ok(Self { qkv, mask, proj: Linear::small_normal(&mut b.sub("proj"), dim, dim)?, heads })
    }

    /// Values mixed for each of the `N` tokens `[B, N, D]`: what the projection takes, of the same shape.
    pub(super) fn mixed(&self, x: &Tensor, rotation: Option<&Rotation>) -> Result<Tensor, NnError> {
        let qkv = match &self.mask {
            Some(mask) => self.qkv.forward_masked(x, mask)?,
            None => self.qkv.forward(x)?,
        };
        let mut parts = self.parts(&qkv, 3)?;
        if let Some(rotation) = rotation {
            parts[0] = rotation.apply(&parts[0])?;
            parts[1] = rotation.apply(&parts[1])?;
        }
        joined(&mixed(&parts[0], &parts[1], &parts[2])?)
    }

    /// [`Attention::mixed`] for the first `count` tokens alone, which are not patches: `[B, count, D]`.
    pub(super) fn mixed_for_first(
        &self,
        x: &Tensor,
        rotation: Option<&Rotation>,
        count: i64,
    ) -> Result<Tensor, NnError> {
        let dim = x.size3()?.2;
        let rows = |x: &Tensor, first: i64, count: i64| match &self.mask {
            Some(mask) => self.qkv.forward_rows_masked(x, mask, first, count),
            None => self.qkv.forward_rows(x, first, count),
        };
        // Only patches have a position, so these queries are not rotated.
        let queries = self.parts(&rows(&x.f_narrow(1, 0, count)?, 0, dim)?, 1)?;
        let mut parts = self.parts(&rows(x, dim, 2 * dim)?, 2)?;
        if let Some(rotation) = rotation {
            parts[0] = rotation.apply(&parts[0])?;
        }
        joined(&mixed(&queries[0], &parts[0], &parts[1])?)
    }

    /// `[B, N, count D]` as `count` times `[B, heads, N, D / heads]`.
    fn parts(&self, x: &Tensor, count: i64) -> Result<Vec<Tensor>, NnError> {
        let (batch, tokens, width) = x.size3()?;
        let parts = x.f_reshape([batch, tokens, count, self.heads, width / count / self.heads])?;
        Ok(parts.f_permute([2, 0, 3, 1, 4])?.f_unbind(0)?)
    }

    /// The last layer.
    pub(super) fn last(&self) -> &Linear {
        &self.proj
    }

    pub(super) fn record(
        &self,
        graph: &mut Graph,
        x: &Value,
        rotation: Option<&Rotation>,
    ) -> Result<Value, NnError> {
        let (tokens, dim) = (x.shape[0], x.shape[1]);
        let qkv = match &self.mask {
            Some(mask) => self.qkv.record_masked(graph, x, mask)?,
            None => self.qkv.record(graph, x),
        };
        let qkv = graph.reshape(&qkv, &[tokens, 3, self.heads, dim / self.heads])?;
        let mut parts = Vec::new();
        for part in 0..3 {
            let part = graph.select(&qkv, 2, part)?;
            parts.push(graph.transpose(&part, &[0, 2, 1, 3]));
        }
        if let Some(rotation) = rotation {
            parts[0] = rotation.record(graph, &parts[0])?;
            parts[1] = rotation.record(graph, &parts[1])?;
        }
        let mixed = graph.attention(&parts[0], &parts[1], &parts[2])?;
        let mixed = graph.transpose(&mixed, &[0, 2, 1, 3]);
        let mixed = graph.reshape(&mixed, &[tokens, dim])?;
        Ok(self.proj.record(graph, &mixed))
    }
}

/// `[B, heads, N, C]` as `[B, N, heads C]`.
fn joined(x: &Tensor) -> Result<Tensor, NnError> {
    Ok(x.f_transpose(1, 2)?.f_flatten(2, 3)?)
}

/// Values `[B, heads, M, C]` mixed for queries `[B, heads, N, C]` by their likeness to keys `[B, heads, M, C]`.
pub(super) fn mixed(queries: &Tensor, keys: &Tensor, values: &Tensor) -> Result<Tensor, NnError> {
    let none = None::<&Tensor>;
    Ok(Tensor::f_scaled_dot_product_attention(queries, keys, values, none, 0.0, false, None, false)?)
}
