//! A convolution without bias, as batch-normalised networks use it.

use tch::Tensor;

use crate::{Builder, Init, NnError};

/// A square kernel `[out, in, k, k]`.
#[derive(Debug)]
pub struct Conv {
    weight: Tensor,
    stride: i64,
    padding: i64,
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
        Ok(Self { weight, stride, padding })
    }

    /// `[B, in, H, W]` to `[B, out, H', W']`.
    ///
    /// # Errors
    /// Shapes or kinds that do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        Ok(x.f_conv2d(&self.weight, None::<&Tensor>, stride, padding, [1, 1], 1)?)
    }
}
