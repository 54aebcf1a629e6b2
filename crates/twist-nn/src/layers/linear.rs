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

    /// As transformers start: weights normal with standard deviation 0.02, bias 0.
    ///
    /// The released code truncates at ±2, a hundred standard deviations away: no number is ever cut.
    ///
    /// # Errors
    /// The device has no room.
    pub fn small_normal(b: &mut Builder<'_>, inputs: i64, outputs: i64) -> Result<Self, NnError> {
        let weight = b.parameter("weight", &[outputs, inputs], Init::TRANSFORMER)?;
        let bias = b.parameter("bias", &[outputs], Init::Const(0.0))?;
        Ok(Self { weight, bias })
    }

    /// `[…, in]` to `[…, out]`.
    ///
    /// # Errors
    /// Shapes or kinds that do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }
}
