//! LARS as released with TWIST (`LARS_OPENSELF`; You, Gitman and Ginsburg, arXiv:1708.03888).

use tch::{Kind, Tensor};
use torch_ext::foreach;

use super::optimizer::Optimizer;
use super::{Gradients, Parameters, Rates};
use crate::TrainError;

/// Layer-wise adaptive rates:
///
/// ```text
/// trust  = eta |w| / (|g| + wd |w|)        weights;   1 for vectors, whose wd is 0
/// buffer = momentum * buffer + lr * trust * (g + wd * w)
/// w      = w - buffer
/// ```
///
/// The learning rate is inside the buffer, as released: a change of the rate does not rescale past updates.
///
/// One thing is added to the released rule. There, a weight whose norm is 0 has a trust of 0 and stays 0 for ever, and
/// one whose norm, gradient and decay are all 0 divides 0 by 0. Here both have a trust of 1, that is a plain momentum
/// step; whenever `|w| > 0` and the denominator is positive nothing differs.
#[derive(Debug)]
pub struct Lars {
    parameters: Parameters,
    buffers: Gradients,
    momentum: f64,
    eta: f64,
}

impl Lars {
    /// A first step's state: zero buffers, which make the first buffer the first update.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn new(parameters: Parameters, momentum: f64, eta: f64) -> Result<Self, TrainError> {
        let buffers = parameters.zeros()?;
        Ok(Self { parameters, buffers, momentum, eta })
    }

    /// `lr * trust` of each weight, 0-d tensors on the device.
    fn local_rates(&self, gradients: &[Tensor], rates: Rates) -> Result<Vec<Tensor>, TrainError> {
        let weight_norms =
            Tensor::f_stack(&foreach::norm(&self.parameters.weights)?, 0)?.f_to_kind(Kind::Float)?;
        let gradient_norms = Tensor::f_stack(&foreach::norm(gradients)?, 0)?.f_to_kind(Kind::Float)?;
        let denominators = gradient_norms.f_add(&weight_norms.f_mul_scalar(rates.weight_decay)?)?;
        let defined = weight_norms.f_gt(0.0)?.f_logical_and(&denominators.f_gt(0.0)?)?;
        let trust = weight_norms.f_mul_scalar(self.eta)?.f_div(&denominators)?;
        let trust = trust.f_where_self(&defined, &Tensor::f_ones_like(&trust)?)?;
        Ok(trust.f_mul_scalar(rates.weights)?.f_unbind(0)?)
    }
}

impl Optimizer for Lars {
    fn update(&mut self, gradients: &Gradients, rates: Rates) -> Result<(), TrainError> {
        let _no_grad = tch::no_grad_guard();
        let Parameters { weights, vectors, .. } = &self.parameters;
        if !weights.is_empty() {
            foreach::mul_scalar_(&self.buffers.weights, self.momentum)?;
            let local = self.local_rates(&gradients.weights, rates)?;
            if rates.weight_decay != 0.0 {
                foreach::add_(&gradients.weights, weights, rates.weight_decay)?;
            }
            foreach::addcmul_(&self.buffers.weights, &gradients.weights, &local, 1.0)?;
            foreach::sub_(weights, &self.buffers.weights, 1.0)?;
        }
        if !vectors.is_empty() {
            foreach::mul_scalar_(&self.buffers.vectors, self.momentum)?;
            foreach::add_(&self.buffers.vectors, &gradients.vectors, rates.vectors)?;
            foreach::sub_(vectors, &self.buffers.vectors, 1.0)?;
        }
        Ok(())
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn kept(&self) -> Vec<(&'static str, &Gradients)> {
        vec![("momentum", &self.buffers)]
    }
}
