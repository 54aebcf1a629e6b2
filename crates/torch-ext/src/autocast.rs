//! Autocast: inside a scope libtorch runs matrix products and convolutions in a narrower type.

use std::marker::PhantomData;

use tch::{Device, Kind};

use crate::TorchError;
use crate::error::{check, shim};
use crate::ffi::{self, AutocastState};

/// While this guard lives, the thread that made it autocasts on one device.
///
/// Weights that require gradients are cast once and reused within the outermost scope; when that ends the casts are
/// dropped, so an optimizer step between two scopes is never missed. Backward runs outside of the scope, in the
/// types that forward chose.
///
/// # Panics
/// When it is dropped and libtorch cannot restore the thread's state, which it has no reason to.
#[must_use = "autocast ends when the guard is dropped"]
#[derive(Debug)]
pub struct Autocast {
    cuda: bool,
    before: (i32, i32),
    /// Autocast is a state of the thread: the guard must end where it began.
    _thread: PhantomData<*const ()>,
}

impl Autocast {
    /// Starts a scope in which eligible operations run in `kind`: `BFloat16` (CPU, CUDA), `Half` (CUDA), or `Float`,
    /// which means *no* autocast, so that one line of a training step serves every precision.
    ///
    /// # Errors
    /// A device or an element type without autocast.
    pub fn scope(device: Device, kind: Kind) -> Result<Self, TorchError> {
        let cuda = match device {
            Device::Cpu => false,
            Device::Cuda(_) => true,
            device => return Err(TorchError::Device { device, context: "for autocast" }),
        };
        let on = match (kind, cuda) {
            (Kind::Float | Kind::Double, _) => false,
            (Kind::BFloat16, _) | (Kind::Half, true) => true,
            (kind, false) => return Err(TorchError::Kind { kind, context: "for autocast on the CPU" }),
            (kind, true) => return Err(TorchError::Kind { kind, context: "for autocast on CUDA" }),
        };
        let mut before = AutocastState::default();
        shim!(torch_ext_autocast_enter(cuda.into(), on.into(), ffi::dtype(kind)?, &mut before))?;
        Ok(Self { cuda, before: (before.enabled, before.dtype), _thread: PhantomData })
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        let before = AutocastState { enabled: self.before.0, dtype: self.before.1 };
        // SAFETY: `before` outlives the call, and the guard has not left the thread whose state it restores.
        let left = check(unsafe { ffi::torch_ext_autocast_leave(self.cuda.into(), &before) });
        // The thread would silently continue in the wrong arithmetic.
        if let Err(error) = left
            && !std::thread::panicking()
        {
            panic!("autocast could not be left: {error}");
        }
    }
}
