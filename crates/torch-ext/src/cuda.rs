//! CUDA, opened at run time.
//!
//! Twist links only the CPU part of libtorch, so that one binary runs on a laptop and on a GPU machine. Where
//! `libtorch_cuda.so` lies beside the `libtorch_cpu.so` in use, opening it registers every CUDA operation; its own
//! run path finds cuDNN and NCCL. That must happen **before the first question about CUDA**: libtorch caches the
//! answer "CUDA is not available" for good.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::TorchError;
use crate::error::shim;

/// The environment variable that keeps CUDA closed when it is set to `off`.
pub const SWITCH: &str = "TWIST_TORCH_CUDA";

/// What came of opening CUDA.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CudaStatus {
    /// `TWIST_TORCH_CUDA=off`.
    SwitchedOff,
    /// This libtorch has no CUDA part.
    Absent {
        /// Where it would lie.
        looked_for: PathBuf,
    },
    /// The CUDA part is there and could not be opened.
    Failed {
        /// The library.
        library: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// The CUDA part is open and sees no device: no GPU, or no driver.
    NoDevice {
        /// The library.
        library: PathBuf,
    },
    /// CUDA works.
    Ready {
        /// The library.
        library: PathBuf,
        /// Number of devices.
        devices: usize,
    },
}

impl CudaStatus {
    /// Number of usable devices.
    pub fn devices(&self) -> usize {
        if let Self::Ready { devices, .. } = self { *devices } else { 0 }
    }
}

impl CudaStatus {
    /// What makes CUDA usable where it is not; `None` where it is.
    pub fn remedy(&self) -> Option<String> {
        let install = "run `cargo xtask setup --cuda`";
        Some(match self {
            Self::Ready { .. } => return None,
            Self::SwitchedOff => format!("unset {SWITCH} to use the GPU"),
            Self::Absent { .. } if has_nvidia_driver() => {
                format!("there is an NVIDIA GPU, but this libtorch is for the CPU only: {install}")
            }
            Self::Absent { .. } => format!("on a machine with an NVIDIA GPU {install}; this one has none"),
            Self::NoDevice { .. } | Self::Failed { .. } if has_nvidia_driver() => {
                "there is an NVIDIA GPU that libtorch cannot use: check `nvidia-smi`; libtorch 2.11 needs a driver for CUDA 13"
                    .into()
            }
            Self::NoDevice { .. } => "this machine has no NVIDIA GPU, or no driver for it".into(),
            Self::Failed { library, .. } => {
                format!("{} is damaged or incomplete: {install}; without a GPU that does no harm", library.display())
            }
        })
    }
}

/// Whether the kernel driver of an NVIDIA GPU is there, whatever libtorch thinks.
fn has_nvidia_driver() -> bool {
    Path::new("/dev/nvidia0").exists() || Path::new("/proc/driver/nvidia/version").exists()
}

impl std::fmt::Display for CudaStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SwitchedOff => write!(f, "switched off by {SWITCH}=off"),
            Self::Absent { looked_for } => {
                write!(f, "this libtorch is for the CPU only (no {})", looked_for.display())
            }
            Self::Failed { library, reason } => write!(f, "{} does not open: {reason}", library.display()),
            Self::NoDevice { library } => write!(f, "{} is open but sees no GPU", library.display()),
            Self::Ready { library, devices: 1 } => write!(f, "1 device, {}", library.display()),
            Self::Ready { library, devices } => write!(f, "{devices} devices, {}", library.display()),
        }
    }
}

/// Opens CUDA once per process and says what came of it. Call it before anything asks `tch::Cuda`.
pub fn load() -> &'static CudaStatus {
    static STATUS: OnceLock<CudaStatus> = OnceLock::new();
    STATUS.get_or_init(open)
}

#[expect(clippy::disallowed_methods, reason = "this is where the first question is asked")]
fn open() -> CudaStatus {
    if std::env::var_os(SWITCH).is_some_and(|value| value == "off") {
        return CudaStatus::SwitchedOff;
    }
    let library = match torch_cpu_path() {
        Ok(Some(cpu)) => cpu.with_file_name("libtorch_cuda.so"),
        Ok(None) => PathBuf::from("libtorch_cuda.so"),
        Err(error) => {
            return CudaStatus::Failed { library: "libtorch_cuda.so".into(), reason: error.to_string() };
        }
    };
    if !library.is_file() {
        return CudaStatus::Absent { looked_for: library };
    }
    if let Err(error) = open_library(&library) {
        return CudaStatus::Failed { library, reason: error.to_string() };
    }
    match usize::try_from(tch::Cuda::device_count()) {
        Ok(devices) if devices > 0 => CudaStatus::Ready { library, devices },
        _ => CudaStatus::NoDevice { library },
    }
}

/// The `libtorch_cpu.so` that this process runs with.
///
/// # Errors
/// The loader's list could not be walked.
pub fn torch_cpu_path() -> Result<Option<PathBuf>, TorchError> {
    let mut path = std::ptr::null_mut();
    shim!(torch_ext_torch_cpu_path(&mut path))?;
    if path.is_null() {
        return Ok(None);
    }
    // SAFETY: a non-null path is a NUL-terminated string that the shim allocated for us.
    let found = PathBuf::from(std::ffi::OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    // SAFETY: it came from `strdup`, is freed once, and has been copied.
    unsafe { crate::ffi::free(path.cast()) };
    Ok(Some(found))
}

fn open_library(library: &Path) -> Result<(), TorchError> {
    let path = CString::new(library.as_os_str().as_bytes()).map_err(|e| TorchError::Torch(e.to_string()))?;
    shim!(torch_ext_open_library(path.as_ptr()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_missing_has_a_remedy() {
        let library = PathBuf::from("lib/libtorch_cuda.so");
        let absent = CudaStatus::Absent { looked_for: library.clone() };
        let remedy = |status: CudaStatus| status.remedy();
        assert!(remedy(absent).unwrap().contains("cargo xtask setup --cuda"));
        assert!(remedy(CudaStatus::SwitchedOff).unwrap().contains(SWITCH));
        assert!(remedy(CudaStatus::NoDevice { library: library.clone() }).unwrap().contains("NVIDIA GPU"));
        assert!(remedy(CudaStatus::Failed { library: library.clone(), reason: "x".into() }).is_some());
        assert_eq!(remedy(CudaStatus::Ready { library, devices: 1 }), None);
    }
}
