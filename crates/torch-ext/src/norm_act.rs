//! Batch norm, residual sum and relu as one operation.
//!
//! On the CPU libtorch spends on these three about what a convolution costs, since each passes over the whole
//! activation on its own, forward and backward. For float32 and bf16 activations with channels innermost the shim has
//! kernels that need three passes each way; other layouts, kinds and devices go through libtorch's own operations.
//! Either way the arithmetic is that of `BatchNorm`, then `+`, then `relu`.

use tch::Tensor;
use torch_sys::C_tensor;

use crate::TorchError;
use crate::error::shim;
use crate::ffi::take_one;

/// What is computed: `relu(norm(x) + residual)`, each part but the norm optional.
#[derive(Debug, Clone, Copy)]
pub struct NormAct<'a> {
    /// Scale and shift, `[C]` each.
    pub affine: Option<(&'a Tensor, &'a Tensor)>,
    /// Running mean and variance, `[C]` each: updated in training, used otherwise.
    pub running: Option<(&'a Tensor, &'a Tensor)>,
    /// Normalise by the statistics of the batch.
    pub training: bool,
    /// Share of the newest batch in the running statistics.
    pub momentum: f64,
    /// Added to variances.
    pub eps: f64,
    /// Added after the norm, of the shape of `x`.
    pub residual: Option<&'a Tensor>,
    /// Negative values become 0.
    pub relu: bool,
}

/// Applies `how` to `x`, `[B, C]` or `[B, C, H, W]`; differentiable by `x`, scale, shift and residual.
///
/// # Errors
/// Shapes, kinds or devices that do not go together.
pub fn norm_act(x: &Tensor, how: NormAct<'_>) -> Result<Tensor, TorchError> {
    let pointer = |tensor: Option<&Tensor>| tensor.map_or(std::ptr::null::<C_tensor>(), Tensor::as_ptr);
    let mut out = std::ptr::null_mut();
    shim!(torch_ext_norm_act(
        x.as_ptr(),
        pointer(how.affine.map(|a| a.0)),
        pointer(how.affine.map(|a| a.1)),
        pointer(how.residual),
        pointer(how.running.map(|r| r.0)),
        pointer(how.running.map(|r| r.1)),
        how.training.into(),
        how.relu.into(),
        how.momentum,
        how.eps,
        &mut out,
    ))?;
    take_one(out)
}
