//! What is trained: the part of a run that the loop does not know.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::Tensor;
use twist_io::StateDict;
use twist_run::{EventKind, Standing, StartFigures};

use crate::TrainError;
use crate::guard::CollapseKind;
use crate::metrics::StepMetrics;
use crate::reading::StepReading;

/// Something that is trained step by step. The loop around the steps is [`super::Run`]; what a step does is one visible function
/// of the task.
pub trait Task {
    /// The metadata of its checkpoints, in which every field of [`Standing`] stands by its name.
    type Facts: Serialize + DeserializeOwned;

    /// Makes the update of `step`, which is the one after the last. Nothing is read from the device.
    ///
    /// # Errors
    /// The first of data or network; out of memory comes with advice.
    fn step(&mut self, step: u64) -> Result<Taken, TrainError>;

    /// Makes ready for `step` as the next one, whichever was the last. What it trains stays as it is.
    ///
    /// # Errors
    /// Those of the data.
    fn rewind(&mut self, step: u64) -> Result<(), TrainError> {
        let _ = step;
        Ok(())
    }

    /// Ends what only steps need, such as the loading of images, and gives back its memory.
    fn put_down(&mut self) {}

    /// Everything that the next step depends on, copied to the host.
    ///
    /// # Errors
    /// libtorch's own.
    fn capture(&self) -> Result<StateDict, TrainError>;

    /// Takes back what [`Task::capture`] gave, after checking that the checkpoint belongs to this task.
    ///
    /// # Errors
    /// It is another task's, with what differs and the remedy; [`TrainError::OtherNetwork`].
    fn restore(&mut self, path: &Path, facts: &Self::Facts, state: StateDict)
    -> Result<Restored, TrainError>;

    /// The metadata of a checkpoint of a run that stands there.
    fn facts(&self, standing: &Standing) -> Self::Facts;

    /// What the log says of the task when the run begins.
    fn figures(&self) -> StartFigures;

    /// The weights under their names, as they are on the device: what the guard saves of a collapse.
    fn weights(&self) -> Vec<(String, Tensor)>;

    /// Looks at the figures of the steps since the last reading; returns a warning where there is reason for one.
    fn watch(&mut self, readings: &[StepReading]) -> Option<String> {
        let _ = readings;
        None
    }

    /// What to change after a collapse, as a whole sentence.
    fn advice(&self, kind: CollapseKind) -> String {
        kind.advice().into()
    }

    /// A warning that only the end of the run can give.
    fn closing(&self) -> Option<String> {
        None
    }
}

/// What one step leaves.
#[derive(Debug)]
pub struct Taken {
    /// The figures of each network that learned: as a rule there is one.
    pub metrics: Vec<StepMetrics>,
    /// The samples that it learned from, by their index in the data.
    pub indices: Vec<u32>,
    /// What was met on the way, such as images that cannot be read.
    pub events: Vec<EventKind>,
}

/// What differs from the time when a checkpoint was written, and does not prevent a resume.
#[derive(Debug, Default)]
pub struct Restored {
    /// Keys of the recipe with both values.
    pub changes: Vec<String>,
    /// Other warnings, one sentence each.
    pub warnings: Vec<String>,
}
