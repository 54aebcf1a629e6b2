//! Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101), PyTorch's `torch.optim.AdamW`.

use tch::{Kind, Tensor, no_grad};
use torch_ext::{foreach, fused};
use twist_io::{HostTensor, StateDict};

use super::optimizer::Optimizer;
use super::parameters::misfit;
use super::{Gradients, Parameters, Rates};
use crate::TrainError;

/// Means of gradients and of squared gradients with bias correction; weights also shrink by `lr * wd`.
#[derive(Debug)]
pub struct AdamW {
    parameters: Parameters,
    means: Gradients,
    squares: Gradients,
    /// The number of updates, once for every parameter, 0-d floats on the device: what the fused update takes.
    counts: Gradients,
    updates: i64,
    betas: [f64; 2],
    eps: f64,
}

impl AdamW {
    /// A first step's state.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn new(parameters: Parameters, betas: [f64; 2], eps: f64) -> Result<Self, TrainError> {
        let (means, squares) = (parameters.zeros()?, parameters.zeros()?);
        let counters = |group: &[Tensor]| {
            let zeros = group.iter().map(|tensor| Tensor::f_zeros([], (Kind::Float, tensor.device())));
            zeros.collect::<Result<Vec<_>, _>>()
        };
        let counts = Gradients { weights: counters(&means.weights)?, vectors: counters(&means.vectors)? };
        Ok(Self { parameters, means, squares, counts, updates: 0, betas, eps })
    }
}

impl Optimizer for AdamW {
    fn update(&mut self, gradients: &Gradients, rates: Rates) -> Result<(), TrainError> {
        let _no_grad = tch::no_grad_guard();
        self.updates += 1;
        let Parameters { weights, vectors, .. } = &self.parameters;
        let update = |parameters: &[Tensor], of: fn(&Gradients) -> &[Tensor], lr: f64, weight_decay: f64| {
            if parameters.is_empty() {
                return Ok(());
            }
            let counts = of(&self.counts);
            foreach::add_scalar_(counts, 1.0)?;
            let how = fused::AdamW { lr, betas: self.betas, eps: self.eps, weight_decay };
            fused::adamw_(parameters, of(gradients), of(&self.means), of(&self.squares), counts, how)
        };
        update(weights, |all| &all.weights, rates.weights, rates.weight_decay)?;
        Ok(update(vectors, |all| &all.vectors, rates.vectors, 0.0)?)
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn kept(&self) -> Vec<(&'static str, &Gradients)> {
        vec![("mean", &self.means), ("square", &self.squares)]
    }

    fn state_dict(&self) -> Result<StateDict, TrainError> {
        let mut state = StateDict::default();
        state.push("updates", HostTensor::from_slice(vec![], &[self.updates]).map_err(misfit)?);
        self.parameters.save(&mut state, &self.kept())?;
        Ok(state)
    }

    fn load(&mut self, state: &StateDict) -> Result<(), TrainError> {
        let updates = state.get("updates").ok_or_else(|| misfit("`updates` is missing"))?;
        let updates = updates.to_vec::<i64>().map_err(misfit)?.first().copied().unwrap_or(0);
        self.parameters.check(state, &self.kept())?;
        self.updates = updates;
        no_grad(|| {
            self.parameters.restore(state, &self.kept())?;
            for count in self.counts.weights.iter().chain(&self.counts.vectors) {
                let _ = count.shallow_clone().f_fill_(updates as f64)?;
            }
            Ok(())
        })
    }
}
