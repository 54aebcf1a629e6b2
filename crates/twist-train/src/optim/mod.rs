//! Optimizers: one small trait, three implementations beside it, all without a read from the device.

mod adamw;
mod lars;
mod parameters;
mod sgd;

pub use adamw::AdamW;
pub use lars::Lars;
pub use parameters::{Gradients, Parameters};
pub use sgd::Sgd;

use twist_io::StateDict;

use crate::config::{OptimConfig, OptimName};
use crate::{TrainError, TrainPlan};

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

impl Rates {
    /// The plan's rates for the update that `step` makes.
    pub fn at(plan: &TrainPlan, step: u64) -> Self {
        plan.rates().at(step, plan.optim())
    }
}

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

/// The optimizer that a recipe names.
///
/// # Errors
/// libtorch's, when there is no memory for the state.
pub(crate) fn build(config: &OptimConfig, parameters: Parameters) -> Result<Box<dyn Optimizer>, TrainError> {
    Ok(match config.name {
        OptimName::Lars => Box::new(Lars::new(parameters, config.momentum, config.eta)?),
        OptimName::Sgd => Box::new(Sgd::new(parameters, config.momentum)?),
        OptimName::Adamw => Box::new(AdamW::new(parameters, config.betas, config.eps)?),
    })
}
