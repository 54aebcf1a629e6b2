//! What networks run on, found by features and never by timing.

use serde::Serialize;
use tch::Device;

use crate::{CudaStatus, TorchError, cpu_features, cuda, machine, memory};

/// The device that the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceRequest {
    /// CUDA when there is a usable device, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by its index.
    Cuda(usize),
}

/// A device that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum DeviceError {
    /// The name is none of the known ones.
    #[error("unknown device `{given}`: expected auto, cpu, cuda or cuda:N{}", if given.starts_with("gpu") { "; a GPU is cuda" } else { "" })]
    Unknown { given: String },
    /// CUDA was asked for and is not there.
    #[error("cuda:{index} is not available: {status}. Use --device cpu{remedy}")]
    NoCuda { index: usize, status: String, remedy: String },
    /// More threads than any machine has cores for: libtorch would hang or crash.
    #[error("{given} threads are more than {MOST_THREADS}: this machine has {cores} cores")]
    TooManyThreads { given: usize, cores: usize },
}

const MOST_THREADS: usize = 1024;

impl std::str::FromStr for DeviceRequest {
    type Err = DeviceError;

    fn from_str(given: &str) -> Result<Self, DeviceError> {
        match given.split_once(':') {
            None if given == "auto" => Ok(Self::Auto),
            None if given == "cpu" => Ok(Self::Cpu),
            None if given == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) if index.parse::<usize>().is_ok() => {
                Ok(Self::Cuda(index.parse().unwrap_or(0)))
            }
            _ => Err(DeviceError::Unknown { given: given.into() }),
        }
    }
}

/// The device, its threads, and what it is fast at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The device of the network.
    #[serde(serialize_with = "name")]
    pub device: Device,
    /// Threads that libtorch uses inside an operation on the CPU.
    pub threads: usize,
    /// Threads that decode and augment images.
    pub loader_threads: usize,
    /// Whether bf16 is faster than fp32 here: avx512_bf16 or amx on the CPU, always on CUDA.
    pub fast_bf16: bool,
}

impl Machine {
    /// Looks at this machine. `threads` sets how many compute and load; without it all cores do, on the CPU at most
    /// `OMP_NUM_THREADS` of them, as in every program on OpenMP.
    ///
    /// On the CPU computing and loading share the cores; half as many loader threads keep a step fed, since a step
    /// costs far more than its images.
    ///
    /// # Errors
    /// [`DeviceError::NoCuda`] when CUDA was asked for by name and cannot be used; too many threads.
    pub fn detect(request: DeviceRequest, threads: Option<usize>) -> Result<Self, DeviceError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if let Some(given) = threads.filter(|&threads| threads > MOST_THREADS) {
            return Err(DeviceError::TooManyThreads { given, cores });
        }
        let status = if request == DeviceRequest::Cpu { &CudaStatus::SwitchedOff } else { cuda::load() };
        let device = match request {
            DeviceRequest::Cuda(index) if index >= status.devices() => {
                let remedy = status.remedy().map_or(String::new(), |remedy| format!(", or: {remedy}"));
                return Err(DeviceError::NoCuda { index, status: status.to_string(), remedy });
            }
            DeviceRequest::Cuda(index) => Device::Cuda(index),
            DeviceRequest::Auto if status.devices() > 0 => Device::Cuda(0),
            DeviceRequest::Auto | DeviceRequest::Cpu => Device::Cpu,
        };
        let most = if device.is_cuda() { cores } else { openmp_threads().unwrap_or(cores).min(cores) };
        let threads = threads.unwrap_or(most).max(1);
        let loader_threads = if device.is_cuda() { threads } else { (threads / 2).max(1) };
        let fast_bf16 = device.is_cuda() || cpu_features().is_ok_and(|features| features.fast_bf16());
        Ok(Self { device, threads, loader_threads, fast_bf16 })
    }
}

impl Machine {
    /// Sets up libtorch for training on this machine: threads, pages that are kept between steps, cuDNN's search for
    /// the fastest algorithm. Calling it again changes nothing.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn prepare(&self) -> Result<(), TorchError> {
        if machine::threads() != self.threads {
            machine::set_threads(self.threads);
        }
        match self.device {
            Device::Cuda(_) => machine::set_benchmark_cudnn(true),
            _ => memory::keep_freed_pages(),
        }
    }
}

/// `OMP_NUM_THREADS`, of a list for nested regions the first.
fn openmp_threads() -> Option<usize> {
    let value = std::env::var("OMP_NUM_THREADS").ok()?;
    value.split(',').next()?.trim().parse().ok()
}

/// `cpu` or `cuda:0`.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".into(),
    }
}

fn name<S: serde::Serializer>(device: &Device, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&device_name(*device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names() {
        let parse = |text: &str| text.parse::<DeviceRequest>().ok();
        assert_eq!(parse("auto"), Some(DeviceRequest::Auto));
        assert_eq!(parse("cpu"), Some(DeviceRequest::Cpu));
        assert_eq!(parse("cuda"), Some(DeviceRequest::Cuda(0)));
        assert_eq!(parse("cuda:3"), Some(DeviceRequest::Cuda(3)));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cpu:0"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_with_a_remedy() {
        let error = Machine::detect(DeviceRequest::Cuda(1_000), None).unwrap_err().to_string();
        assert!(error.contains("cuda:1000") && error.contains("--device cpu"), "{error}");
        assert_eq!(Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap().threads, 1);
        let error = Machine::detect(DeviceRequest::Cpu, Some(5_000)).unwrap_err().to_string();
        assert!(error.contains("5000 threads") && error.contains("1024"), "{error}");
    }
}
