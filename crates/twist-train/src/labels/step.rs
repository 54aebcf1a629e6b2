//! One update from labelled images, in one function.

use tch::{Kind, Tensor};
use torch_ext::Autocast;
use twist_nn::{DeviceNormalize, Mode};

use super::{Student, SupervisedPlan, Targets};
use crate::TrainError;
use crate::metrics::StepMetrics;
use crate::optim::{Optimizer, Rates};

/// One update from the crops `pixels` `[B, S, S, 3]` (u8) and what they show, both on the device. Nothing is read from the
/// device.
///
/// # Errors
/// libtorch's, out of memory among them.
pub fn supervised_step(
    student: &mut Student,
    plan: &SupervisedPlan,
    normalize: &DeviceNormalize,
    step: u64,
    pixels: &Tensor,
    targets: &Targets,
) -> Result<StepMetrics, TrainError> {
    // Schedules: rates of the classifier and of the backbone, pure functions of the step.
    let (rates, weight_decay) = (plan.rates_at(step), plan.config.weight_decay);
    let rates = rates.map(|rate| Rates { weights: rate, vectors: rate, weight_decay });

    // Normalise on the device: float [B, 3, S, S].
    let images = normalize.apply(pixels)?;

    // Backbone and classifier: logits [B, C].
    let logits = {
        let _autocast = Autocast::scope(plan.run.machine.device, plan.config.precision.kind())?;
        student.logits(&images, Mode::Train)?
    };

    // Loss in fp32, and backward to whatever learns.
    let logits = logits.f_to_kind(Kind::Float)?;
    let loss = targets.mean_loss(&logits)?;
    loss.f_backward()?;

    // Update: the classifier, then the backbone unless it is frozen.
    for (group, rates) in student.groups.iter_mut().zip(rates) {
        let gradients = group.parameters.gradients()?;
        group.optimizer.update(&gradients, rates)?;
        drop(gradients);
        group.parameters.clear_gradients()?;
    }

    // Figures: tensors still.
    StepMetrics::from_labels(step, rates[0], &loss, &targets.hits(&logits.f_detach()?)?, &logits)
}
