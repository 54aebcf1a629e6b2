//! The training step: everything that happens to one batch, in one function.

use tch::Tensor;
use twist_nn::{Mode, TwistLoss, TwistNet};

use crate::accumulate::{backbone_backward, backbone_features};
use crate::metrics::StepMetrics;
use crate::normalize::DeviceNormalize;
use crate::optim::{self, Optimizer, Parameters, Rates};
use crate::{TrainError, TrainPlan};

/// Views of an image that one step sees.
pub const VIEWS: i64 = 2;

/// What a step changes.
pub struct TrainState {
    /// The network.
    pub net: TwistNet,
    /// Its parameters in the optimizer's groups.
    pub parameters: Parameters,
    /// The optimizer with its state.
    pub optimizer: Box<dyn Optimizer>,
}

impl TrainState {
    /// A fresh network with its optimizer, by the plan's seed.
    ///
    /// # Errors
    /// libtorch's, when there is no memory.
    pub fn new(plan: &TrainPlan) -> Result<Self, TrainError> {
        plan.machine().prepare()?;
        let mut net = TwistNet::new(plan.net(), plan.machine().device, plan.seed())?;
        if plan.channels_last() {
            net.to_channels_last()?;
        }
        let parameters = Parameters::of(&net.store);
        let optimizer = optim::build(plan.optim(), Parameters::of(&net.store))?;
        Ok(Self { net, parameters, optimizer })
    }
}

/// One update from one batch of views `pixels` `[V, B, S, S, 3]`, u8 on the network's device.
///
/// Nothing is read from the device: the figures stay tensors until someone asks for them. The loss and everything in
/// the head is of the whole batch of B images, whatever `accumulation` says.
///
/// # Errors
/// libtorch's, out of memory among them, and shapes that do not fit the network.
pub fn train_step(
    state: &mut TrainState,
    plan: &TrainPlan,
    loss: &TwistLoss,
    normalize: &DeviceNormalize,
    step: u64,
    pixels: &Tensor,
) -> Result<StepMetrics, TrainError> {
    // Schedules: pure functions of the step.
    let rates = Rates::at(plan, step);

    // Normalise on the device: u8 [V, B, S, S, 3] to float [V*B, 3, S, S].
    let images = normalize.apply(pixels)?;

    // Features [V*B, D]: one pass of the backbone, or in pieces without gradient.
    let features = backbone_features(&state.net, plan, &images)?;

    // Head once over all views: logits [V*B, K].
    let logits = {
        let _autocast = torch_ext::Autocast::scope(plan.machine().device, plan.precision().kind())?;
        state.net.head.forward(&features, VIEWS, Mode::Train)?
    };

    // Loss of the whole batch in fp32, with its gradient [V*B, K] in closed form.
    let (terms, gradient) = loss.two_view_with_gradient(&logits)?;

    // Backward, down to the weights of the backbone.
    torch_ext::grad::backward(&logits, &gradient)?;
    backbone_backward(&state.net, plan, &images, &features)?;

    // Clip by the norm of all gradients together.
    let gradients = state.parameters.gradients()?;
    let grad_norm = gradients.clip(plan.optim().clip_norm)?;

    // Update.
    state.optimizer.update(&gradients, rates)?;
    drop(gradients);
    state.parameters.clear_gradients()?;

    // Figures: tensors still.
    StepMetrics::new(step, rates, &terms, &grad_norm, &logits)
}
