//! How the loop asks how well a task does, without knowing what that means.

use serde_json::{Map, Value};

/// Named scores as fractions, in the order in which they are to be shown: `knn_top1`, `nmi`, ….
pub type Scores = Map<String, Value>;

/// An evaluator's own error.
pub type EvalError = Box<dyn std::error::Error + Send + Sync>;

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
    /// The score that decides which checkpoint is the best, more being better; where there is none, the loss decides.
    fn decides(&self) -> Option<&'static str> {
        None
    }

    /// The scores of the task as it is now. What it trains must be left as it is: evaluation uses [`twist_nn::Mode::Eval`], which
    /// changes no statistics.
    ///
    /// # Errors
    /// Whatever keeps the evaluator from its figures; it stops the run.
    fn evaluate(&mut self, task: &mut T, moment: &Moment) -> Result<Scores, EvalError>;
}

/// A function that measures; the loss decides which checkpoint is the best.
impl<T, F> Evaluator<T> for F
where
    F: FnMut(&mut T, &Moment) -> Result<Scores, EvalError>,
{
    fn evaluate(&mut self, task: &mut T, moment: &Moment) -> Result<Scores, EvalError> {
        self(task, moment)
    }
}
