//! Checkpoints: atomic, self-contained, equal for equal states.
//!
//! One `.safetensors` file holds the network (`model.*`), the optimizer (`optim.*`) and, as JSON metadata, the step, what
//! the guard has counted, and what is needed to use the weights without the run: recipe, normalisation, transform, class
//! names, versions. Schedules and the sampler's position *are* the step. There is no clock time in it.

mod state;
mod store;

pub use state::{CheckpointFacts, Measured, capture, restore};
pub(crate) use store::step_of;
pub use store::{CheckpointStore, Loaded, Rejected};
