//! Memory: pages kept between steps, and how much was used at most.

use crate::TorchError;
use crate::error::shim;

/// Keeps the pages of freed CPU tensors for the next ones, on 2 MiB pages where the system allows.
///
/// A training step frees and asks again for the same hundreds of megabytes; without this each large tensor is mapped,
/// zeroed and unmapped by the kernel every time. Call it once, before the first tensor; calling it again changes
/// nothing. What lies idle stays below half of the largest amount ever in use.
///
/// # Errors
/// libtorch's own.
pub fn keep_freed_pages() -> Result<(), TorchError> {
    shim!(torch_ext_keep_freed_pages())
}

/// The largest amount of large tensors (1 MiB and more) alive at once, in bytes, since [`keep_freed_pages`]; 0 without
/// it.
pub fn peak_tensor_bytes() -> u64 {
    // SAFETY: takes no argument, reads a counter under a lock.
    u64::try_from(unsafe { crate::ffi::torch_ext_kept_peak_bytes() }).unwrap_or(0)
}

/// The largest resident set of this process so far, in bytes, from `/proc/self/status`; `None` where there is none.
pub fn peak_resident_bytes() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The largest amount of memory that tensors took on a CUDA device since the last reset, in bytes.
///
/// # Errors
/// There is no such device.
pub fn cuda_peak_bytes(device: usize) -> Result<u64, TorchError> {
    let mut bytes = 0;
    shim!(torch_ext_cuda_peak_bytes(device as i32, &mut bytes))?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// Starts the count of [`cuda_peak_bytes`] anew.
///
/// # Errors
/// There is no such device.
pub fn reset_cuda_peak(device: usize) -> Result<(), TorchError> {
    shim!(torch_ext_cuda_reset_peak(device as i32))
}
