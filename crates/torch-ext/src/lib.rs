//! The parts of libtorch that [`tch`] does not bind.
//!
//! `tch` gives Twist tensors and their operations. Training needs a little more: bf16 autocast on the CPU, one call that
//! updates every parameter, gradients that can be removed instead of zeroed, a CPU allocator that keeps the pages of a step
//! for the next one, and a CUDA library that is loaded at run time instead of linked. This crate provides these behind safe
//! functions that return `Result`. A [`Machine`] says which device there is and what it is fast at.
//!
//! It is the only crate that contains `unsafe` or C++. It deliberately holds no networks and no optimizers, so everything
//! above it can be read without knowing C++.
//!
//! Data is passed as [`tch::Tensor`] handles; lists are slices of them. Every C++ function returns either nothing or a
//! message, which one macro turns into a [`TorchError`], so no exception ever unwinds into Rust.
//!
//! ```no_run
//! use tch::{Device, Kind, Tensor};
//! use torch_ext::{Autocast, foreach, memory};
//!
//! # fn main() -> Result<(), torch_ext::TorchError> {
//! memory::keep_freed_pages()?;
//! let weight = Tensor::f_randn([64, 64], (Kind::Float, Device::Cpu))?.set_requires_grad(true);
//! let images = Tensor::f_randn([8, 64], (Kind::Float, Device::Cpu))?;
//! let loss = {
//!     let _bf16 = Autocast::scope(Device::Cpu, Kind::BFloat16)?;
//!     images.f_matmul(&weight)?.f_square()?.f_mean(Kind::Float)?
//! };
//! loss.f_backward()?;
//! let gradients = torch_ext::grad::of(std::slice::from_ref(&weight))?;
//! println!("{:?}", foreach::norm(&gradients)?);
//! # Ok(())
//! # }
//! ```

mod error;

pub mod autocast;
pub mod cuda;
mod device;
pub mod foreach;
pub mod fused;
pub mod grad;
pub mod host;
pub mod layout;
mod linear;
pub mod machine;
pub mod memory;
mod norm_act;
mod precision;
mod random;

mod ffi;
mod fits;

pub use autocast::Autocast;
pub use cuda::CudaStatus;
pub use device::{DeviceError, DeviceRequest, Machine, device_name};
pub use error::TorchError;
pub use linear::{Gelu, linear, linear_gelu, linear_onto};
pub use machine::{CpuFeatures, cpu_features, version};
pub use norm_act::{NormAct, norm_act};
pub use precision::Precision;
pub use random::RandomNumbers;
