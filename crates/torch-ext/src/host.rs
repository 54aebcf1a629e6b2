//! Tensors from bytes and bytes from tensors.

use std::ffi::c_void;

use tch::{Device, Kind, Tensor};

use crate::TorchError;
use crate::error::shim;
use crate::ffi::{self, take_one};

fn checked(kind: Kind, shape: &[i64], got: usize) -> Result<(), TorchError> {
    let side = |total: usize, &side: &i64| total.checked_mul(usize::try_from(side).ok()?);
    // Sides of 0 must not hide one that cannot be.
    let positive = shape.iter().filter(|side| **side != 0).try_fold(kind.elt_size_in_bytes(), side);
    if positive.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(TorchError::Shape { shape: shape.to_vec() });
    }
    let expected = shape.iter().try_fold(kind.elt_size_in_bytes(), side).unwrap_or(0);
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

/// The bytes of images on `device`: the tensor itself where it is on the CPU. A copy to a GPU begins from pinned memory and
/// is not waited for, so the host may queue the next step while the GPU still works on the last one; operations that are
/// queued afterwards see the copy finished, as they run after it.
///
/// # Errors
/// The device has no room.
pub fn upload(tensor: &Tensor, device: Device) -> Result<Tensor, TorchError> {
    match device {
        Device::Cuda(_) if tensor.device() == Device::Cpu => {
            // libtorch keeps the pinned block until the copy that was queued from it is done.
            let pinned = tensor.f_pin_memory(device)?;
            Ok(pinned.f_to_device_(device, pinned.f_kind()?, true, false)?)
        }
        _ => Ok(tensor.f_to_device(device)?),
    }
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
