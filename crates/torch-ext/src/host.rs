//! Tensors from bytes and bytes from tensors.

use std::ffi::c_void;

use tch::{Device, Kind, Tensor};

use crate::TorchError;
use crate::error::shim;
use crate::ffi::{self, take_one};

fn byte_count(kind: Kind, shape: &[i64]) -> usize {
    shape.iter().map(|&d| usize::try_from(d).unwrap_or(0)).product::<usize>() * kind.elt_size_in_bytes()
}

fn checked(kind: Kind, shape: &[i64], got: usize) -> Result<(), TorchError> {
    let expected = byte_count(kind, shape);
    if expected != got {
        return Err(TorchError::ByteCount { shape: shape.to_vec(), kind, expected, got });
    }
    Ok(())
}

/// A CPU tensor with a copy of `bytes`: elements in row-major order, native byte order.
///
/// # Errors
/// `bytes` is not as long as shape and kind say.
pub fn from_bytes(kind: Kind, shape: &[i64], bytes: &[u8]) -> Result<Tensor, TorchError> {
    checked(kind, shape, bytes.len())?;
    Ok(Tensor::f_from_data_size(bytes, shape, kind)?)
}

/// The elements of a tensor of any device, layout and kind, in row-major order and native byte order.
///
/// # Errors
/// libtorch's own.
pub fn to_bytes(tensor: &Tensor) -> Result<Vec<u8>, TorchError> {
    let plain = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
    let kind = plain.f_kind()?;
    let mut bytes = vec![0u8; plain.numel() * kind.elt_size_in_bytes()];
    plain.f_copy_data_u8(&mut bytes, plain.numel())?;
    Ok(bytes)
}

/// A `u8` CPU tensor that *is* the buffer: no copy. The buffer is freed with the last tensor over it.
///
/// # Errors
/// The buffer is not as long as the shape says.
pub fn adopt(buffer: Vec<u8>, shape: &[i64]) -> Result<Tensor, TorchError> {
    extern "C" fn release(owner: *mut c_void) {
        // SAFETY: `owner` is the box made below, and libtorch calls this once, when the last view is gone.
        drop(unsafe { Box::from_raw(owner.cast::<Vec<u8>>()) });
    }
    checked(Kind::Uint8, shape, buffer.len())?;
    let (dims, dtype) = (shape.len() as i64, ffi::dtype(Kind::Uint8)?);
    let mut owner = Box::new(buffer);
    let data = owner.as_mut_ptr().cast::<c_void>();
    let owner = Box::into_raw(owner).cast::<c_void>();
    let mut out = std::ptr::null_mut();
    if let Err(error) = shim!(torch_ext_adopt(data, shape.as_ptr(), dims, dtype, owner, release, &mut out)) {
        // On failure no tensor owns the buffer.
        release(owner);
        return Err(error);
    }
    take_one(out)
}
