//! How long a training step takes, on random images that are in memory already.

use std::time::Instant;

use serde::Serialize;
use tch::{Cuda, Device, Kind, Tensor};
use torch_ext::Machine;
use twist_data::ViewPolicy;
use twist_nn::DeviceNormalize;

use crate::{DataFacts, Recipe, TrainConfig, TrainError, TrainPlan, TrainState, peak_memory_gib, train_step};

/// What to measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepBench {
    /// Backbone.
    pub arch: String,
    /// Channels of the stem.
    pub width: i64,
    /// Side of a view in pixels.
    pub size: u32,
    /// Images of a step.
    pub batch: usize,
    /// Local views of 96 pixels beside the two global ones.
    pub local_crops: usize,
    /// Pieces of the backbone's batch.
    pub accumulation: usize,
    /// Clusters.
    pub dim: i64,
    /// Width of the head's hidden layers.
    pub hidden_dim: i64,
    /// `auto`, `fp32` or `bf16`.
    pub precision: String,
    /// Measured steps.
    pub steps: usize,
    /// Steps before them that are not measured.
    pub warmup: usize,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepTiming {
    /// Median duration of a step in milliseconds.
    pub step_ms: f64,
    /// Shortest step in milliseconds.
    pub best_ms: f64,
    /// Source images (not views) per second, from the median.
    pub images_per_second: f64,
    /// Peak memory in GiB: of tensors on CUDA, of the process on the CPU.
    pub peak_memory_gib: Option<f64>,
    /// `fp32` or `bf16`, as chosen.
    pub precision: &'static str,
    /// Whether the backbone ran channels-last.
    pub channels_last: bool,
    /// The device.
    pub device: String,
    /// Threads of libtorch.
    pub threads: usize,
}

/// Side of a local view in pixels, as published.
const LOCAL_SIZE: u32 = 96;

/// Measures the real training step: normalisation, forward, loss, backward, LARS.
///
/// # Errors
/// Sizes that do not plan; libtorch's own.
pub fn step(bench: &StepBench, machine: &Machine) -> Result<StepTiming, TrainError> {
    let config = config(bench)?;
    let facts = DataFacts { images: bench.batch, ..DataFacts::default() };
    let plan = TrainPlan::new(&config, &facts, machine)?;
    let mut state = TrainState::new(&plan)?;
    let device = machine.device;
    let normalize = DeviceNormalize::new(config.data.mean, config.data.std, plan.channels_last, device)?;
    let random = |views: &[ViewPolicy]| {
        let side = i64::from(views[0].size);
        let shape = [views.len() as i64, bench.batch as i64, side, side, 3];
        Tensor::f_randint(256, shape, (Kind::Uint8, device))
    };
    let resolutions = plan.views.chunk_by(|a, b| a.size == b.size);
    let pixels = resolutions.map(random).collect::<Result<Vec<_>, _>>()?;

    let mut seconds = Vec::with_capacity(bench.steps);
    for step in 0..bench.warmup + bench.steps {
        let began = Instant::now();
        train_step(&mut state, &plan, &normalize, step as u64, &pixels)?;
        wait_for(device);
        if step >= bench.warmup {
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    let median = median(&mut seconds);
    Ok(StepTiming {
        step_ms: median * 1e3,
        best_ms: seconds.first().copied().unwrap_or(0.0) * 1e3,
        images_per_second: bench.batch as f64 / median,
        peak_memory_gib: peak_memory_gib(device),
        precision: plan.precision.name(),
        channels_last: plan.channels_last,
        device: torch_ext::device_name(device),
        threads: machine.threads,
    })
}

/// The clock must not stop before the device has.
fn wait_for(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

/// Sorts, and returns the middle (the mean of the middle two).
fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    match seconds.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => seconds[n / 2],
        n => (seconds[n / 2 - 1] + seconds[n / 2]) / 2.0,
    }
}

/// The paper's optimizer; [`config`] writes the sizes.
const RECIPE: &str = r#"
views = []
[model]
arch = ""
[optim]
name = "lars"
lr = 0.1
scale_lr = false
weight_decay = 1.5e-6
[schedule]
epochs = 1
warmup_epochs = 0
[train]
batch_size = 1
"#;

fn config(bench: &StepBench) -> Result<TrainConfig, TrainError> {
    let mut config = Recipe::read("bench", RECIPE, &[])?.config;
    config.model.arch.clone_from(&bench.arch);
    config.model.width = bench.width;
    config.model.hidden_dim = bench.hidden_dim;
    config.model.dim = bench.dim;
    config.schedule.epochs = (bench.warmup + bench.steps).max(1) as u64;
    config.train.batch_size = bench.batch;
    config.train.accumulation = bench.accumulation;
    config.train.precision.clone_from(&bench.precision);
    let view = |name| ViewPolicy::new(name, bench.size, [0.08, 1.0], 0.0, 0.0);
    config.views = vec![view("view1"), view("view2")];
    let local = ViewPolicy::new("local", LOCAL_SIZE, [0.05, 0.4], 0.0, 0.0);
    config.views.resize(2 + bench.local_crops, local);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&mut []).is_nan());
    }
}
