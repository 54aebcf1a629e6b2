//! Stochastic gradient descent with momentum, PyTorch's `torch.optim.SGD`.

use torch_ext::fused;

use super::optimizer::Optimizer;
use super::{Gradients, Parameters, Rates};
use crate::TrainError;

/// `buffer = momentum * buffer + g + wd * w; w = w - lr * buffer`, with `wd` 0 for vectors; Nesterov's steps are along
/// `g + wd * w + momentum * buffer`.
#[derive(Debug)]
pub struct Sgd {
    parameters: Parameters,
    buffers: Gradients,
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// A first step's state.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn new(parameters: Parameters, momentum: f64) -> Result<Self, TrainError> {
        let buffers = parameters.zeros()?;
        Ok(Self { parameters, buffers, momentum, nesterov: false })
    }

    /// Nesterov's momentum, where `nesterov` says so.
    pub fn with_nesterov(self, nesterov: bool) -> Self {
        Self { nesterov, ..self }
    }
}

impl Optimizer for Sgd {
    fn update(&mut self, gradients: &Gradients, rates: Rates) -> Result<(), TrainError> {
        let _no_grad = tch::no_grad_guard();
        let Parameters { weights, vectors, .. } = &self.parameters;
        let (momentum, nesterov) = (self.momentum, self.nesterov);
        let decaying = fused::Sgd { lr: rates.weights, momentum, weight_decay: rates.weight_decay, nesterov };
        let plain = fused::Sgd { lr: rates.vectors, momentum, weight_decay: 0.0, nesterov };
        fused::sgd_(weights, &gradients.weights, &self.buffers.weights, decaying)?;
        Ok(fused::sgd_(vectors, &gradients.vectors, &self.buffers.vectors, plain)?)
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn kept(&self) -> Vec<(&'static str, &Gradients)> {
        vec![("momentum", &self.buffers)]
    }
}
