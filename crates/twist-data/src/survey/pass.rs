//! One pass over many images, in parallel, with results in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::dataset::{Dataset, Stored};
use crate::decode::{DecodeNote, Decoder};
use crate::image::Rgb8;

/// Called with the number of images done so far, from any thread.
pub type OnProgress<'a> = &'a (dyn Fn(usize) + Sync);

/// An image that could not be read or decoded.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unreadable {
    /// The image, as [`Dataset::path`] names it.
    pub path: String,
    /// Why, with the remedy.
    pub reason: String,
}

/// An image that is odd and was read all the same.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Remark {
    /// The image, as [`Dataset::path`] names it.
    pub path: String,
    /// What is odd about it.
    pub what: String,
}

impl Remark {
    /// The remark that a note makes on image `index`.
    pub(super) fn of(dataset: &dyn Dataset, index: usize, note: Option<DecodeNote>) -> Option<Self> {
        note.map(|note| Self { path: dataset.path(index), what: note.to_string() })
    }
}

/// How to go over the images of a data set.
#[derive(Clone, Copy, Default)]
pub struct SurveyOptions<'a> {
    /// Threads that decode; 0 for one per core.
    pub threads: usize,
    /// Told how many images are done.
    pub progress: Option<OnProgress<'a>>,
}

impl SurveyOptions<'_> {
    /// Decodes each image and keeps what `look` makes of it, of what is stored, and of what is odd about it. Results are in
    /// the order of `indices`, whatever the number of threads.
    pub(crate) fn run<T: Send>(
        &self,
        dataset: &dyn Dataset,
        indices: &[usize],
        look: impl Fn(usize, &Stored, &Rgb8, Option<DecodeNote>) -> T + Sync,
    ) -> Vec<Result<T, Unreadable>> {
        self.each(dataset, indices, |decoder, index| {
            let stored = dataset.read(index).map_err(|error| error.to_string())?;
            let (image, note) =
                dataset.decoded(index, &stored, decoder).map_err(|error| error.to_string())?;
            Ok(look(index, &stored, &image, note))
        })
    }

    /// What `one` makes of each image, or why it cannot be read, in the order of `indices`, whatever the number of threads.
    pub(crate) fn each<T: Send>(
        &self,
        dataset: &dyn Dataset,
        indices: &[usize],
        one: impl Fn(&mut Decoder, usize) -> Result<T, String> + Sync,
    ) -> Vec<Result<T, Unreadable>> {
        let done = AtomicUsize::new(0);
        let all = || {
            let counted = indices.par_iter().map_init(Decoder::default, |decoder, &index| {
                let result =
                    one(decoder, index).map_err(|reason| Unreadable { path: dataset.path(index), reason });
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                if let Some(progress) = self.progress {
                    progress(count);
                }
                result
            });
            counted.collect()
        };
        in_threads(self.threads, all)
    }
}

/// Runs parallel work on `threads` threads, 0 for as many as there are cores. Where the system grants no new threads,
/// the work runs on those that exist: the result is the same.
pub(crate) fn in_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}
