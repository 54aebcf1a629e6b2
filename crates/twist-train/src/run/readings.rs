//! The figures of the steps, from the device to log and guard.

use std::time::Instant;

use tch::{Tensor, no_grad};
use twist_io::StateDict;
use twist_nn::tensor_to_host;
use twist_run::{Figures, Streaks, figure};

use super::Taken;
use crate::TrainError;
use crate::guard::{CollapseKind, Guard, LogitStatistics};
use crate::metrics::StepMetrics;
use crate::reading::StepReading;

/// Steps that were taken and not yet read, the readings before them, and the weights of the last healthy reading.
///
/// Where several networks learn side by side, the log shows and the guard judges the one whose loss is least at a step: a
/// collapsed network has a large loss, so as long as one is healthy the run is.
pub(super) struct Readings {
    guard: Guard,
    /// Networks side by side.
    networks: usize,
    unread: Vec<StepMetrics>,
    /// How many samples their steps had.
    samples: usize,
    indices: Vec<Vec<u32>>,
    pub(super) last_read: Vec<StepReading>,
    logits: Option<(u64, Tensor)>,
    /// The network with the least mean loss over the steps read last.
    pub(super) leader: usize,
    /// The guard's verdict: the kind and the step that showed it.
    pub(super) collapsed: Option<(CollapseKind, u64)>,
    clock: Instant,
    losses: (f64, u64),
    weights: Vec<(String, Tensor)>,
    /// The step before which `weights` stood.
    pub(super) weights_step: u64,
}

impl Readings {
    /// Begins before `step`, with a copy of `weights` and the sum and number of the losses that belong to no checkpoint yet.
    pub(super) fn new(
        guard: Guard,
        weights: Vec<(String, Tensor)>,
        step: u64,
        losses: (f64, u64),
    ) -> Result<Self, TrainError> {
        let places =
            weights.iter().map(|(name, tensor)| Ok((name.clone(), tensor.f_detach()?.f_zeros_like()?)));
        let places = places.collect::<Result<Vec<_>, tch::TchError>>()?;
        let mut readings = Self {
            guard,
            networks: 1,
            unread: Vec::new(),
            samples: 0,
            indices: Vec::new(),
            last_read: Vec::new(),
            logits: None,
            leader: 0,
            collapsed: None,
            clock: Instant::now(),
            losses,
            weights: places,
            weights_step: step,
        };
        readings.keep_weights(&weights, step)?;
        Ok(readings)
    }

    /// Takes the figures of a step without reading them.
    pub(super) fn push(&mut self, mut taken: Taken) {
        self.networks = taken.metrics.len().max(1);
        // Logits are large: only those of the network that led last are kept, for a saved collapse.
        for (number, metrics) in taken.metrics.iter_mut().enumerate() {
            let logits = metrics.take_logits();
            if number == self.leader {
                self.logits = logits.map(|logits| (metrics.step, logits));
            }
        }
        self.samples += taken.indices.len();
        self.unread.append(&mut taken.metrics);
        self.indices.push(taken.indices);
    }

    /// Reads everything unread, shows it to the guard, and returns the figures of the last step.
    pub(super) fn read(&mut self) -> Result<Figures, TrainError> {
        let all = StepMetrics::read(&self.unread)?;
        let steps = self.unread.len() / self.networks;
        self.unread.clear();
        let samples = std::mem::take(&mut self.samples);
        let rate = samples as f64 / self.clock.elapsed().as_secs_f64().max(1e-9);
        let mut sums = vec![0.0; self.networks];
        self.last_read.clear();
        for of_step in all.chunks_exact(self.networks) {
            sums.iter_mut().zip(of_step).for_each(|(sum, reading)| *sum += reading.get(figure::LOSS));
            let losses = of_step.iter().map(|reading| reading.get(figure::LOSS));
            let reading = of_step[least(losses)].clone();
            self.losses = (self.losses.0 + reading.get(figure::LOSS), self.losses.1 + 1);
            if self.collapsed.is_none() {
                self.collapsed = self.guard.observe(&reading).map(|kind| (kind, reading.step));
            }
            self.last_read.push(reading);
        }
        if steps > 0 {
            self.leader = least(sums.into_iter());
        }
        Ok(self.last_read.last().map_or_else(Figures::default, |last| last.figures(rate)))
    }

    /// What the guard has counted up to the last reading.
    pub(super) fn guard_streaks(&self) -> Streaks {
        self.guard.streaks
    }

    /// Copies the weights after a healthy reading, on their device.
    pub(super) fn keep_weights(&mut self, weights: &[(String, Tensor)], step: u64) -> Result<(), TrainError> {
        self.indices.clear();
        self.weights_step = step;
        no_grad(|| {
            for ((_, copy), (_, tensor)) in self.weights.iter().zip(weights) {
                copy.shallow_clone().f_copy_(tensor)?;
            }
            Ok(())
        })
    }

    /// The weights of [`Readings::keep_weights`], under their names.
    pub(super) fn weights(&self) -> Result<StateDict, TrainError> {
        let mut all = StateDict::default();
        for (name, copy) in &self.weights {
            all.push(name.clone(), tensor_to_host(copy)?);
        }
        Ok(all)
    }

    /// Readings since then up to `step`, and the samples of that step.
    pub(super) fn until(&self, step: u64) -> (&[StepReading], &[u32]) {
        let position = self.last_read.iter().position(|reading| reading.step == step);
        let position = position.unwrap_or(self.last_read.len().saturating_sub(1));
        let indices = self.indices.get(position).map_or(&[][..], Vec::as_slice);
        (&self.last_read[..self.last_read.len().min(position + 1)], indices)
    }

    /// Moments of the last step's logits, for a saved collapse.
    pub(super) fn logit_statistics(&self) -> Result<LogitStatistics, TrainError> {
        let none = || tch::TchError::Shape("no step was taken".into());
        let (step, logits) = self.logits.as_ref().ok_or_else(none)?;
        LogitStatistics::of(*step, logits)
    }

    /// Sum and number of the losses since the last call of [`Readings::take_mean_loss`]; `(0, 0)` when they are not finite.
    pub(super) fn losses(&self) -> (f64, u64) {
        if self.losses.0.is_finite() { self.losses } else { (0.0, 0) }
    }

    /// Mean loss since the last call; `None` when no step was read.
    pub(super) fn take_mean_loss(&mut self) -> Option<f64> {
        let (sum, count) = std::mem::take(&mut self.losses);
        (count > 0).then(|| sum / count as f64)
    }

    /// Begins a new interval for samples per second, so that evaluation and saving do not count.
    pub(super) fn restart_clock(&mut self) {
        if self.unread.is_empty() {
            self.clock = Instant::now();
        }
    }
}

/// Place of the least finite number; 0 without one.
pub(crate) fn least(values: impl Iterator<Item = f64>) -> usize {
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
