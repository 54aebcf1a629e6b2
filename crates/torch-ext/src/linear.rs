//! `x Wᵀ + b` as fast as oneDNN computes it.
//!
//! For float32 on the CPU, libtorch's `linear` asks MKL, which takes two to nine times as long as oneDNN on processors of AMD. What
//! needs no gradient goes to oneDNN here, by the operator that libtorch keeps for compiled networks.

use tch::Tensor;
use torch_sys::C_tensor;

use crate::TorchError;
use crate::error::shim;
use crate::ffi::take_one;

/// `x Wᵀ + b` of `x` `[…, in]`, `W` `[out, in]` and `b` `[out]`: `[…, out]`; differentiable, as in libtorch, where gradients are on.
///
/// # Errors
/// Shapes, kinds or devices that do not go together.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, TorchError> {
    let bias = bias.map_or(std::ptr::null::<C_tensor>(), Tensor::as_ptr);
    let mut out = std::ptr::null_mut();
    shim!(torch_ext_linear(x.as_ptr(), weight.as_ptr(), bias, &mut out))?;
    take_one(out)
}
