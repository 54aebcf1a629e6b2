//! Where events go: one small trait, its implementations beside it.

mod jsonl;
mod tensorboard;

pub use jsonl::JsonLines;
pub use tensorboard::TensorBoard;

use crate::{Event, RunError};

/// Receives every event of a run in order, on the training thread.
///
/// An error stops the run: a log that silently ends would be worse. Whoever shows progress implements this as well.
pub trait Recorder {
    /// Takes one event; it must be durable, as far as this recorder is, when the call returns.
    ///
    /// # Errors
    /// Whatever keeps the event from being recorded.
    fn record(&mut self, event: &Event) -> Result<(), RunError>;
}

/// A list that keeps the events: for tests and for callers that want them afterwards.
impl Recorder for Vec<Event> {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        self.push(event.clone());
        Ok(())
    }
}
