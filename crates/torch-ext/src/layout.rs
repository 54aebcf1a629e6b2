//! Memory formats, which `tch` does not expose.

use tch::Tensor;

use crate::TorchError;
use crate::error::shim;
use crate::ffi::take_one;

/// `[B, C, H, W]` with channels innermost in memory; the tensor itself when it already is.
///
/// # Errors
/// The tensor is not 4-D.
pub fn channels_last(tensor: &Tensor) -> Result<Tensor, TorchError> {
    let mut out = std::ptr::null_mut();
    shim!(torch_ext_channels_last(tensor.as_ptr(), &mut out))?;
    take_one(out)
}

/// Whether a tensor is 4-D with channels innermost.
///
/// # Errors
/// libtorch's own.
pub fn is_channels_last(tensor: &Tensor) -> Result<bool, TorchError> {
    let mut yes = 0;
    shim!(torch_ext_is_channels_last(tensor.as_ptr(), &mut yes))?;
    Ok(yes != 0)
}
