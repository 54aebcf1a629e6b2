//! Patches of an image as tokens.

use tch::Tensor;

use crate::graph::Attribute;
use crate::{Builder, Graph, Init, NnError, Value};

/// Patches of the image to tokens: a convolution whose stride is its kernel.
#[derive(Debug)]
pub(super) struct Patches {
    weight: Tensor,
    bias: Option<Tensor>,
    pub(super) side: i64,
}

impl Patches {
    pub(super) fn new(
        b: &mut Builder<'_>,
        side: i64,
        dim: i64,
        bias: bool,
        frozen: bool,
    ) -> Result<Self, NnError> {
        let init = Init::linear(3 * side * side);
        let mut add = |name, shape: &[i64]| match frozen {
            true => b.frozen(name, shape, init),
            false => b.parameter(name, shape, init),
        };
        let weight = add("weight", &[dim, 3, side, side])?;
        let bias = if bias { Some(add("bias", &[dim])?) } else { None };
        Ok(Self { weight, bias, side })
    }

    /// `[B, 3, H, W]` to `[B, P, D]`, rows first.
    pub(super) fn forward(&self, images: &Tensor) -> Result<Tensor, NnError> {
        let stride = [self.side; 2];
        let x = images.f_conv2d(&self.weight, self.bias.as_ref(), stride, [0, 0], [1, 1], 1)?;
        Ok(x.f_flatten(2, 3)?.f_transpose(1, 2)?)
    }

    pub(super) fn record(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError> {
        let (rows, columns, dim) =
            (images.shape[1] / self.side, images.shape[2] / self.side, self.weight.size()[0]);
        let mut inputs = vec![images.name.clone(), graph.constant(&self.weight)];
        inputs.extend(self.bias.as_ref().map(|bias| graph.constant(bias)));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let side = Attribute::Ints(vec![self.side; 2]);
        let attributes = [("kernel_shape", side.clone()), ("strides", side)];
        let x = graph.node("Conv", &inputs, &attributes, vec![dim, rows, columns]);
        let x = graph.reshape(&x, &[dim, rows * columns])?;
        Ok(graph.transpose(&x, &[0, 2, 1]))
    }
}
