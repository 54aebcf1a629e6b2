//! How much memory a run took, and what to do when there is too little.

use tch::Device;

use crate::machine::device_name;
use crate::{TrainError, TrainPlan};

/// The largest amount of memory so far in GiB: of tensors on a CUDA device, or of this process on the CPU.
pub fn peak_memory_gib(device: Device) -> Option<f64> {
    let bytes = match device {
        Device::Cuda(index) => torch_ext::memory::cuda_peak_bytes(index).ok()?,
        _ => torch_ext::memory::peak_resident_bytes()?,
    };
    Some(bytes as f64 / (1u64 << 30) as f64)
}

/// Turns libtorch's "out of memory" into advice; other errors stay as they are.
pub(crate) fn explain(error: TrainError, plan: &TrainPlan) -> TrainError {
    let text = error.to_string();
    if !text.contains("out of memory") && !text.contains("can't allocate memory") {
        return error;
    }
    let device = device_name(plan.machine().device);
    TrainError::OutOfMemory { device, micro_batch: plan.micro_batch(), advice: advice(plan) }
}

/// Settings with half of the images at a time: accumulation first, because it changes the result least.
fn advice(plan: &TrainPlan) -> String {
    let batch = plan.batch_size();
    let pieces = (plan.accumulation() + 1..=batch / 2)
        .filter(|pieces| batch.is_multiple_of(*pieces))
        .find(|pieces| batch / pieces * 2 <= plan.micro_batch());
    let accumulate = pieces.map(|pieces| {
        format!(
            "try --set train.accumulation={pieces} ({} images at a time, the loss stays that of {batch}; batch norms \
             of the backbone then see the smaller number)",
            batch / pieces
        )
    });
    let smaller = format!("--batch-size {} with an --set model.bunch that divides it", (batch / 2).max(2));
    match accumulate {
        Some(accumulate) => format!("{accumulate}, or {smaller}"),
        None => format!("try smaller views or a smaller --set model.width; or {smaller}"),
    }
}
