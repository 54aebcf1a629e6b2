//! Arithmetic over lists of tensors: on CUDA one kernel for a whole network instead of one per parameter.
//!
//! Functions that end in `_` change the tensors of their first list. None is recorded for backward. Lists that go together have equal length, else
//! [`TorchError::ListLength`]; other errors are libtorch's (shapes, kinds, devices).

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
    /// The square root of each element.
    fn sqrt(tensors: &[Tensor]) -> Vec<Tensor> {
        let mut out = room(tensors.len());
        shim!(torch_ext_foreach_sqrt(handles(tensors).as_ptr(), tensors.len() as i64, out.as_mut_ptr()))?;
        take_all(out)
    }
}
documented! {
    /// `tensors + alpha * others`.
    fn add(tensors: &[Tensor], others: &[Tensor], alpha: f64) -> Vec<Tensor> {
        let n = equal("add", tensors, others)?;
        let mut out = room(tensors.len());
        shim!(torch_ext_foreach_add(
            handles(tensors).as_ptr(), handles(others).as_ptr(), n, alpha, out.as_mut_ptr()))?;
        take_all(out)
    }
}
documented! {
    /// `tensors * others`; a 0-d tensor in `others` scales.
    fn mul(tensors: &[Tensor], others: &[Tensor]) -> Vec<Tensor> {
        let n = equal("mul", tensors, others)?;
        let mut out = room(tensors.len());
        shim!(torch_ext_foreach_mul(handles(tensors).as_ptr(), handles(others).as_ptr(), n, out.as_mut_ptr()))?;
        take_all(out)
    }
}
documented! {
    /// `tensors / others`.
    fn div(tensors: &[Tensor], others: &[Tensor]) -> Vec<Tensor> {
        let n = equal("div", tensors, others)?;
        let mut out = room(tensors.len());
        shim!(torch_ext_foreach_div(handles(tensors).as_ptr(), handles(others).as_ptr(), n, out.as_mut_ptr()))?;
        take_all(out)
    }
}
documented! {
    /// `tensors * value`.
    fn mul_scalar(tensors: &[Tensor], value: f64) -> Vec<Tensor> {
        let mut out = room(tensors.len());
        let n = tensors.len() as i64;
        shim!(torch_ext_foreach_mul_scalar(handles(tensors).as_ptr(), n, value, out.as_mut_ptr()))?;
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
    /// `tensors *= others`; a 0-d tensor in `others` scales.
    fn mul_(tensors: &[Tensor], others: &[Tensor]) -> () {
        let n = equal("mul_", tensors, others)?;
        shim!(torch_ext_foreach_mul_(handles(tensors).as_ptr(), handles(others).as_ptr(), n))
    }
}
documented! {
    /// `tensors /= others`.
    fn div_(tensors: &[Tensor], others: &[Tensor]) -> () {
        let n = equal("div_", tensors, others)?;
        shim!(torch_ext_foreach_div_(handles(tensors).as_ptr(), handles(others).as_ptr(), n))
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
    /// `tensors[i] *= values[i]`.
    fn mul_scalars_(tensors: &[Tensor], values: &[f64]) -> () {
        if tensors.len() != values.len() {
            return Err(TorchError::ListLength {
                op: "mul_scalars_", expected: tensors.len(), got: values.len() });
        }
        let n = tensors.len() as i64;
        shim!(torch_ext_foreach_mul_scalars_(handles(tensors).as_ptr(), n, values.as_ptr()))
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
documented! {
    /// `tensors += value * a / b`.
    fn addcdiv_(tensors: &[Tensor], a: &[Tensor], b: &[Tensor], value: f64) -> () {
        equal("addcdiv_", tensors, a)?;
        let n = equal("addcdiv_", tensors, b)?;
        shim!(torch_ext_foreach_addcdiv_(
            handles(tensors).as_ptr(), handles(a).as_ptr(), handles(b).as_ptr(), n, value))
    }
}
documented! {
    /// Copies `others` into `tensors`, converting kind and device.
    fn copy_(tensors: &[Tensor], others: &[Tensor]) -> () {
        let n = equal("copy_", tensors, others)?;
        shim!(torch_ext_foreach_copy_(handles(tensors).as_ptr(), handles(others).as_ptr(), n))
    }
}
documented! {
    /// Fills with zeros.
    fn zero_(tensors: &[Tensor]) -> () {
        shim!(torch_ext_foreach_zero_(handles(tensors).as_ptr(), tensors.len() as i64))
    }
}
