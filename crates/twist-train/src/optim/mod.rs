//! Optimizers: one small trait, three implementations beside it, all without a read from the device.

mod adamw;
mod lars;
mod optimizer;
mod parameters;
mod sgd;

pub use adamw::AdamW;
pub use lars::Lars;
pub use optimizer::{Optimizer, Rates};
pub use parameters::{Gradients, Parameters};
pub use sgd::Sgd;

use crate::TrainError;
use crate::config::{OptimConfig, OptimName};

/// The optimizer that a recipe names.
///
/// # Errors
/// libtorch's, if memory for the state runs out.
pub(crate) fn build(config: &OptimConfig, parameters: Parameters) -> Result<Box<dyn Optimizer>, TrainError> {
    Ok(match config.name {
        OptimName::Lars => Box::new(Lars::new(parameters, config.momentum, config.eta)?),
        OptimName::Sgd => Box::new(Sgd::new(parameters, config.momentum)?),
        OptimName::Adamw => Box::new(AdamW::new(parameters, config.betas, config.eps)?),
    })
}
