//! What an optimizer is.

use twist_io::StateDict;

use super::{Gradients, Rates};
use crate::TrainError;

/// Updates parameters in place from their gradients.
pub trait Optimizer {
    /// One update. The gradients may be overwritten.
    ///
    /// # Errors
    /// libtorch's, for gradients that do not fit.
    fn update(&mut self, gradients: &Gradients, rates: Rates) -> Result<(), TrainError>;

    /// Everything that the next update depends on beside parameters and rates.
    ///
    /// # Errors
    /// libtorch's, when copying from the device.
    fn state_dict(&self) -> Result<StateDict, TrainError>;

    /// Takes back what [`Optimizer::state_dict`] gave.
    ///
    /// # Errors
    /// The names or shapes are not this optimizer's, in words; nothing is changed then.
    fn load(&mut self, state: &StateDict) -> Result<(), TrainError>;
}
