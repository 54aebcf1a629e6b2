//! Where events go: one small trait, its implementations beside it.

mod clock;
mod jsonl;
mod look_up;
mod tensorboard;

pub use jsonl::JsonLines;
pub(crate) use look_up::has_event;
pub use tensorboard::TensorBoard;

use crate::{Event, TrainError};

/// The log of a run folder.
pub(crate) const LOG: &str = "log.jsonl";

/// Receives every event of a run in order, on the training thread.
///
/// An error stops the run: a log that silently ends would be worse. Whoever shows progress implements this as well.
pub trait Recorder {
    /// Takes one event; it must be durable, as far as this recorder is, when the call returns.
    ///
    /// # Errors
    /// Whatever keeps the event from being recorded.
    fn record(&mut self, event: &Event) -> Result<(), TrainError>;
}

/// A list that keeps the events: for tests and for callers that want them afterwards.
impl Recorder for Vec<Event> {
    fn record(&mut self, event: &Event) -> Result<(), TrainError> {
        self.push(event.clone());
        Ok(())
    }
}
