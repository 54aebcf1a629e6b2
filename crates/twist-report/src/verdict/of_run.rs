//! The verdict on a run folder.

use std::collections::BTreeSet;

use twist_run::{Metrics, figure};

use super::{Training, Verdict, verdict};
use crate::run::{Ending, Run, Samples};

/// The verdict on `run`: by its figures, and where an older version or a kill left one out, by its images and its log.
pub(crate) fn verdict_on(run: &Run) -> Option<Verdict> {
    let mut metrics = run.metrics().cloned().unwrap_or_default();
    if let Some(samples) = &run.samples {
        fill_in(&mut metrics, samples);
    }
    if let (None, Some(outputs)) = (metrics.count("/clusters"), run.outputs()) {
        metrics.protocol["clusters"] = outputs.into();
    }
    if let Some(start) = &run.log.start {
        // Training may end before it comes to every unreadable image; an evaluation of all training images finds each.
        let found = match metrics.protocol["evaluated_on"] == "training images" {
            true => metrics.count("/unreadable_images").unwrap_or(0) as usize,
            false => 0,
        };
        let unreadable = found.max(run.log.skipped().len());
        metrics.protocol["training_images"] = start.images.saturating_sub(unreadable).into();
    }
    let training = match &run.log.ending {
        // Without a log nothing says that the figures are not final.
        Ending::Finished(_) => Training::Finished,
        Ending::Open if run.log.start.is_none() && run.log.steps.is_empty() => Training::Finished,
        Ending::Collapsed { kind, .. } => Training::Collapsed { kind },
        Ending::Stopped(_) | Ending::Open => Training::Unfinished(done(run)),
    };
    verdict(&metrics, training)
}

/// Works out of `samples` what `metrics` does not say.
fn fill_in(metrics: &mut Metrics, samples: &Samples) {
    if metrics.figures.get(figure::MEAN_CONFIDENCE).is_none() {
        let sum: f64 = samples.said.confidence.iter().map(|p| f64::from(*p)).sum();
        metrics.figures.set(figure::MEAN_CONFIDENCE, sum / samples.len() as f64);
    }
    if metrics.figures.get(figure::CLASSES_IN_USE).is_none() {
        let used: BTreeSet<u32> = samples.said.cluster.iter().copied().collect();
        metrics.figures.set(figure::CLASSES_IN_USE, used.len() as f64);
    }
}

/// The part of the steps that is done.
fn done(run: &Run) -> Option<f64> {
    let last = *run.log.steps.keys().next_back()? as f64;
    let total = run.log.start.as_ref()?.total_steps as f64;
    (total > 0.0).then(|| (last / total).min(1.0))
}
