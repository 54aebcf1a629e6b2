//! Arithmetic over lists of tensors: on CUDA one kernel for a whole network instead of one per parameter.
//!
//! Functions that end in `_` change the tensors of their first list. None is recorded for backward. Lists that go together have
//! equal length, else [`TorchError::ListLength`]; other errors are libtorch's, which checks shapes, kinds and devices here.

use tch::Tensor;

use crate::TorchError;
use crate::error::shim;
use crate::ffi::{handles, room, take_all};

fn equal(op: &'static str, first: &[Tensor], other: &[Tensor]) -> Result<i64, TorchError> {
    if first.len() != other.len() {
        return Err(TorchError::ListLength { op, expected: first.len(), got: other.len() });
    }
    Ok(first.len() as i64)
}

macro_rules! documented {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),*) -> $out:ty $body:block) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// See the module.
        pub fn $name($($arg: $kind),*) -> Result<$out, TorchError> $body
    };
}

documented! {
    /// The Euclidean norm of each tensor, each a 0-d tensor.
    fn norm(tensors: &[Tensor]) -> Vec<Tensor> {
        let mut out = room(tensors.len());
        shim!(torch_ext_foreach_norm(handles(tensors).as_ptr(), tensors.len() as i64, out.as_mut_ptr()))?;
        take_all(out)
    }
}
documented! {
    /// `tensors += alpha * others`.
    fn add_(tensors: &[Tensor], others: &[Tensor], alpha: f64) -> () {
        let n = equal("add_", tensors, others)?;
        shim!(torch_ext_foreach_add_(handles(tensors).as_ptr(), handles(others).as_ptr(), n, alpha))
    }
}
documented! {
    /// `tensors -= alpha * others`.
    fn sub_(tensors: &[Tensor], others: &[Tensor], alpha: f64) -> () {
        let n = equal("sub_", tensors, others)?;
        shim!(torch_ext_foreach_sub_(handles(tensors).as_ptr(), handles(others).as_ptr(), n, alpha))
    }
}
documented! {
    /// `tensors += value`.
    fn add_scalar_(tensors: &[Tensor], value: f64) -> () {
        shim!(torch_ext_foreach_add_scalar_(handles(tensors).as_ptr(), tensors.len() as i64, value))
    }
}
documented! {
    /// `tensors *= value`.
    fn mul_scalar_(tensors: &[Tensor], value: f64) -> () {
        shim!(torch_ext_foreach_mul_scalar_(handles(tensors).as_ptr(), tensors.len() as i64, value))
    }
}
documented! {
    /// `tensors *= value`, a 0-d tensor: no host read, as gradient clipping by the global norm wants.
    fn mul_tensor_(tensors: &[Tensor], value: &Tensor) -> () {
        let n = tensors.len() as i64;
        shim!(torch_ext_foreach_mul_tensor_(handles(tensors).as_ptr(), n, value.as_ptr()))
    }
}
documented! {
    /// `tensors += weight * (others - tensors)`.
    fn lerp_(tensors: &[Tensor], others: &[Tensor], weight: f64) -> () {
        let n = equal("lerp_", tensors, others)?;
        shim!(torch_ext_foreach_lerp_(handles(tensors).as_ptr(), handles(others).as_ptr(), n, weight))
    }
}
documented! {
    /// `tensors += value * a * b`.
    fn addcmul_(tensors: &[Tensor], a: &[Tensor], b: &[Tensor], value: f64) -> () {
        equal("addcmul_", tensors, a)?;
        let n = equal("addcmul_", tensors, b)?;
        shim!(torch_ext_foreach_addcmul_(
            handles(tensors).as_ptr(), handles(a).as_ptr(), handles(b).as_ptr(), n, value))
    }
}
