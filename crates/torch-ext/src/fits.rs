//! What C++ takes for granted, checked before it is entered: libtorch's fused updates walk over the memory of each tensor of a
//! group by the number of elements of the first, without a look at shape, element type or strides.

use tch::{Kind, Tensor};

use crate::TorchError;

/// The tensors of `list`, each with its position and the one of `first` in the same place.
///
/// # Errors
/// [`TorchError::ListLength`]; [`TorchError::Misfit`] for one that is undefined.
fn paired<'a>(
    op: &'static str,
    what: &'static str,
    first: &'a [Tensor],
    list: &'a [Tensor],
) -> Result<impl Iterator<Item = (usize, (&'a Tensor, &'a Tensor))>, TorchError> {
    if list.len() != first.len() {
        return Err(TorchError::ListLength { op, expected: first.len(), got: list.len() });
    }
    defined(op, what, list)?;
    Ok(list.iter().zip(first).enumerate())
}

/// That no tensor of `list` is undefined.
///
/// # Errors
/// [`TorchError::Misfit`] names the first that is.
pub(crate) fn defined(op: &'static str, what: &'static str, list: &[Tensor]) -> Result<(), TorchError> {
    match list.iter().position(|tensor| !tensor.defined()) {
        Some(index) => Err(TorchError::Misfit { op, what, index, reason: "it is undefined".into() }),
        None => Ok(()),
    }
}

/// That every tensor of `list` may be walked over in step with that of `first` in the same place: as many, of one shape,
/// element type and device, with the same order in memory and no gaps.
///
/// # Errors
/// [`TorchError::ListLength`]; [`TorchError::Misfit`] names the first tensor that does not fit.
pub(crate) fn alike(
    op: &'static str,
    what: &'static str,
    first: &[Tensor],
    list: &[Tensor],
) -> Result<(), TorchError> {
    for (index, (tensor, model)) in paired(op, what, first, list)? {
        let misfit = |reason: String| Err(TorchError::Misfit { op, what, index, reason });
        let (size, expected) = (tensor.size(), model.size());
        if size != expected {
            return misfit(format!("its shape is {size:?}, the parameter's is {expected:?}"));
        }
        let (kind, expected) = (tensor.f_kind()?, model.f_kind()?);
        if kind != expected {
            return misfit(format!("its element type is {kind:?}, the parameter's is {expected:?}"));
        }
        let (device, expected) = (tensor.device(), model.device());
        if device != expected {
            return misfit(format!("it is on {device:?}, the parameter is on {expected:?}"));
        }
        if tensor.is_sparse() || tensor.is_mkldnn() {
            return misfit("it is not a plain tensor".into());
        }
        let order = steps(&size, &tensor.stride());
        if order != steps(&size, &model.stride()) {
            return misfit("its elements lie in another order than the parameter's".into());
        }
        if !without_gaps(order) {
            return misfit("its elements do not lie side by side".into());
        }
    }
    Ok(())
}

/// That every tensor of `list` holds one float, on the device of the one of `first` in the same place.
///
/// # Errors
/// As [`alike`].
pub(crate) fn counters(
    op: &'static str,
    what: &'static str,
    first: &[Tensor],
    list: &[Tensor],
) -> Result<(), TorchError> {
    for (index, (tensor, model)) in paired(op, what, first, list)? {
        let plain = !tensor.is_sparse() && !tensor.is_mkldnn();
        let one = plain && tensor.size().is_empty() && tensor.f_kind()? == Kind::Float;
        if !one || tensor.device() != model.device() {
            let reason = "it is not a 0-d Float on the parameter's device".into();
            return Err(TorchError::Misfit { op, what, index, reason });
        }
    }
    Ok(())
}

/// Length and stride of each axis along which there is a second element.
fn steps(size: &[i64], stride: &[i64]) -> Vec<(i64, i64)> {
    size.iter().copied().zip(stride.iter().copied()).filter(|(length, _)| *length != 1).collect()
}

/// Whether the elements fill their memory, each place once.
fn without_gaps(mut steps: Vec<(i64, i64)>) -> bool {
    steps.sort_by_key(|(_, stride)| *stride);
    let mut next = 1i64;
    steps.iter().any(|(length, _)| *length == 0)
        || steps.into_iter().all(|(length, stride)| {
            let fits = stride == next;
            next = next.saturating_mul(length);
            fits
        })
}
