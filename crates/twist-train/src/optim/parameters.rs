//! The two groups of parameters that the field treats differently, and their gradients.

use tch::{Kind, Tensor};
use torch_ext::{foreach, grad};
use twist_io::{Dtype, HostTensor, Refused, StateDict};
use twist_nn::{Role, Store};

use crate::TrainError;

/// Parameters in two groups: weights, which decay and adapt, and vectors (biases, norms, and a transformer's class token
/// and positions), which do neither.
#[derive(Debug)]
pub struct Parameters {
    weight_names: Vec<String>,
    vector_names: Vec<String>,
    /// Parameters with more than one dimension, tokens and positions excepted.
    pub weights: Vec<Tensor>,
    /// Parameters with one dimension or none, tokens and positions.
    pub vectors: Vec<Tensor>,
}

/// Whether a parameter stands for a token or a place rather than for a map.
fn is_token(name: &str) -> bool {
    ["pos_embed", "cls_token"].iter().any(|token| name.ends_with(token))
}

/// The gradients of [`Parameters`], group by group in the same order.
#[derive(Debug)]
pub struct Gradients {
    /// Gradients of the weights.
    pub weights: Vec<Tensor>,
    /// Gradients of the vectors.
    pub vectors: Vec<Tensor>,
}

/// What an optimizer keeps of every parameter, and how it is called.
type Kept<'a> = (&'static str, &'a Gradients);

impl Parameters {
    /// The trainable entries of a network.
    pub fn of(store: &Store) -> Self {
        let entries = store.entries().iter().filter(|entry| matches!(entry.role, Role::Parameter));
        Self::group(entries.map(|entry| (entry.name.clone(), entry.tensor.shallow_clone())))
    }

    /// Groups named parameters; the tensors stay shared with whoever gave them.
    pub fn group(named: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        let (weights, vectors): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|(name, tensor)| tensor.dim() > 1 && !is_token(name));
        let (weight_names, weights) = weights.into_iter().unzip();
        let (vector_names, vectors) = vectors.into_iter().unzip();
        Self { weight_names, vector_names, weights, vectors }
    }

    /// The gradients that backward has left, sharing their memory.
    ///
    /// # Errors
    /// A parameter took no part in the loss.
    pub fn gradients(&self) -> Result<Gradients, TrainError> {
        Ok(Gradients { weights: grad::of(&self.weights)?, vectors: grad::of(&self.vectors)? })
    }

    /// Takes the gradients away, so that the next backward stores instead of adding.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn clear_gradients(&self) -> Result<(), TrainError> {
        grad::clear(&self.weights)?;
        Ok(grad::clear(&self.vectors)?)
    }

    /// Zeros of every parameter's shape and memory layout: fresh optimizer state.
    pub(super) fn zeros(&self) -> Result<Gradients, TrainError> {
        let zeros = |group: &[Tensor]| {
            group.iter().map(|tensor| tensor.f_detach()?.f_zeros_like()).collect::<Result<Vec<_>, _>>()
        };
        Ok(Gradients { weights: zeros(&self.weights)?, vectors: zeros(&self.vectors)? })
    }

    /// Adds states of the parameters' shapes to a state dict as `{prefix}.{parameter}`.
    pub(super) fn save(&self, state: &mut StateDict, kept: &[Kept<'_>]) -> Result<(), TrainError> {
        for (name, value) in self.named(kept) {
            let shape = value.size().iter().map(|&side| side as usize).collect();
            let bytes = torch_ext::host::to_bytes(value)?;
            state.push(name, HostTensor::new(Dtype::F32, shape, bytes).map_err(misfit)?);
        }
        Ok(())
    }

    /// Checks that `state` holds `{prefix}.{parameter}` for every parameter in its shape.
    pub(super) fn check(&self, state: &StateDict, kept: &[Kept<'_>]) -> Result<(), TrainError> {
        for (name, value) in self.named(kept) {
            let found = state.get(&name).ok_or_else(|| misfit(format!("`{name}` is missing")))?;
            let expected: Vec<usize> = value.size().iter().map(|&side| side as usize).collect();
            if found.shape != expected || found.dtype != Dtype::F32 {
                let (dtype, shape) = (found.dtype, &found.shape);
                return Err(misfit(format!("`{name}` is {dtype:?} {shape:?}, expected F32 {expected:?}")));
            }
        }
        Ok(())
    }

    /// Copies what [`Parameters::check`] has found to fit.
    pub(super) fn restore(&self, state: &StateDict, kept: &[Kept<'_>]) -> Result<(), TrainError> {
        for (name, value) in self.named(kept) {
            if let Some(saved) = state.get(&name) {
                let saved = torch_ext::host::from_bytes(Kind::Float, &value.size(), &saved.data)?;
                value.shallow_clone().f_copy_(&saved)?;
            }
        }
        Ok(())
    }

    fn named<'a>(&'a self, kept: &'a [Kept<'a>]) -> impl Iterator<Item = (String, &'a Tensor)> {
        kept.iter().flat_map(|(prefix, values)| {
            let names = self.weight_names.iter().chain(&self.vector_names);
            let tensors = values.weights.iter().chain(&values.vectors);
            names.zip(tensors).map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        })
    }
}

impl Gradients {
    /// Scales all gradients so that their common L2 norm is at most `max_norm` (0: no limit), as PyTorch's
    /// `clip_grad_norm_`, without reading the norm.
    ///
    /// Returns the norm before clipping, a 0-d tensor on the device.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn clip(&self, max_norm: f64) -> Result<Tensor, TrainError> {
        let groups = [&self.weights, &self.vectors].into_iter().filter(|group| !group.is_empty());
        let mut norms = Vec::new();
        for group in groups.clone() {
            norms.extend(foreach::norm(group)?);
        }
        let norm = Tensor::f_stack(&norms, 0)?.f_norm()?;
        if max_norm > 0.0 {
            let scale = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(max_norm)?.f_clamp_max(1.0)?;
            for group in groups {
                foreach::mul_tensor_(group, &scale)?;
            }
        }
        Ok(norm)
    }
}

/// A state that is not this optimizer's.
pub(super) fn misfit(reason: impl ToString) -> TrainError {
    Refused::new("the optimizer's state does not fit").because(reason.to_string()).into()
}
