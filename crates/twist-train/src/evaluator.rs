//! How the trainer asks how well the network does, without knowing what that means.

use twist_nn::TwistNet;

use crate::{StepReading, TrainPlan};

/// What an evaluator may want to know beside the network.
#[derive(Clone, Copy, Debug)]
pub struct EvalContext<'a> {
    /// The plan: device, precision, normalisation, the evaluation's transform and settings.
    pub plan: &'a TrainPlan,
    /// Number of finished steps.
    pub step: u64,
    /// The same in epochs.
    pub epoch: f64,
    /// The figures of the last logged step.
    pub last: Option<&'a StepReading>,
}

/// Measures a network while it trains.
pub trait Evaluator {
    /// Whether `knn_top1` is among the scores: then it decides which checkpoint is the best, and else the loss does.
    fn measures_knn(&self) -> bool;

    /// Returns named scores as fractions, in the order in which they are to be shown: `knn_top1`, `nmi`, ….
    ///
    /// The network must be left as it is: evaluation uses [`twist_nn::Mode::Eval`], which changes no statistics.
    ///
    /// # Errors
    /// Whatever keeps the evaluator from its figures; it stops the run.
    fn evaluate(
        &mut self,
        net: &TwistNet,
        context: &EvalContext<'_>,
    ) -> Result<Vec<(String, f64)>, EvalError>;
}

/// An evaluator's own error.
pub type EvalError = Box<dyn std::error::Error + Send + Sync>;
