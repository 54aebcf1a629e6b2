//! How a run is asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// A flag that a signal handler raises and the trainer reads between two steps.
///
/// The handler only stores a number, so it is safe in a signal handler. [`StopFlag::raw`] lends the number to
/// whoever installs handlers.
///
/// ```
/// let stop = twist_train::StopFlag::new();
/// assert_eq!(stop.signal(), None);
/// stop.raise(2);
/// assert_eq!(stop.signal(), Some(2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicI32>);

impl StopFlag {
    /// A flag that is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to save and stop, as the signal with this number would. Calls after the first change nothing.
    pub fn raise(&self, signal: i32) {
        let _ = self.0.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The number of the signal that was raised.
    pub fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// The shared number itself: 0 until a signal's number is stored.
    pub fn raw(&self) -> Arc<AtomicI32> {
        Arc::clone(&self.0)
    }
}
