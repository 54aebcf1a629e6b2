//! Checkpoints: atomic, self-contained, equal for equal states.
//!
//! One `.safetensors` file holds the network (`model.*`), its teacher (`teacher.*`), the optimizer (`optim.*`) and, as JSON metadata,
//! the step, what the guard has counted ([`Standing`]), and what is needed to use the weights without the run: recipe, normalisation, transform, class
//! names, versions. Schedules and the sampler's position *are* the step. It contains no clock time.
//!
//! The last ones stay, and under names of their own the best one and, in a run that labels itself, the one at the end of
//! the stage before.

mod standing;
mod store;

pub use standing::{Measured, Standing, Streaks};
pub use store::{CheckpointStore, Loaded, Rejected};
