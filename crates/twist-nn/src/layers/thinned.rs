//! Stochastic depth (Huang et al., arXiv:1603.09382).

use tch::{Kind, Tensor};

use crate::{Mode, NnError};

/// In training, leaves a `branch` `[B, …]` out for a random part of the images, `drop` of them on average, and scales the
/// rest, so that its mean stays. The random numbers are libtorch's; who wants them repeatable seeds it before.
///
/// # Errors
/// libtorch's own.
pub(crate) fn thinned(branch: Tensor, drop: f64, mode: Mode) -> Result<Tensor, NnError> {
    if drop == 0.0 || mode == Mode::Eval {
        return Ok(branch);
    }
    let keep = 1.0 - drop;
    let mut shape = vec![1; branch.dim()];
    shape[0] = branch.size()[0];
    let lots = Tensor::f_rand(shape, (Kind::Float, branch.device()))?;
    let scale = lots.f_lt(keep)?.f_to_kind(branch.f_kind()?)?.f_div_scalar(keep)?;
    Ok(branch.f_mul(&scale)?)
}
