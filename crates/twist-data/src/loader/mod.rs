//! Batches of views, made ahead of their use by worker threads.
//!
//! ```text
//! requests ─► feeder ─► jobs (one per image) ─► workers ─► finished batches ─► Loader::next, in order
//!               ▲                                                                    │
//!               └──────────── one permit per batch, and recycled buffers ◄───────────┘
//! ```
//!
//! The feeder takes a permit for each batch, and [`Loader::next`] gives it back: at most `prefetch` batches are unfinished
//! or unread at any time, whatever the speed of either side. Workers share the images of a batch, so that the first one
//! arrives soon and many threads do not mean many batches in memory. Where an image ends up is fixed before it is
//! read and its random numbers follow from its index, so the result does not depend on the number of threads.

mod assembly;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use serde::{Deserialize, Serialize};
use twist_io::Refused;

use self::assembly::{Assembly, Layout};
use self::worker::{Job, Shared, Worker};
use crate::augment::{EvalTransform, ViewPolicy};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::sampler::BatchRequest;

/// What is made of each image.
#[derive(Clone, Debug)]
pub enum Pipeline {
    /// Random views for training.
    Views {
        /// One per view, or per [`ViewPolicy::count`] views, in order.
        policies: Vec<ViewPolicy>,
        /// Seed of the draws.
        seed: u64,
    },
    /// The one fixed view of evaluation.
    Eval(EvalTransform),
}

impl Pipeline {
    /// With a policy for each view.
    fn each_view(self) -> Self {
        match self {
            Self::Views { policies, seed } => Self::Views { policies: ViewPolicy::each(&policies), seed },
            eval @ Self::Eval(_) => eval,
        }
    }
}

/// How a [`Loader`] works; what it delivers does not depend on `threads` and `prefetch`.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Batches that may be unfinished or unread at a time, at least 1.
    pub prefetch: usize,
    /// Whether an unreadable image is an error. Otherwise it is reported in [`Batch::skipped`].
    pub strict: bool,
    /// Whether workers give way to other threads (on Linux, a higher nice value), so that they do not hold up the
    /// network's threads when there are fewer cores than both would like.
    pub background: bool,
}

impl Default for LoaderOptions {
    /// All cores of the machine, giving way to others, two batches ahead, unreadable images skipped.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        Self { threads, prefetch: 2, strict: false, background: true }
    }
}

/// The views of some images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The images, as indices into the data set. In training an unreadable image is replaced by the next readable one
    /// (index + 1, …, wrapping), and the index says so; in evaluation it is left out.
    pub indices: Vec<u32>,
    /// The pixels. Views of equal size share a group; groups and views are in the order of the policies.
    pub groups: Vec<ViewGroup>,
    /// Images that could not be read, in the order of the request.
    pub skipped: Vec<Skipped>,
}

/// Views of one size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewGroup {
    /// Side of the views in pixels.
    pub size: u32,
    /// Number of views of each image.
    pub views: u32,
    /// Number of images.
    pub batch: u32,
    /// `[views, batch, size, size, 3]`.
    pub pixels: Vec<u8>,
}

/// An image that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its index in the data set.
    pub index: u32,
    /// Its name, as [`Dataset::path`] gives it.
    pub path: String,
    /// Why, with the remedy.
    pub reason: String,
}

/// Delivers the batches of a list of requests, in order. Dropping it stops its threads after the image they work on.
pub struct Loader {
    finished: Receiver<Finished>,
    permits: Sender<()>,
    spare: Sender<Vec<ViewGroup>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Batches that were finished before their turn.
    early: BTreeMap<u64, Result<Batch, DataError>>,
    next: u64,
    failed: bool,
}

/// What workers report.
enum Finished {
    /// A batch with its place in the order.
    Batch(u64, Result<Batch, DataError>),
    /// A worker is gone, and with it the batch it worked on.
    Panicked,
}

impl Loader {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the pipeline has no views or a value out of range, `threads` or `prefetch` is 0, or the system refuses
    /// a thread.
    pub fn new(
        dataset: Arc<dyn Dataset>,
        pipeline: Pipeline,
        requests: impl Iterator<Item = BatchRequest> + Send + 'static,
        options: LoaderOptions,
    ) -> Result<Self, DataError> {
        check(&pipeline, &options)?;
        let pipeline = pipeline.each_view();
        let shared = Arc::new(Shared {
            dataset,
            layout: Layout::of(&pipeline),
            pipeline,
            strict: options.strict,
            background: options.background,
            stop: AtomicBool::new(false),
        });
        let (permits, permitted) = unbounded();
        let (spare, spares) = unbounded::<Vec<ViewGroup>>();
        let (jobs, queue) = bounded::<Job>(4 * options.threads);
        let (done, finished) = unbounded();
        for _ in 0..options.prefetch {
            // The receiver lives in this function: sending cannot fail.
            let _ = permits.send(());
        }
        let feeder = {
            let (shared, done) = (shared.clone(), done.clone());
            move || {
                for (sequence, request) in (0..).zip(requests) {
                    if permitted.recv().is_err() || shared.stop.load(Ordering::Relaxed) {
                        return;
                    }
                    if request.indices.is_empty() {
                        let _ = done.send(Finished::Batch(sequence, Ok(Batch::default())));
                        continue;
                    }
                    let spare = spares.try_recv().unwrap_or_default();
                    let batch = Arc::new(Assembly::new(sequence, &shared.layout, &request, spare));
                    for (slot, &index) in request.indices.iter().enumerate() {
                        let job = Job { batch: batch.clone(), epoch: request.epoch, slot, index };
                        if jobs.send(job).is_err() {
                            return;
                        }
                    }
                }
            }
        };
        let mut loader = Self {
            finished,
            permits,
            spare,
            shared: shared.clone(),
            threads: Vec::with_capacity(options.threads + 1),
            early: BTreeMap::new(),
            next: 0,
            failed: false,
        };
        loader.threads.push(spawn("twist-feeder", feeder)?);
        for _ in 0..options.threads {
            let worker = Worker::new(shared.clone());
            let (jobs, done) = (queue.clone(), done.clone());
            match spawn("twist-loader", move || worker.run(&jobs, &done)) {
                Ok(thread) => loader.threads.push(thread),
                Err(error) => {
                    // The feeder may wait for room in the queue, and the loader is about to wait for the feeder.
                    drop(queue);
                    return Err(error);
                }
            }
        }
        Ok(loader)
    }

    /// The next batch; `None` after the last one, or after an error.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator would have to own the loader, which recycles"
    )]
    pub fn next(&mut self) -> Option<Result<Batch, DataError>> {
        if self.failed {
            return None;
        }
        let batch = loop {
            if let Some(batch) = self.early.remove(&self.next) {
                break batch;
            }
            // All senders are gone once the feeder has ended and every worker has run out of jobs.
            match self.finished.recv().ok()? {
                Finished::Batch(sequence, batch) => drop(self.early.insert(sequence, batch)),
                Finished::Panicked => {
                    let what = "a loader thread stopped with the panic printed above";
                    break Err(Refused::new(what)
                        .because("please report it with the image that causes it")
                        .into());
                }
            }
        };
        self.next += 1;
        self.failed = batch.is_err();
        // Without a feeder, permits have no use.
        let _ = self.permits.send(());
        Some(batch)
    }

    /// Gives the memory of a batch back, for a later one.
    pub fn recycle(&mut self, batch: Batch) {
        let _ = self.spare.send(batch.groups);
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // The feeder may wait for a permit, and wakes up when nobody is left to give any.
        self.permits = unbounded().0;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn cannot_start(why: &str) -> DataError {
    Refused::new("the loader cannot start").because(why).into()
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DataError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|source| {
        cannot_start(&format!("the system cannot start another thread ({source}): use fewer"))
    })
}

fn check(pipeline: &Pipeline, options: &LoaderOptions) -> Result<(), DataError> {
    let fail = |why: &str| Err(cannot_start(why));
    if options.threads == 0 {
        return fail("threads = 0: choose at least 1");
    }
    if options.prefetch == 0 {
        return fail("prefetch = 0: choose at least 1 batch");
    }
    match pipeline {
        Pipeline::Views { policies, .. } if policies.is_empty() => fail("no views: write at least one"),
        Pipeline::Views { policies, .. } => Ok(policies.iter().try_for_each(ViewPolicy::check)?),
        Pipeline::Eval(transform) => Ok(transform.check()?),
    }
}
