//! Times one training step (forward, loss, backward, LARS) on random images, with nothing but this crate's pieces.
//!
//! ```text
//! cargo run --release -p twist-nn --example step -- resnet18_cifar 32 64 512 1024 64 bf16 10
//!                                                    arch size batch dim hidden width precision steps
//! ```
//! Prints one JSON line with the median. It stands beside `tools/baselines/step.py`, which does the same in PyTorch.

use std::io::Write as _;
use std::time::Instant;

use tch::{Device, Kind, Tensor};
use torch_ext::{Autocast, foreach, grad, layout, memory};
use twist_nn::{Mode, NetConfig, NnError, TwistLoss, TwistNet};

const ETA: f64 = 1e-3;
const WEIGHT_DECAY: f64 = 1.5e-6;
const LEARNING_RATE: f64 = 0.1;
const MOMENTUM: f64 = 0.9;

fn main() -> Result<(), NnError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = |index: usize, default: &str| arguments.get(index).map_or(default, String::as_str).to_owned();
    let number = |index: usize, default: i64| text(index, "").parse::<i64>().unwrap_or(default);
    let (size, batch) = (number(1, 32), number(2, 64));
    let config = NetConfig::new(text(0, "resnet18_cifar").parse()?)
        .with_width(number(5, 64))
        .with_head(number(4, 1024), number(3, 512));
    let kind = if text(6, "bf16") == "bf16" { Kind::BFloat16 } else { Kind::Float };

    if std::env::var_os("KEEP").is_none_or(|value| value != "off") {
        memory::keep_freed_pages()?;
    }
    let mut net = TwistNet::new(&config, Device::Cpu, 0)?;
    net.to_channels_last()?;
    let images = Tensor::f_randn([2 * batch, 3, size, size], (Kind::Float, Device::Cpu))?;
    let images = [layout::channels_last(&images)?];
    let mut lars = Lars::new(net.store.parameters())?;
    let loss = TwistLoss::default();

    let mut seconds = Vec::new();
    let mut parts = [0.0; 3];
    let mut total = f64::NAN;
    for step in 0..3 + number(7, 10) {
        let start = Instant::now();
        grad::clear(&lars.parameters)?;
        let logits = {
            let _autocast = Autocast::scope(Device::Cpu, kind)?;
            net.forward(&images, 2, Mode::Train)?
        };
        let (terms, gradient) = loss.with_gradient(&logits, 2)?;
        let forward = start.elapsed().as_secs_f64();
        grad::backward(&logits, &gradient)?;
        let backward = start.elapsed().as_secs_f64();
        lars.step()?;
        let whole = start.elapsed().as_secs_f64();
        if step >= 3 {
            seconds.push(whole);
            for (sum, part) in parts.iter_mut().zip([forward, backward - forward, whole - backward]) {
                *sum += part;
            }
        }
        total = terms.total.f_double_value(&[])?;
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let parts = parts.map(|sum| (1e3 * sum / seconds.len() as f64).round());
    let line = format!(
        "{{\"step_ms\": {:.2}, \"best_ms\": {:.2}, \"images_per_second\": {:.2}, \"forward_backward_update_ms\": \
         {parts:?}, \"loss\": {total:.4}}}",
        1e3 * median,
        1e3 * seconds[0],
        batch as f64 / median
    );
    let _ = writeln!(std::io::stdout(), "{line}");
    Ok(())
}

/// LARS as the released code has it: learning rate inside the momentum buffer, 1-D parameters excluded.
struct Lars {
    parameters: Vec<Tensor>,
    buffers: Vec<Tensor>,
    adapted: Vec<usize>,
}

impl Lars {
    fn new(parameters: Vec<Tensor>) -> Result<Self, NnError> {
        let buffers: Result<Vec<_>, _> = parameters.iter().map(Tensor::f_zeros_like).collect();
        let adapted = (0..parameters.len()).filter(|&i| parameters[i].dim() > 1).collect();
        Ok(Self { buffers: buffers?, adapted, parameters })
    }

    fn step(&mut self) -> Result<(), NnError> {
        tch::no_grad(|| {
            let grads = grad::of(&self.parameters)?;
            let pick =
                |from: &[Tensor]| self.adapted.iter().map(|&i| from[i].shallow_clone()).collect::<Vec<_>>();
            let (weights, adapted) = (pick(&self.parameters), pick(&grads));
            let w = Tensor::f_stack(&foreach::norm(&weights)?, 0)?;
            let g = Tensor::f_stack(&foreach::norm(&adapted)?, 0)?;
            let rates = w.f_div(&g.f_add(&w.f_mul_scalar(WEIGHT_DECAY)?)?)?.f_mul_scalar(ETA)?;
            foreach::add_(&adapted, &weights, WEIGHT_DECAY)?;
            for (gradient, rate) in adapted.iter().zip(rates.f_unbind(0)?) {
                let _ = gradient.shallow_clone().f_mul_(&rate)?;
            }
            foreach::mul_scalar_(&self.buffers, MOMENTUM)?;
            foreach::add_(&self.buffers, &grads, LEARNING_RATE)?;
            foreach::sub_(&self.parameters, &self.buffers, 1.0)?;
            Ok(())
        })
    }
}
