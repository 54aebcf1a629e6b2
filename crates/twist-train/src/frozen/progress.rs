//! What the trainer of heads remembers between two readings.

use std::time::Instant;

use tch::{Tensor, no_grad};
use twist_io::StateDict;
use twist_nn::tensor_to_host;
use twist_run::StepFigures;

use super::step::HeadState;
use crate::TrainError;
use crate::guard::{CollapseKind, Guard, LogitStatistics, Streaks};
use crate::metrics::{StepMetrics, StepReading};

/// Steps that were taken and not yet read, and the weights of the last healthy reading.
///
/// Of all heads the log shows, and the guard judges, the one whose loss is least at a step: a collapsed head has a large
/// loss, so as long as one is healthy the run is.
pub(super) struct Progress {
    guard: Guard,
    heads: usize,
    unread: Vec<StepMetrics>,
    indices: Vec<Vec<u32>>,
    readings: Vec<StepReading>,
    logits: Option<(u64, Tensor)>,
    /// The head with the least mean loss over the last reading.
    leader: usize,
    collapsed: Option<(CollapseKind, u64)>,
    clock: Instant,
    weights: Vec<Vec<Tensor>>,
    weights_step: u64,
}

impl Progress {
    /// Begins before `step`, with a copy of the weights.
    pub(super) fn new(guard: Guard, heads: &[HeadState], step: u64) -> Result<Self, TrainError> {
        let place = |head: &HeadState| -> Result<Vec<Tensor>, tch::TchError> {
            head.store.entries().iter().map(|entry| entry.tensor.f_detach()?.f_zeros_like()).collect()
        };
        let weights = heads.iter().map(place).collect::<Result<_, _>>()?;
        let mut progress = Self {
            guard,
            heads: heads.len(),
            unread: Vec::new(),
            indices: Vec::new(),
            readings: Vec::new(),
            logits: None,
            leader: 0,
            collapsed: None,
            clock: Instant::now(),
            weights,
            weights_step: step,
        };
        progress.keep_weights(heads, step)?;
        Ok(progress)
    }

    /// Takes the figures of a step, one for each head, without reading them.
    pub(super) fn push(&mut self, mut metrics: Vec<StepMetrics>, indices: Vec<u32>) {
        // Logits are large: only those of the head that led last are kept, for a saved collapse.
        for (number, one) in metrics.iter_mut().enumerate() {
            let logits = one.take_logits();
            if number == self.leader {
                self.logits = logits.map(|logits| (one.step, logits));
            }
        }
        self.unread.append(&mut metrics);
        self.indices.push(indices);
    }

    /// Reads everything unread, shows it to the guard, and returns the figures of the last step.
    pub(super) fn read(&mut self, batch_size: usize) -> Result<StepFigures, TrainError> {
        let all = StepMetrics::read(&self.unread)?;
        let steps = self.unread.len() / self.heads;
        self.unread.clear();
        let rate = (steps * batch_size) as f64 / self.clock.elapsed().as_secs_f64().max(1e-9);
        let mut sums = vec![0.0; self.heads];
        self.readings.clear();
        for of_step in all.chunks_exact(self.heads) {
            sums.iter_mut().zip(of_step).for_each(|(sum, reading)| *sum += reading.loss);
            let leading = least(of_step.iter().map(|reading| reading.loss));
            let reading = of_step[leading];
            if self.collapsed.is_none() {
                self.collapsed = self.guard.observe(&reading).map(|kind| (kind, reading.step));
            }
            self.readings.push(reading);
        }
        if steps > 0 {
            self.leader = least(sums.into_iter());
        }
        Ok(self.readings.last().map_or_else(StepFigures::default, |last| last.figures(rate)))
    }

    /// The head with the least mean loss over the steps read last.
    pub(super) fn leader(&self) -> usize {
        self.leader
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
    pub(super) fn keep_weights(&mut self, heads: &[HeadState], step: u64) -> Result<(), TrainError> {
        self.indices.clear();
        self.weights_step = step;
        no_grad(|| {
            for (copies, head) in self.weights.iter().zip(heads) {
                for (copy, entry) in copies.iter().zip(head.store.entries()) {
                    copy.shallow_clone().f_copy_(&entry.tensor)?;
                }
            }
            Ok(())
        })
    }

    /// The weights of [`Progress::keep_weights`] under their names, and the step before which they stood.
    pub(super) fn weights(&self, heads: &[HeadState]) -> Result<(StateDict, u64), TrainError> {
        let mut all = StateDict::default();
        for (number, (copies, head)) in self.weights.iter().zip(heads).enumerate() {
            for (copy, entry) in copies.iter().zip(head.store.entries()) {
                all.push(format!("heads.{number}.model.{}", entry.name), tensor_to_host(copy)?);
            }
        }
        Ok((all, self.weights_step))
    }

    /// Readings since then up to `step`, and the rows of that step.
    pub(super) fn until(&self, step: u64) -> (&[StepReading], &[u32]) {
        let position = self.readings.iter().position(|reading| reading.step == step);
        let position = position.unwrap_or(self.readings.len().saturating_sub(1));
        let indices = self.indices.get(position).map_or(&[][..], Vec::as_slice);
        (&self.readings[..self.readings.len().min(position + 1)], indices)
    }

    /// Moments of the leading head's logits at the last step, for a saved collapse.
    pub(super) fn logit_statistics(&self) -> Result<LogitStatistics, TrainError> {
        let none = || tch::TchError::Shape("no step was taken".into());
        let (step, logits) = self.logits.as_ref().ok_or_else(none)?;
        LogitStatistics::of(*step, logits)
    }

    /// Begins a new interval for rows per second, so that evaluation and saving do not count.
    pub(super) fn restart_clock(&mut self) {
        if self.unread.is_empty() {
            self.clock = Instant::now();
        }
    }
}

/// Place of the least finite number; 0 when there is none.
pub(super) fn least(values: impl Iterator<Item = f64>) -> usize {
    let finite = values.enumerate().filter(|(_, value)| value.is_finite());
    finite.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::least;

    #[test]
    fn the_least_finite_number_leads() {
        assert_eq!(least([2.0, -1.0, f64::NAN, -1.0].into_iter()), 1);
        assert_eq!(least([f64::NAN, f64::NEG_INFINITY, 3.0].into_iter()), 2);
        assert_eq!(least([f64::NAN].into_iter()), 0);
    }
}
