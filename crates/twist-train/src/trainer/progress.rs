//! What the trainer remembers between two readings.

use std::time::Instant;

use tch::{Tensor, no_grad};
use twist_io::StateDict;
use twist_nn::tensor_to_host;
use twist_run::StepFigures;

use crate::TrainError;
use crate::guard::{CollapseKind, Guard, LogitStatistics, Streaks};
use crate::metrics::{StepMetrics, StepReading};
use crate::step::TrainState;

/// Steps that were taken and not yet read, the readings before them, and the weights of the last healthy reading.
pub(super) struct Progress {
    guard: Guard,
    unread: Vec<StepMetrics>,
    indices: Vec<Vec<u32>>,
    readings: Vec<StepReading>,
    logits: Option<(u64, Tensor)>,
    collapsed: Option<(CollapseKind, u64)>,
    clock: Instant,
    losses: (f64, u64),
    weights: Vec<Tensor>,
    weights_step: u64,
}

impl Progress {
    /// Begins before `step`, with a copy of the weights and the sum and number of the losses that belong to no checkpoint yet.
    pub(super) fn new(
        guard: Guard,
        state: &TrainState,
        step: u64,
        losses: (f64, u64),
    ) -> Result<Self, TrainError> {
        let places = state.net.store.entries().iter().map(|entry| entry.tensor.f_detach()?.f_zeros_like());
        let weights = places.collect::<Result<Vec<_>, _>>()?;
        let mut progress = Self {
            guard,
            unread: Vec::new(),
            indices: Vec::new(),
            readings: Vec::new(),
            logits: None,
            collapsed: None,
            clock: Instant::now(),
            losses,
            weights,
            weights_step: step,
        };
        progress.keep_weights(state, step)?;
        Ok(progress)
    }

    /// Takes the figures of a step without reading them.
    pub(super) fn push(&mut self, mut metrics: StepMetrics, indices: Vec<u32>) {
        self.logits = metrics.take_logits().map(|logits| (metrics.step, logits));
        self.unread.push(metrics);
        self.indices.push(indices);
    }

    /// Reads everything unread, shows it to the guard, and returns the figures of the last step.
    pub(super) fn read(&mut self, batch_size: usize) -> Result<StepFigures, TrainError> {
        self.readings = StepMetrics::read(&self.unread)?;
        let images = (self.unread.len() * batch_size) as f64;
        self.unread.clear();
        let rate = images / self.clock.elapsed().as_secs_f64().max(1e-9);
        for reading in &self.readings {
            self.losses = (self.losses.0 + reading.loss, self.losses.1 + 1);
            if self.collapsed.is_none() {
                self.collapsed = self.guard.observe(reading).map(|kind| (kind, reading.step));
            }
        }
        Ok(self.readings.last().map_or_else(StepFigures::default, |last| last.figures(rate)))
    }

    /// What was read last, step by step.
    pub(super) fn readings(&self) -> &[StepReading] {
        &self.readings
    }

    /// What the guard has counted up to the last reading.
    pub(super) fn guard_streaks(&self) -> Streaks {
        self.guard.streaks()
    }

    /// The guard's verdict: the kind and the step that showed it.
    pub(super) fn collapsed(&self) -> Option<(CollapseKind, u64)> {
        self.collapsed
    }

    /// Copies the weights after a healthy reading, on their device.
    pub(super) fn keep_weights(&mut self, state: &TrainState, step: u64) -> Result<(), TrainError> {
        self.indices.clear();
        self.weights_step = step;
        no_grad(|| {
            for (copy, entry) in self.weights.iter().zip(state.net.store.entries()) {
                copy.shallow_clone().f_copy_(&entry.tensor)?;
            }
            Ok(())
        })
    }

    /// The weights of [`Progress::keep_weights`], under their names.
    pub(super) fn weights(&self, state: &TrainState) -> Result<StateDict, TrainError> {
        let mut all = StateDict::default();
        for (copy, entry) in self.weights.iter().zip(state.net.store.entries()) {
            all.push(format!("model.{}", entry.name), tensor_to_host(copy)?);
        }
        Ok(all)
    }

    /// The step before which those weights stood.
    pub(super) fn weights_step(&self) -> u64 {
        self.weights_step
    }

    /// Readings since then up to `step`, and the images of that step.
    pub(super) fn until(&self, step: u64) -> (&[StepReading], &[u32]) {
        let position = self.readings.iter().position(|reading| reading.step == step);
        let position = position.unwrap_or(self.readings.len().saturating_sub(1));
        let indices = self.indices.get(position).map_or(&[][..], Vec::as_slice);
        (&self.readings[..self.readings.len().min(position + 1)], indices)
    }

    /// Moments of the last step's logits, for a saved collapse.
    pub(super) fn logit_statistics(&self) -> Result<LogitStatistics, TrainError> {
        let none = || tch::TchError::Shape("no step was taken".into());
        let (step, logits) = self.logits.as_ref().ok_or_else(none)?;
        LogitStatistics::of(*step, logits)
    }

    /// The last step's figures.
    pub(super) fn last(&self) -> Option<&StepReading> {
        self.readings.last()
    }

    /// Sum and number of the losses since the last call of [`Progress::take_mean_loss`]; `None` when they are not finite.
    pub(super) fn losses(&self) -> (f64, u64) {
        if self.losses.0.is_finite() { self.losses } else { (0.0, 0) }
    }

    /// Mean loss since the last call; `None` when no step was read.
    pub(super) fn take_mean_loss(&mut self) -> Option<f64> {
        let (sum, count) = std::mem::take(&mut self.losses);
        (count > 0).then(|| sum / count as f64)
    }

    /// Begins a new interval for images per second, so that evaluation and saving do not count.
    pub(super) fn restart_clock(&mut self) {
        if self.unread.is_empty() {
            self.clock = Instant::now();
        }
    }
}
