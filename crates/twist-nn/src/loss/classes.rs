//! How many classes a batch uses.

use tch::{Kind, Tensor};

use crate::NnError;

/// Number of distinct classes that are the largest logit of some row of `[B, K]`, as a 0-d int64 tensor: nothing is
/// read from the device.
///
/// # Errors
/// The logits are not 2-D.
pub fn classes_in_use(logits: &Tensor) -> Result<Tensor, NnError> {
    let (_, classes) = logits.size2()?;
    let winners = logits.f_detach()?.f_argmax(1, false)?;
    let mut seen = Tensor::f_zeros([classes], (Kind::Int64, logits.device()))?;
    seen = seen.f_index_fill_(0, &winners, 1)?;
    Ok(seen.f_sum(Kind::Int64)?)
}
