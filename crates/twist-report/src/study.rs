//! Results that are computed once per run, for the page and for the tables beside it.

use crate::classes::Classes;
use crate::finds::{Finds, finds};
use crate::map::closest;
use crate::run::Run;

/// What is worked out of a run's images; `None` in a run without any.
pub(crate) struct Study {
    pub(crate) classes: Option<Classes>,
    pub(crate) finds: Option<Finds>,
}

impl Study {
    pub(crate) fn of(run: &Run) -> Self {
        let samples = run.samples.as_ref();
        let closest = samples.map(|samples| closest(&samples.embedding, samples.width));
        Self {
            classes: samples.map(|samples| Classes::of(samples, &run.naming)),
            finds: samples.zip(closest).map(|(samples, closest)| finds(run, samples, &closest)),
        }
    }
}
