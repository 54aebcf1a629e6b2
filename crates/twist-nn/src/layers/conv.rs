//! Convolutions: without a bias as batch-normalised networks use them, and with one.

use tch::Tensor;

use crate::graph::Attribute;
use crate::{Builder, Graph, Init, NnError, Value};

/// A square kernel `[out, in, k, k]`; `[out, 1, k, k]` where each channel has its own.
#[derive(Debug)]
pub struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    padding: i64,
    groups: i64,
}

impl Conv {
    /// Adds the parameter `weight`, initialised as in torchvision's ResNets.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(
        b: &mut Builder<'_>,
        inputs: i64,
        outputs: i64,
        kernel: i64,
        stride: i64,
        padding: i64,
    ) -> Result<Self, NnError> {
        let init = Init::kaiming_fan_out(outputs, kernel);
        let weight = b.parameter("weight", &[outputs, inputs, kernel, kernel], init)?;
        Ok(Self { weight, bias: None, stride, padding, groups: 1 })
    }

    /// As [`Conv::new`], with a kernel of its own for each channel.
    ///
    /// # Errors
    /// The device has no room.
    pub fn depthwise(
        b: &mut Builder<'_>,
        channels: i64,
        kernel: i64,
        stride: i64,
        padding: i64,
    ) -> Result<Self, NnError> {
        let init = Init::kaiming_fan_out(1, kernel);
        let weight = b.parameter("weight", &[channels, 1, kernel, kernel], init)?;
        Ok(Self { weight, bias: None, stride, padding, groups: channels })
    }

    /// A linear map of each patch of `side` × `side` pixels, with a bias, that starts as a transformer's.
    ///
    /// # Errors
    /// The device has no room.
    pub fn patches(b: &mut Builder<'_>, inputs: i64, outputs: i64, side: i64) -> Result<Self, NnError> {
        let weight = b.parameter("weight", &[outputs, inputs, side, side], Init::TRANSFORMER)?;
        let bias = Some(b.parameter("bias", &[outputs], Init::Const(0.0))?);
        Ok(Self { weight, bias, stride: side, padding: 0, groups: 1 })
    }

    /// A kernel for each channel that keeps the resolution, with a bias, and starts as a transformer's linear maps.
    ///
    /// # Errors
    /// The device has no room.
    pub fn depthwise_same(b: &mut Builder<'_>, channels: i64, kernel: i64) -> Result<Self, NnError> {
        let weight = b.parameter("weight", &[channels, 1, kernel, kernel], Init::TRANSFORMER)?;
        let bias = Some(b.parameter("bias", &[channels], Init::Const(0.0))?);
        Ok(Self { weight, bias, stride: 1, padding: kernel / 2, groups: channels })
    }

    /// `[B, in, H, W]` to `[B, out, H', W']`.
    ///
    /// # Errors
    /// Shapes or kinds that do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        Ok(x.f_conv2d(&self.weight, self.bias.as_ref(), stride, padding, [1, 1], self.groups)?)
    }

    pub(crate) fn record(&self, graph: &mut Graph, x: &Value) -> Value {
        let kernel = self.weight.size();
        let outputs = |length: i64| (length + 2 * self.padding - kernel[2]) / self.stride + 1;
        let shape = vec![kernel[0], outputs(x.shape[1]), outputs(x.shape[2])];
        let mut inputs = vec![x.name.clone(), graph.constant(&self.weight)];
        inputs.extend(self.bias.as_ref().map(|bias| graph.constant(bias)));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let attributes = [
            ("kernel_shape", Attribute::Ints(kernel[2..].to_vec())),
            ("strides", Attribute::Ints(vec![self.stride; 2])),
            ("pads", Attribute::Ints(vec![self.padding; 4])),
            ("group", Attribute::Int(self.groups)),
        ];
        graph.node("Conv", &inputs, &attributes, shape)
    }
}
