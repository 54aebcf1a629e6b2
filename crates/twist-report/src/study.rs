//! Results that are computed once per run, for the page and for the tables beside it.

use crate::classes::Classes;
use crate::finds::{Finds, finds};
use crate::map::{Done, Layout, closest, layout_of};
use crate::run::Run;

/// What is worked out of a run's images; `None` in a run without any.
pub(crate) struct Study {
    pub(crate) classes: Option<Classes>,
    pub(crate) finds: Option<Finds>,
    /// Where the images lie on the map; also `None` where they are too few.
    pub(crate) map: Option<Layout>,
    /// Why a map that took minutes will have to be made again for the next page.
    pub(crate) not_kept: Option<String>,
}

impl Study {
    pub(crate) fn of(run: &Run) -> Self {
        let samples = run.samples.as_ref();
        let (map, not_kept) = samples.map_or((None, None), |samples| {
            let seen = |row: usize| run.thumbnails.contains_key(&samples.index[row]);
            layout_of(&run.path, &samples.embedding, samples.width, &seen, &Done::default())
        });
        let closest = samples.map(|samples| closest(&samples.embedding, samples.width));
        Self {
            classes: samples.map(|samples| Classes::of(samples, &run.naming)),
            finds: samples.zip(closest).map(|(samples, closest)| finds(run, samples, &closest)),
            map,
            not_kept: not_kept.map(|why| {
                format!("The map could not be kept in the run folder, so the next page makes it again: {why}")
            }),
        }
    }
}
