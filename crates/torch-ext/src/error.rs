//! The one error of this crate, and the one place where C++ exceptions become it.

use std::ffi::{CStr, c_char};

/// What can go wrong between Rust and libtorch.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum TorchError {
    /// libtorch refused an operation; the text is its own.
    #[error("libtorch: {0}")]
    Torch(String),
    /// An operation of `tch` failed.
    #[error("libtorch: {0}")]
    Tch(#[from] tch::TchError),
    /// Two lists that go together differ in length.
    #[error("`{op}` takes lists of equal length, got {expected} and {got} tensors")]
    ListLength { op: &'static str, expected: usize, got: usize },
    /// A tensor that C++ would read or write beyond its end, or in the wrong order.
    #[error("`{op}` cannot use tensor {index} of its {what}: {reason}")]
    Misfit { op: &'static str, what: &'static str, index: usize, reason: String },
    /// A tensor has no gradient where one is required.
    #[error(
        "tensor {index} of {count} has no gradient: it took no part in the loss, or `backward` was not called"
    )]
    NoGradient { index: usize, count: usize },
    /// Bytes do not fill the tensor they are for.
    #[error("a tensor of shape {shape:?} and kind {kind:?} takes {expected} bytes, got {got}")]
    ByteCount { shape: Vec<i64>, kind: tch::Kind, expected: usize, got: usize },
    /// A shape that no tensor can have: a negative side, or more bytes than an address can count.
    #[error("no tensor has the shape {shape:?}")]
    Shape { shape: Vec<i64> },
    /// An element type that this function does not handle.
    #[error("element type {kind:?} is not supported {context}")]
    Kind { kind: tch::Kind, context: &'static str },
    /// A device that this function does not handle.
    #[error("device {device:?} is not supported {context}; use the CPU or CUDA")]
    Device { device: tch::Device, context: &'static str },
}

/// Turns the message that a C++ function returned into a `Result`, and frees it.
pub(crate) fn check(message: *mut c_char) -> Result<(), TorchError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a non-null message is a NUL-terminated string that the shim allocated with `strdup` and forgot.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    // SAFETY: it came from `strdup`, is freed once, and is not used afterwards.
    unsafe { crate::ffi::free(message.cast()) };
    Err(TorchError::Torch(text))
}

/// Calls a function of the shim; a C++ exception becomes `Err`.
macro_rules! shim {
    ($name:ident($($arg:expr),* $(,)?)) => {
        // SAFETY: the caller passes tensor handles that live through the call and pointers to as many elements as it
        // announces; what libtorch does not check itself the caller has checked; the shim catches every exception and
        // keeps nothing it was lent.
        $crate::error::check(unsafe { $crate::ffi::$name($($arg),*) })
    };
}
pub(crate) use shim;
