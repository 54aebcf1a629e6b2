//! How the loop asks how well a task does, without knowing what that means.

use twist_io::Refused;
use twist_run::{Figure, Figures};

/// An evaluator's own error.
pub type EvalError = Box<dyn std::error::Error + Send + Sync>;

/// An evaluator failed after `step` steps.
pub(super) fn evaluation_failed(step: u64, source: EvalError) -> Refused {
    Refused::new(format!("evaluation at step {step} failed")).caused_by(source)
}

/// When an evaluation happens.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Number of finished steps.
    pub step: u64,
    /// Which of the networks that learn side by side has the least mean loss since the last reading.
    pub leader: usize,
}

/// Measures a task while it is trained.
pub trait Evaluator<T> {
    /// The figure that decides which checkpoint is the best; without one, the loss decides.
    fn decides(&self) -> Option<&'static Figure> {
        None
    }

    /// The figures of the task as it is now, in the order in which they are to be shown. What it trains must be left as it is:
    /// evaluation uses [`twist_nn::Mode::Eval`], which changes no statistics.
    ///
    /// # Errors
    /// Whatever keeps the evaluator from its figures; it stops the run.
    fn evaluate(&mut self, task: &mut T, moment: &Moment) -> Result<Figures, EvalError>;
}

/// A function that measures; the loss decides which checkpoint is the best.
impl<T, F> Evaluator<T> for F
where
    F: FnMut(&mut T, &Moment) -> Result<Figures, EvalError>,
{
    fn evaluate(&mut self, task: &mut T, moment: &Moment) -> Result<Figures, EvalError> {
        self(task, moment)
    }
}
