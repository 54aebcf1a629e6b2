//! The C++ functions, as declared in `csrc/`, and how lists of tensors pass to and from them.

use std::ffi::{c_char, c_int, c_void};

use tch::{Kind, Tensor};
use torch_sys::C_tensor;

use crate::TorchError;

type Message = *mut c_char;
type Handles = *const *const C_tensor;
type Out = *mut *mut C_tensor;

/// Autocast as it stood before a scope was entered.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct AutocastState {
    pub(crate) enabled: i32,
    pub(crate) dtype: i32,
}

unsafe extern "C" {
    pub(crate) fn free(pointer: *mut c_void);

    pub(crate) fn torch_ext_torch_cpu_path(path: *mut *mut c_char) -> Message;
    pub(crate) fn torch_ext_open_library(path: *const c_char) -> Message;
    pub(crate) fn torch_ext_version() -> *const c_char;
    pub(crate) fn torch_ext_autocast_enter(
        cuda: c_int,
        on: c_int,
        dtype: c_int,
        before: *mut AutocastState,
    ) -> Message;
    pub(crate) fn torch_ext_autocast_leave(cuda: c_int, before: *const AutocastState) -> Message;

    pub(crate) fn torch_ext_foreach_norm(a: Handles, n: i64, out: Out) -> Message;
    pub(crate) fn torch_ext_foreach_add_(a: Handles, b: Handles, n: i64, alpha: f64) -> Message;
    pub(crate) fn torch_ext_foreach_sub_(a: Handles, b: Handles, n: i64, alpha: f64) -> Message;
    pub(crate) fn torch_ext_foreach_add_scalar_(a: Handles, n: i64, value: f64) -> Message;
    pub(crate) fn torch_ext_foreach_mul_scalar_(a: Handles, n: i64, value: f64) -> Message;
    pub(crate) fn torch_ext_foreach_mul_tensor_(a: Handles, n: i64, value: *const C_tensor) -> Message;
    pub(crate) fn torch_ext_foreach_lerp_(a: Handles, b: Handles, n: i64, weight: f64) -> Message;
    pub(crate) fn torch_ext_foreach_addcmul_(
        a: Handles,
        b: Handles,
        c: Handles,
        n: i64,
        value: f64,
    ) -> Message;

    pub(crate) fn torch_ext_fused_sgd_(
        params: Handles,
        grads: Handles,
        momenta: Handles,
        n: i64,
        weight_decay: f64,
        momentum: f64,
        lr: f64,
        nesterov: c_int,
        first: c_int,
    ) -> Message;
    pub(crate) fn torch_ext_fused_adamw_(
        params: Handles,
        grads: Handles,
        means: Handles,
        squares: Handles,
        steps: Handles,
        n: i64,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        eps: f64,
    ) -> Message;

    pub(crate) fn torch_ext_grads(a: Handles, n: i64, out: Out) -> Message;
    pub(crate) fn torch_ext_clear_grads(a: Handles, n: i64) -> Message;
    pub(crate) fn torch_ext_backward(outputs: Handles, grads: Handles, n: i64) -> Message;

    pub(crate) fn torch_ext_norm_act(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        residual: *const C_tensor,
        running_mean: *const C_tensor,
        running_var: *const C_tensor,
        training: c_int,
        relu: c_int,
        momentum: f64,
        eps: f64,
        out: Out,
    ) -> Message;

    pub(crate) fn torch_ext_linear(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        gelu: i32,
        out: Out,
    ) -> Message;
    pub(crate) fn torch_ext_linear_onto(
        to: *const C_tensor,
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        scale: *const C_tensor,
        out: Out,
    ) -> Message;

    pub(crate) fn torch_ext_channels_last(a: *const C_tensor, out: Out) -> Message;
    pub(crate) fn torch_ext_is_channels_last(a: *const C_tensor, out: *mut i32) -> Message;
    pub(crate) fn torch_ext_adopt(
        data: *mut c_void,
        shape: *const i64,
        dims: i64,
        dtype: c_int,
        owner: *mut c_void,
        release: extern "C" fn(*mut c_void),
        out: Out,
    ) -> Message;

    pub(crate) fn torch_ext_cpu_has(name: *const c_char, out: *mut i32) -> Message;
    pub(crate) fn torch_ext_set_benchmark_cudnn(on: c_int) -> Message;
    pub(crate) fn torch_ext_cuda_peak_bytes(device: c_int, bytes: *mut i64) -> Message;
    pub(crate) fn torch_ext_keep_freed_pages() -> Message;
}

/// The handles of a list of tensors; valid while the tensors are.
pub(crate) fn handles(tensors: &[Tensor]) -> Vec<*const C_tensor> {
    tensors.iter().map(Tensor::as_ptr).collect()
}

/// Room for `count` tensors that the shim fills.
pub(crate) fn room(count: usize) -> Vec<*mut C_tensor> {
    vec![std::ptr::null_mut(); count]
}

/// Takes over the tensors that the shim handed out; null stands for an undefined one.
pub(crate) fn take(out: Vec<*mut C_tensor>) -> Vec<Option<Tensor>> {
    // SAFETY: each non-null pointer is an `at::Tensor` that the shim allocated with `new` for us to own, and appears
    // once.
    out.into_iter().map(|p| (!p.is_null()).then(|| unsafe { Tensor::from_ptr(p) })).collect()
}

/// Takes over tensors that are all defined.
pub(crate) fn take_all(out: Vec<*mut C_tensor>) -> Result<Vec<Tensor>, TorchError> {
    let count = out.len();
    let taken = take(out).into_iter().enumerate();
    taken.map(|(index, tensor)| tensor.ok_or(TorchError::NoGradient { index, count })).collect()
}

pub(crate) fn take_one(out: *mut C_tensor) -> Result<Tensor, TorchError> {
    take(vec![out]).pop().flatten().ok_or_else(|| TorchError::Torch("an operation returned no tensor".into()))
}

/// libtorch's number for an element type (`c10::ScalarType`), of those that Twist uses.
pub(crate) fn dtype(kind: Kind) -> Result<c_int, TorchError> {
    match kind {
        Kind::Uint8 => Ok(0),
        Kind::Int => Ok(3),
        Kind::Int64 => Ok(4),
        Kind::Half => Ok(5),
        Kind::Float => Ok(6),
        Kind::Double => Ok(7),
        Kind::Bool => Ok(11),
        Kind::BFloat16 => Ok(15),
        kind => Err(TorchError::Kind { kind, context: "across the C++ border" }),
    }
}
