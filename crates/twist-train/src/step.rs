//! The training step: everything that happens to one batch, in one function.

use tch::Tensor;
use twist_nn::{DeviceNormalize, Mode, TwistNet};

use crate::features::BatchFeatures;
use crate::metrics::StepMetrics;
use crate::objective::Objective;
use crate::optim::{self, Optimizer, Parameters};
use crate::teacher::Teacher;
use crate::{TrainError, TrainPlan};

/// What a step changes.
pub struct TrainState {
    /// The network.
    pub net: TwistNet,
    /// Its parameters in the optimizer's groups.
    pub parameters: Parameters,
    /// The optimizer with its state.
    pub optimizer: Box<dyn Optimizer>,
    /// The momentum teacher, when the recipe has one.
    pub teacher: Option<Teacher>,
}

impl TrainState {
    /// A fresh network with its optimizer, by the plan's seed.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn new(plan: &TrainPlan) -> Result<Self, TrainError> {
        plan.run.machine.prepare()?;
        let mut net = TwistNet::new(&plan.net, plan.run.machine.device, plan.run.seed)?;
        if plan.channels_last {
            net.to_channels_last()?;
        }
        let parameters = Parameters::of(&net.store);
        let optimizer = optim::build(&plan.optim, Parameters::of(&net.store))?;
        let teacher = plan.teacher.map(|_| Teacher::of(&net, plan)).transpose()?;
        Ok(Self { net, parameters, optimizer, teacher })
    }

    /// Makes the teacher, when there is one, equal to the network as it is now.
    pub(crate) fn teach_again(&mut self, plan: &TrainPlan) -> Result<(), TrainError> {
        if let Some(teacher) = &mut self.teacher {
            *teacher = Teacher::of(&self.net, plan)?;
        }
        Ok(())
    }
}

/// One update from one batch of views `pixels`, `[V_r, B, S_r, S_r, 3]` for each resolution, u8 on the network's device.
///
/// Nothing is read from the device: the figures stay tensors until someone asks for them. The loss and everything in
/// the head is of the whole batch of B images, however the backbone's part is cut.
///
/// # Errors
/// libtorch's, out of memory among them, and shapes that do not fit the network.
pub fn train_step(
    state: &mut TrainState,
    plan: &TrainPlan,
    normalize: &DeviceNormalize,
    step: u64,
    pixels: &[Tensor],
) -> Result<StepMetrics, TrainError> {
    // Schedules: pure functions of the step.
    let (rates, objective) = (plan.rates.at(step, &plan.optim), Objective::at(plan, step));
    let views = plan.views_at(step).len() as i64;

    // Normalise on the device: u8 [V_r, B, S_r, S_r, 3] to float [V_r*B, 3, S_r, S_r].
    let images = pixels.iter().map(|pixels| normalize.apply(pixels)).collect::<Result<Vec<_>, _>>()?;

    // Features [V*B, D]: one pass of the backbone per resolution, or in pieces without gradient.
    let features = BatchFeatures::of(&state.net, plan, &images, step)?;

    // Head once over all views: logits [V*B, K].
    let logits = {
        let _autocast = torch_ext::Autocast::scope(plan.run.machine.device, plan.precision.kind())?;
        state.net.head.forward(&features.all, views, Mode::Train)?
    };

    // The teacher's logits [2B, K] of the global views.
    let taught = state.teacher.as_ref().map(|teacher| teacher.logits(plan, &images, step)).transpose()?;

    // Loss of the whole batch in fp32, with its gradient [V*B, K] in closed form.
    let (value, gradient) = objective.with_gradient(&logits, taught.as_ref(), views)?;

    // Backward, down to the weights of the backbone.
    torch_ext::grad::backward(&logits, &gradient)?;
    features.backward(&state.net, plan)?;

    // Clip by the norm of all gradients together.
    let gradients = state.parameters.gradients()?;
    let grad_norm = gradients.clip(plan.optim.clip_norm)?;

    // Update.
    state.optimizer.update(&gradients, rates)?;
    drop(gradients);
    state.parameters.clear_gradients()?;
    if let (Some(teacher), Some(momentum)) = (&state.teacher, plan.teacher) {
        teacher.follow(&state.net, momentum.at(step))?;
    }

    // Figures: tensors still.
    StepMetrics::new(step, rates, &value, &grad_norm, &logits)
}
