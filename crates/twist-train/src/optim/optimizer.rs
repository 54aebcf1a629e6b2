//! What an optimizer is, and the rates of an update.

use tch::no_grad;
use twist_io::StateDict;

use super::{Gradients, Parameters};
use crate::TrainError;

/// Updates parameters in place from their gradients.
pub trait Optimizer {
    /// One update. The gradients may be overwritten.
    ///
    /// # Errors
    /// libtorch's, for gradients that do not fit.
    fn update(&mut self, gradients: &Gradients, rates: Rates) -> Result<(), TrainError>;

    /// The parameters that it updates.
    fn parameters(&self) -> &Parameters;

    /// What it keeps of every parameter from one update to the next, each under a name.
    fn kept(&self) -> Vec<(&'static str, &Gradients)>;

    /// Everything that the next update depends on beside parameters and rates.
    ///
    /// # Errors
    /// libtorch's, when copying from the device.
    fn state_dict(&self) -> Result<StateDict, TrainError> {
        let mut state = StateDict::default();
        self.parameters().save(&mut state, &self.kept())?;
        Ok(state)
    }

    /// Takes back what [`Optimizer::state_dict`] gave.
    ///
    /// # Errors
    /// The names or shapes are not this optimizer's, in words; nothing is changed then.
    fn load(&mut self, state: &StateDict) -> Result<(), TrainError> {
        self.parameters().check(state, &self.kept())?;
        no_grad(|| self.parameters().restore(state, &self.kept()))
    }
}

/// The rates of one update, from the schedules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate of weights.
    pub weights: f64,
    /// Learning rate of one-dimensional parameters.
    pub vectors: f64,
    /// Weight decay of weights; one-dimensional parameters have none.
    pub weight_decay: f64,
}
