//! Memory: pages kept between steps, and how much was used at most.

use tch::Device;

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

/// The largest resident set of this process so far, in bytes, from `/proc/self/status`; `None` on systems without this file.
pub fn peak_resident_bytes() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The largest amount of memory that tensors took on a CUDA device so far, in bytes.
///
/// # Errors
/// The device does not exist.
pub fn cuda_peak_bytes(device: usize) -> Result<u64, TorchError> {
    // libtorch counts devices in eight bits.
    let index = i8::try_from(device).map_err(|_| TorchError::Device {
        device: Device::Cuda(device),
        context: "here: the index is too large",
    })?;
    let mut bytes = 0;
    shim!(torch_ext_cuda_peak_bytes(index.into(), &mut bytes))?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
