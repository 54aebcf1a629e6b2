//! The rates of one update.

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
