//! Gradients of lists of tensors.

use tch::Tensor;

use crate::TorchError;
use crate::error::shim;
use crate::ffi::{handles, room, take_all};
use crate::fits::defined;

/// The gradient of each tensor, sharing its memory.
///
/// # Errors
/// [`TorchError::NoGradient`] names the first tensor that has none; an undefined tensor.
pub fn of(tensors: &[Tensor]) -> Result<Vec<Tensor>, TorchError> {
    defined("grad::of", "tensors", tensors)?;
    let mut out = room(tensors.len());
    shim!(torch_ext_grads(handles(tensors).as_ptr(), tensors.len() as i64, out.as_mut_ptr()))?;
    take_all(out)
}

/// Takes the gradients away, as `zero_grad(set_to_none=True)`: the next backward stores its result instead of adding
/// to zeros.
///
/// # Errors
/// An undefined tensor.
pub fn clear(tensors: &[Tensor]) -> Result<(), TorchError> {
    defined("grad::clear", "tensors", tensors)?;
    shim!(torch_ext_clear_grads(handles(tensors).as_ptr(), tensors.len() as i64))
}

/// Runs backward from `output` with `gradient` arriving there, and adds to the gradients of the leaves.
///
/// This is what makes accumulation exact: the loss of the global batch is differentiated once with respect to all
/// logits, and each micro-batch then goes backward from its share of that gradient.
///
/// # Errors
/// `gradient` does not have the shape of `output`; `output` has no graph.
pub fn backward(output: &Tensor, gradient: &Tensor) -> Result<(), TorchError> {
    const OP: &str = "grad::backward";
    for (what, tensor) in [("outputs", output), ("gradients", gradient)] {
        defined(OP, what, std::slice::from_ref(tensor))?;
    }
    let (size, expected) = (gradient.size(), output.size());
    if size != expected {
        let reason = format!("its shape is {size:?}, the output's is {expected:?}");
        return Err(TorchError::Misfit { op: OP, what: "gradients", index: 0, reason });
    }
    shim!(torch_ext_backward([output.as_ptr()].as_ptr(), [gradient.as_ptr()].as_ptr(), 1))
}
