//! The momentum teacher: a copy of the network that follows it slowly.
//!
//! As released: its *parameters* are a running mean of the student's, taken after every update; its batch norms have
//! statistics of their own, from what it sees itself, which is the two global views; and it is never put into evaluation
//! mode, so those norms and stochastic depth work in it as they do in training.

use tch::{Tensor, no_grad};
use torch_ext::{Autocast, foreach};
use twist_nn::{Mode, TwistNet};

use crate::features::Features;
use crate::{TrainError, TrainPlan};

/// The slower copy.
#[derive(Debug)]
pub struct Teacher {
    /// The network; no optimizer knows it.
    pub net: TwistNet,
    parameters: Vec<Tensor>,
}

impl Teacher {
    /// A teacher that is equal to `student`.
    ///
    /// # Errors
    /// libtorch's, when there is no memory.
    pub fn of(student: &TwistNet, plan: &TrainPlan) -> Result<Self, TrainError> {
        let mut net = TwistNet::new(&student.config, plan.machine().device, plan.seed())?;
        if plan.channels_last() {
            net.to_channels_last()?;
        }
        net.store.load(&student.store.state_dict()?)?;
        let detach = |tensor: Tensor| tensor.f_set_requires_grad(false);
        let parameters = net.store.parameters().into_iter().map(detach).collect::<Result<_, _>>()?;
        Ok(Self { net, parameters })
    }

    /// Logits `[2B, K]` of the global views, which are the first two of the first resolution.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn logits(
        &self,
        plan: &TrainPlan,
        images: &[Tensor],
        step: u64,
    ) -> Result<Tensor, TrainError> {
        no_grad(|| {
            let globals =
                images.first().ok_or(TrainError::NoViews)?.f_narrow(0, 0, 2 * plan.batch_size() as i64)?;
            let features = Features::without_gradient(&self.net, plan, &[globals], step)?;
            let _autocast = Autocast::scope(plan.machine().device, plan.precision().kind())?;
            Ok(self.net.head.forward(&features, 2, Mode::Train)?)
        })
    }

    /// `teacher = momentum * teacher + (1 - momentum) * student`, parameter by parameter.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn follow(&self, student: &TwistNet, momentum: f64) -> Result<(), TrainError> {
        no_grad(|| Ok(foreach::lerp_(&self.parameters, &student.store.parameters(), 1.0 - momentum)?))
    }
}
