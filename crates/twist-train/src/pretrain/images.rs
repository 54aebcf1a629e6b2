//! The images of a run, decoded as often as memory makes necessary.

use std::sync::Arc;

use twist_data::{Dataset, Notes, noted};

use super::views::held;
use crate::TrainConfig;

/// Images to train on. Once a step has asked for them, they are reduced and kept in memory as the recipe says; whoever gets them
/// afterwards, such as the run that a rehearsal was made for, does not decode those in memory again.
pub struct TrainImages {
    stored: Arc<dyn Dataset>,
    ready: Option<ReadyImages>,
}

/// The images as steps read them, with what was noted of them.
#[derive(Clone)]
pub(super) struct ReadyImages {
    pub(super) dataset: Arc<dyn Dataset>,
    pub(super) notes: Arc<Notes>,
}

impl<D: Dataset + 'static> From<Arc<D>> for TrainImages {
    fn from(stored: Arc<D>) -> Self {
        Self { stored, ready: None }
    }
}

impl From<Arc<dyn Dataset>> for TrainImages {
    fn from(stored: Arc<dyn Dataset>) -> Self {
        Self { stored, ready: None }
    }
}

impl TrainImages {
    /// The images for the steps of a run of `config`.
    pub(super) fn ready(&mut self, config: &TrainConfig) -> ReadyImages {
        self.ready.get_or_insert_with(|| ReadyImages::of(Arc::clone(&self.stored), config)).clone()
    }

    /// Gives back the memory of decoded images.
    pub(super) fn put_down(&mut self) {
        self.ready = None;
    }
}

impl ReadyImages {
    fn of(stored: Arc<dyn Dataset>, config: &TrainConfig) -> Self {
        let (dataset, notes) = noted(stored);
        let dataset = held(&config.data, dataset);
        Self { dataset, notes }
    }
}
