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
    TrainError::OutOfMemory { device, micro_batch: at_a_time(plan), advice: advice(plan) }
}

/// Images whose activations are in memory together.
fn at_a_time(plan: &TrainPlan) -> usize {
    if plan.accumulation() == 1 { plan.batch_size() } else { plan.norm_batch() }
}

/// Settings that need less, those first that change the result least: activations computed a second time, fewer images at
/// a time, a smaller batch.
fn advice(plan: &TrainPlan) -> String {
    let batch = plan.batch_size();
    let again = (!plan.checkpoint_activations()).then(|| {
        "--set train.checkpoint_activations=true (the same result for one more forward pass)".to_string()
    });
    let pieces = pieces_for_half(batch, at_a_time(plan));
    let accumulate = pieces.map(|pieces| {
        let images = batch / pieces;
        let norms = match plan.config().train.norm_batch {
            Some(stated) if stated > images => format!(" --set train.norm_batch={images}"),
            _ => String::new(),
        };
        format!(
            "--set train.accumulation={pieces}{norms} ({images} images at a time, the loss stays that of {batch}; batch \
             norms of the backbone then see no more than those)"
        )
    });
    let smaller = format!("--batch-size {} with an --set model.bunch that divides it", (batch / 2).max(2));
    let network = accumulate.is_none().then(|| "smaller views, a smaller --set model.width".to_string());
    let ways: Vec<String> = again.into_iter().chain(accumulate).chain(network).chain([smaller]).collect();
    format!("try {}", ways.join(", or "))
}

/// The fewest pieces that divide the batch and hold at most half of the images that did not fit, but at least 2 (batch
/// norms need more than one).
fn pieces_for_half(batch: usize, at_a_time: usize) -> Option<usize> {
    (1..=batch / 2)
        .filter(|pieces| batch.is_multiple_of(*pieces))
        .find(|pieces| batch / pieces * 2 <= at_a_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Recipe;
    use crate::{DataFacts, Machine};

    #[test]
    fn half_of_the_images_at_a_time() {
        let cases =
            [(2048, 256, Some(16)), (96, 96, Some(2)), (90, 90, Some(2)), (45, 45, Some(3)), (4, 2, None)];
        for (batch, micro_batch, pieces) in cases {
            assert_eq!(pieces_for_half(batch, micro_batch), pieces, "{batch} in {micro_batch}");
        }
    }

    #[test]
    fn only_a_lack_of_memory_is_explained() {
        let text = "model = { arch = \"resnet18_cifar\" }\noptim = { name = \"sgd\", lr = 0.1 }\n\
                    schedule = { epochs = 8 }\ntrain = { batch_size = 64, accumulation = 2 }\n\
                    [[views]]\nname = \"a\"\nsize = 8\nscale = [0.2, 1.0]\nblur = 0.0\nsolarize = 0.0\n\
                    [[views]]\nname = \"b\"\nsize = 8\nscale = [0.2, 1.0]\nblur = 0.0\nsolarize = 0.0\n";
        let recipe = Recipe::read("x", text, &[]).unwrap();
        let machine = Machine { device: Device::Cuda(1), threads: 1, loader_threads: 1, fast_bf16: true };
        let facts = DataFacts { images: 64, ..DataFacts::default() };
        let plan = TrainPlan::new(recipe.config(), &facts, &machine).unwrap();
        let torch = |text: &str| TrainError::Torch(tch::TchError::Torch(text.into()));
        let message = explain(torch("CUDA out of memory. Tried to allocate 2.00 GiB"), &plan).to_string();
        let first = "; try --set train.checkpoint_activations=true";
        for part in ["cuda:1 with 32 images", first, "accumulation=4"] {
            assert!(message.contains(part), "{part} in {message}");
        }
        let other = explain(torch("shapes do not match"), &plan);
        assert!(matches!(other, TrainError::Torch(_)), "{other}");
    }
}
