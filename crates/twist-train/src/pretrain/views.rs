//! The views of training images as the step sees them, batch by batch: a function of the recipe, the images and the step.

use std::ops::Range;
use std::sync::Arc;

use twist_data::{Dataset, Loader, LoaderOptions, Pipeline, Sampler, in_memory, reduced};

use crate::config::{DataConfig, InMemory};
use crate::memory::host_memory;
use crate::{TrainError, TrainPlan};

/// Batches that are loaded ahead of the step.
const PREFETCH: usize = 3;

/// The images as a recipe says that they are held: reduced, and in memory where they fit.
pub fn held(config: &DataConfig, dataset: Arc<dyn Dataset>) -> Arc<dyn Dataset> {
    let reduce_to = config.reduce_to;
    let free = || host_memory().map_or(0, |memory| memory.available);
    match (config.in_memory, reduce_to) {
        (InMemory::On, _) => in_memory(dataset, reduce_to, u64::MAX),
        (InMemory::Auto, _) => in_memory(dataset, reduce_to, free() / 4),
        (InMemory::Off, Some(shorter)) => reduced(dataset, shorter),
        (InMemory::Off, None) => dataset,
    }
}

/// Loads the batches of some steps, which are of one stage, with `threads` threads. `strict`: an unreadable image is an error.
///
/// # Errors
/// There is not one full batch, or the loader cannot start.
pub fn load_views(
    plan: &TrainPlan,
    dataset: &Arc<dyn Dataset>,
    steps: Range<u64>,
    threads: usize,
    strict: bool,
) -> Result<Loader, TrainError> {
    let sampler = Sampler::new(dataset.len(), plan.run.batch_size, plan.run.seed)?;
    let count = steps.end.saturating_sub(steps.start) as usize;
    let requests = sampler.batches_from(steps.start).take(count);
    let pipeline = Pipeline::Views { policies: plan.views_at(steps.start).to_vec(), seed: plan.run.seed };
    let options = LoaderOptions { threads, prefetch: PREFETCH, strict, ..LoaderOptions::default() };
    Ok(Loader::new(Arc::clone(dataset), pipeline, requests, options)?)
}
