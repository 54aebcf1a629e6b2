//! `x Wᵀ + b` as fast as oneDNN computes it.
//!
//! For float32 on the CPU, libtorch's `linear` asks MKL, which takes two to nine times as long as oneDNN on processors of AMD. What
//! needs no gradient goes to oneDNN here, by the operator that libtorch keeps for compiled networks.

use tch::Tensor;
use torch_sys::C_tensor;

use crate::TorchError;
use crate::error::shim;
use crate::ffi::take_one;

/// What follows a linear map at once, without a pass of its own over memory where oneDNN computes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gelu {
    /// `x Φ(x)`.
    Exact,
    /// The approximation by a hyperbolic tangent.
    Tanh,
}

/// `x Wᵀ + b` of `x` `[…, in]`, `W` `[out, in]` and `b` `[out]`: `[…, out]`; differentiable, as in libtorch, where gradients are on.
///
/// # Errors
/// Shapes, kinds or devices that do not go together.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, TorchError> {
    call(x, weight, bias, 0)
}

/// `gelu(x Wᵀ + b)`, otherwise as [`linear`].
///
/// # Errors
/// As [`linear`].
pub fn linear_gelu(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    gelu: Gelu,
) -> Result<Tensor, TorchError> {
    let gelu = match gelu {
        Gelu::Exact => 1,
        Gelu::Tanh => 2,
    };
    call(x, weight, bias, gelu)
}

fn call(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, gelu: i32) -> Result<Tensor, TorchError> {
    let mut out = std::ptr::null_mut();
    shim!(torch_ext_linear(x.as_ptr(), weight.as_ptr(), pointer(bias), gelu, &mut out))?;
    take_one(out)
}

/// `to + s (x Wᵀ + b)` of `to` `[…, out]` and `s` `[out]` (1 if there is none), otherwise as [`linear`].
///
/// # Errors
/// As [`linear`].
pub fn linear_onto(
    to: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    scale: Option<&Tensor>,
) -> Result<Tensor, TorchError> {
    let mut out = std::ptr::null_mut();
    shim!(torch_ext_linear_onto(
        to.as_ptr(),
        x.as_ptr(),
        weight.as_ptr(),
        bias.as_ptr(),
        pointer(scale),
        &mut out
    ))?;
    take_one(out)
}

fn pointer(tensor: Option<&Tensor>) -> *const C_tensor {
    tensor.map_or(std::ptr::null(), Tensor::as_ptr)
}
