//! One thread that turns images into views.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use twist_io::Refused;

use super::assembly::{Assembly, Layout, Outcome};
use super::{Finished, Pipeline, Skipped};
use crate::augment::{Augmenter, DrawKey, EvalTransform, draw};
use crate::dataset::{Dataset, pixels};
use crate::decode::Decoder;
use crate::error::DataError;
use crate::image::Rgb8;

/// One image of one batch.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) batch: Arc<Assembly>,
    pub(super) epoch: u64,
    pub(super) slot: usize,
    pub(super) index: u32,
}

pub(super) struct Shared {
    pub(super) dataset: Arc<dyn Dataset>,
    pub(super) pipeline: Pipeline,
    pub(super) layout: Layout,
    pub(super) strict: bool,
    pub(super) background: bool,
    pub(super) stop: AtomicBool,
}

/// A worker with the buffers that it keeps.
pub(super) struct Worker {
    shared: Arc<Shared>,
    decoder: Decoder,
    augmenter: Augmenter,
    eval: Option<EvalTransform>,
    /// All views of one image, one after another.
    views: Vec<u8>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let eval = match &shared.pipeline {
            Pipeline::Eval(transform) => Some(transform.clone()),
            Pipeline::Views { .. } => None,
        };
        let views = vec![0; shared.layout.image_bytes];
        Self { shared, decoder: Decoder::default(), augmenter: Augmenter::new(), eval, views }
    }

    /// Works until the jobs end, or nobody wants them.
    pub(super) fn run(mut self, jobs: &Receiver<Job>, done: &Sender<Finished>) {
        if self.shared.background {
            step_back();
        }
        let lost = ReportPanic { done };
        for job in jobs {
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            let outcome = self.work(&job);
            if let Some(batch) = job.batch.fill(&self.shared.layout, job.slot, &self.views, outcome)
                && done.send(Finished::Batch(job.batch.sequence, batch)).is_err()
            {
                break;
            }
        }
        drop(lost);
    }

    /// Makes the views of a job's image or, in training, of the next one that can be read.
    fn work(&mut self, job: &Job) -> Outcome {
        let len = self.shared.dataset.len();
        let mut skipped = Vec::new();
        for step in 0..len.max(1) {
            let index = (job.index as usize + step) % len.max(1);
            let reason = match pixels(&*self.shared.dataset, index, &mut self.decoder) {
                Ok(image) => {
                    self.make_views(&image, job.epoch, index);
                    return Outcome::Image(index as u32, skipped);
                }
                Err(error) if self.shared.strict => return Outcome::Failed(error),
                // The image is named beside the reason.
                Err(DataError::Decode { source, .. }) => source.to_string(),
                Err(error) => error.to_string(),
            };
            let unreadable = Skipped { index: index as u32, path: self.shared.dataset.path(index), reason };
            if self.eval.is_some() {
                return Outcome::Empty(unreadable);
            }
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            skipped.push(unreadable);
        }
        let first = skipped.first();
        let example = first.map_or_else(String::new, |image| format!("{}: {}", image.path, image.reason));
        let why = format!("the first: {example}");
        Outcome::Failed(Refused::new(format!("none of the {len} images can be read; {why}")).into())
    }

    fn make_views(&mut self, image: &Rgb8, epoch: u64, index: usize) {
        if let Some(transform) = &mut self.eval {
            transform.apply(image, &mut self.views);
            return;
        }
        let Pipeline::Views { policies, seed } = &self.shared.pipeline else { return };
        let mut views = self.views.as_mut_slice();
        for (view, policy) in (0..).zip(policies) {
            let key = DrawKey { seed: *seed, epoch, sample: index as u64, view };
            let (out, rest) = views.split_at_mut(super::assembly::view_bytes(policy.size));
            let draw = draw(policy, key, image.width, image.height);
            self.augmenter.apply(image, policy, &draw, out);
            views = rest;
        }
    }
}

/// Lets the network go first: its threads wait for each other, and one that is held up by a loader thread holds up all.
fn step_back() {
    const NICE: i32 = 10;
    // On Linux this is the calling thread's own priority; where it is refused the loader is only less polite.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Tells the consumer when a worker panics: the batch it worked on would be waited for without end.
struct ReportPanic<'a> {
    done: &'a Sender<Finished>,
}

impl Drop for ReportPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.done.send(Finished::Panicked);
        }
    }
}
