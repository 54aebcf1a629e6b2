//! One update from labelled images, in one function.

use tch::{Kind, Tensor};
use torch_ext::Autocast;
use twist_nn::Mode;
use twist_train::{Optimizer, Rates};

use super::Student;
use crate::{EvalError, Targets};
use twist_model::EvalInput;

/// What a step found, on the device still.
pub struct StepFigures {
    /// Mean loss of the batch in nats, 0-d: cross entropy where an image is of one class.
    pub(super) loss: Tensor,
    /// Images whose most probable class was right, 0-d int64.
    pub(super) correct: Tensor,
    /// Images.
    pub(super) images: i64,
}

/// One update from the crops `pixels` `[B, S, S, 3]` (u8) and what they show, both on the device of `input`. `rates` are those
/// of the classifier and of the backbone, which has none when it is frozen.
///
/// Nothing is read from the device.
///
/// # Errors
/// libtorch's, out of memory among them.
pub fn supervised_step(
    student: &mut Student,
    input: &EvalInput,
    rates: [f64; 2],
    weight_decay: f64,
    pixels: &Tensor,
    targets: &Targets,
) -> Result<StepFigures, EvalError> {
    // Normalise on the device: float [B, 3, S, S].
    let images = input.normalize.apply(pixels)?;

    // Backbone and classifier: logits [B, C].
    let logits = {
        let _autocast = input.autocast.map(|kind| Autocast::scope(input.device, kind)).transpose()?;
        student.logits(&images, Mode::Train)?
    };

    // Loss in fp32, and backward to whatever learns.
    let logits = logits.f_to_kind(Kind::Float)?;
    let loss = targets.mean_loss(&logits)?;
    loss.f_backward()?;

    // Update: the classifier, then the backbone unless it is frozen.
    for (group, rate) in student.groups.iter_mut().zip(rates) {
        let gradients = group.parameters.gradients()?;
        group.optimizer.update(&gradients, Rates { weights: rate, vectors: rate, weight_decay })?;
        drop(gradients);
        group.parameters.clear_gradients()?;
    }

    // Figures: tensors still.
    let correct = targets.hits(&logits.f_detach()?)?;
    Ok(StepFigures { loss: loss.f_detach()?, correct, images: logits.size()[0] })
}
