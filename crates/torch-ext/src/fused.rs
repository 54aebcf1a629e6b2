//! Whole optimizer updates in one pass over memory, as libtorch's `_fused_*` operations make them.

use tch::Tensor;

use crate::TorchError;
use crate::error::shim;
use crate::ffi::handles;
use crate::fits::{alike, counters};

/// Settings of [`sgd_`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// Momentum; the buffers are updated as `buffer = momentum * buffer + gradient`.
    pub momentum: f64,
    /// Added to the gradient as `weight_decay * parameter`.
    pub weight_decay: f64,
    /// Whether the step is along `gradient + momentum * buffer` and not along the buffer.
    pub nesterov: bool,
}

/// Settings of [`adamw_`], as in Loshchilov and Hutter (arXiv:1711.05101).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the means of gradients and of squared gradients.
    pub betas: [f64; 2],
    /// Added to the denominator.
    pub eps: f64,
    /// Decoupled: parameters shrink by `lr * weight_decay`.
    pub weight_decay: f64,
}

/// One step of SGD with momentum on `params`; zero `buffers` are a first step. Without momentum they stay as they are.
///
/// # Errors
/// Lists of unequal length; tensors of a place that differ in shape, element type, device or order in memory; libtorch's own.
pub fn sgd_(params: &[Tensor], grads: &[Tensor], buffers: &[Tensor], how: Sgd) -> Result<(), TorchError> {
    const OP: &str = "fused::sgd_";
    for (what, list) in [("parameters", params), ("gradients", grads), ("buffers", buffers)] {
        alike(OP, what, params, list)?;
    }
    let n = params.len() as i64;
    let (params, grads, buffers) = (handles(params), handles(grads), handles(buffers));
    let Sgd { lr, momentum, weight_decay, nesterov } = how;
    shim!(torch_ext_fused_sgd_(
        params.as_ptr(),
        grads.as_ptr(),
        buffers.as_ptr(),
        n,
        weight_decay,
        momentum,
        lr,
        nesterov.into(),
        0
    ))
}

/// One step of AdamW on `params`. `steps` holds for each parameter the number of steps taken, this one included, as a
/// 0-d float tensor.
///
/// # Errors
/// As [`sgd_`]; a count that is not a 0-d float.
pub fn adamw_(
    params: &[Tensor],
    grads: &[Tensor],
    means: &[Tensor],
    squares: &[Tensor],
    steps: &[Tensor],
    how: AdamW,
) -> Result<(), TorchError> {
    const OP: &str = "fused::adamw_";
    for (what, list) in [("parameters", params), ("gradients", grads), ("means", means), ("squares", squares)]
    {
        alike(OP, what, params, list)?;
    }
    counters(OP, "steps", params, steps)?;
    let n = params.len() as i64;
    let (params, grads) = (handles(params), handles(grads));
    let (means, squares, steps) = (handles(means), handles(squares), handles(steps));
    let AdamW { lr, betas: [beta1, beta2], eps, weight_decay } = how;
    shim!(torch_ext_fused_adamw_(
        params.as_ptr(),
        grads.as_ptr(),
        means.as_ptr(),
        squares.as_ptr(),
        steps.as_ptr(),
        n,
        lr,
        beta1,
        beta2,
        weight_decay,
        eps
    ))
}
