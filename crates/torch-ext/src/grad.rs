//! Gradients of lists of tensors.

use tch::Tensor;

use crate::TorchError;
use crate::error::shim;
use crate::ffi::{handles, room, take, take_all};

/// The gradient of each tensor, sharing its memory.
///
/// # Errors
/// [`TorchError::NoGradient`] names the first tensor that has none.
pub fn of(tensors: &[Tensor]) -> Result<Vec<Tensor>, TorchError> {
    let mut out = room(tensors.len());
    shim!(torch_ext_grads(handles(tensors).as_ptr(), tensors.len() as i64, out.as_mut_ptr()))?;
    take_all(out)
}

/// The gradient of each tensor where there is one.
///
/// # Errors
/// libtorch's own.
pub fn try_of(tensors: &[Tensor]) -> Result<Vec<Option<Tensor>>, TorchError> {
    let mut out = room(tensors.len());
    shim!(torch_ext_grads(handles(tensors).as_ptr(), tensors.len() as i64, out.as_mut_ptr()))?;
    Ok(take(out))
}

/// Takes the gradients away, as `zero_grad(set_to_none=True)`: the next backward stores its result instead of adding
/// to zeros.
///
/// # Errors
/// libtorch's own.
pub fn clear(tensors: &[Tensor]) -> Result<(), TorchError> {
    shim!(torch_ext_clear_grads(handles(tensors).as_ptr(), tensors.len() as i64))
}

/// Sets the gradient of each tensor.
///
/// # Errors
/// Lists of unequal length; a gradient that does not fit its tensor.
pub fn set(tensors: &[Tensor], grads: &[Tensor]) -> Result<(), TorchError> {
    if tensors.len() != grads.len() {
        return Err(TorchError::ListLength { op: "grad::set", expected: tensors.len(), got: grads.len() });
    }
    shim!(torch_ext_set_grads(handles(tensors).as_ptr(), handles(grads).as_ptr(), tensors.len() as i64))
}

/// Runs backward from `output` with `gradient` arriving there, and adds to the gradients of the leaves.
///
/// This is what makes accumulation exact: the loss of the global batch is differentiated once with respect to all
/// logits, and each micro-batch then goes backward from its share of that gradient.
///
/// # Errors
/// `gradient` does not have the shape of `output`; `output` has no graph.
pub fn backward(output: &Tensor, gradient: &Tensor) -> Result<(), TorchError> {
    shim!(torch_ext_backward([output.as_ptr()].as_ptr(), [gradient.as_ptr()].as_ptr(), 1))
}
