//! The processor and libtorch's view of it.

use std::ffi::{CStr, CString};

use crate::TorchError;
use crate::error::shim;

/// What decides whether bf16 is worth while on this processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuFeatures {
    /// Dot products of bf16 pairs: bf16 convolutions beat fp32 ones.
    pub avx512_bf16: bool,
    /// Tiles of bf16: faster still.
    pub amx_bf16: bool,
    /// 256-bit vectors, without which libtorch is slow at everything.
    pub avx2: bool,
}

impl CpuFeatures {
    /// Whether bf16 is faster than fp32 here.
    pub fn fast_bf16(&self) -> bool {
        self.avx512_bf16 || self.amx_bf16
    }
}

/// What this processor has, as libtorch's dispatch sees it.
///
/// # Errors
/// libtorch's own.
pub fn cpu_features() -> Result<CpuFeatures, TorchError> {
    let has = |name: &str| -> Result<bool, TorchError> {
        let name = CString::new(name).map_err(|e| TorchError::Torch(e.to_string()))?;
        let mut yes = 0;
        shim!(torch_ext_cpu_has(name.as_ptr(), &mut yes))?;
        Ok(yes != 0)
    };
    Ok(CpuFeatures { avx512_bf16: has("avx512_bf16")?, amx_bf16: has("amx_bf16")?, avx2: has("avx2")? })
}

/// Lets cuDNN try its algorithms once per shape and keep the fastest.
///
/// # Errors
/// libtorch's own.
pub fn set_benchmark_cudnn(on: bool) -> Result<(), TorchError> {
    shim!(torch_ext_set_benchmark_cudnn(on.into()))
}

/// Threads that libtorch uses inside an operation.
pub fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// Sets [`threads`]; at least one.
pub fn set_threads(count: usize) {
    tch::set_num_threads(i32::try_from(count.max(1)).unwrap_or(i32::MAX));
}

/// The version of libtorch, for example `2.11.0`.
pub fn version() -> String {
    // SAFETY: the shim returns a string literal.
    unsafe { CStr::from_ptr(crate::ffi::torch_ext_version()) }.to_string_lossy().into_owned()
}
