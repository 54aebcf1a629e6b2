//! What surrounds a course: where it is saved, who hears of it, how it is asked to stop.

use std::path::PathBuf;
use std::time::Duration;

use twist_run::{Event, Recorder, What};
use twist_train::StopFlag;

use crate::EvalError;

/// The surroundings of a course. The default saves nothing and tells nobody.
#[derive(Default)]
pub struct Session<'a> {
    /// File that holds the state at the ends of epochs and when the course is stopped; a course that finds it goes on.
    pub state: Option<PathBuf>,
    /// Least time between two saved states, for courses whose epochs are shorter than writing a file. The end and a stop
    /// are always saved.
    pub save_every: Duration,
    /// Who hears of every event.
    pub recorders: Vec<Box<dyn Recorder + 'a>>,
    /// Hears of finished steps and their number.
    pub progress: Option<Box<dyn FnMut(usize, usize) + 'a>>,
    /// Asks the course to save and stop.
    pub stop: StopFlag,
}

impl Session<'_> {
    pub(crate) fn record(&mut self, step: u64, per_epoch: u64, what: What) -> Result<(), EvalError> {
        let event = Event { step, epoch: step as f64 / per_epoch as f64, what };
        for recorder in &mut self.recorders {
            recorder.record(&event)?;
        }
        Ok(())
    }

    pub(super) fn progress(&mut self, done: u64, of: u64) {
        if let Some(progress) = &mut self.progress {
            progress(done as usize, of as usize);
        }
    }
}
