//! A linear map.

use tch::Tensor;

use crate::{Builder, Init, NnError};

/// `y = x Wᵀ + b`, `W` of shape `[out, in]`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// With PyTorch's default initialisation.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(b: &mut Builder<'_>, inputs: i64, outputs: i64) -> Result<Self, NnError> {
        let weight = b.parameter("weight", &[outputs, inputs], Init::linear(inputs))?;
        let bias = b.parameter("bias", &[outputs], Init::linear(inputs))?;
        Ok(Self { weight, bias })
    }

    /// `[B, in]` to `[B, out]`.
    ///
    /// # Errors
    /// Shapes or kinds that do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }
}
