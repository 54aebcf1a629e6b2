//! The backbone's part of a step, whole or in pieces.
//!
//! Accumulation cuts the *backbone's* work, never the loss. A first pass takes the features of all pieces without
//! gradient; head and loss see the whole batch, so the diversity term and the head's norms are exactly those of the
//! global batch; backward stops at the features; a second pass takes each piece forward again, with gradient, and
//! sends its share of the features' gradient down. That costs one more forward and saves the activations of all pieces
//! but one.
//!
//! One thing differs from an uncut step: the batch norms *inside the backbone* see the images of a piece, of both
//! views, instead of the whole batch. Both passes see the same pieces and so the same statistics. Running statistics
//! take each piece in once, in the second pass.

use tch::{Tensor, no_grad};
use torch_ext::{Autocast, grad};
use twist_nn::{Mode, TwistNet};

use crate::step::VIEWS;
use crate::{TrainError, TrainPlan};

/// Features `[V*B, D]` of `images` `[V*B, 3, S, S]`: with their graph when the batch is whole, else a leaf that
/// collects its gradient for [`backbone_backward`].
///
/// # Errors
/// libtorch's own.
pub(crate) fn backbone_features(
    net: &TwistNet,
    plan: &TrainPlan,
    images: &Tensor,
) -> Result<Tensor, TrainError> {
    let (device, kind) = (plan.machine().device, plan.precision().kind());
    // The scope ends with this function, before the second pass: it keeps weights that were cast without a graph.
    let _autocast = Autocast::scope(device, kind)?;
    if plan.accumulation() == 1 {
        return Ok(net.backbone.forward(images, Mode::Train)?);
    }
    no_grad(|| {
        let pieces = Pieces::of(plan, images);
        let features: Result<Vec<Tensor>, TrainError> = (0..pieces.count)
            .map(|piece| {
                let features = net.backbone.forward(&pieces.take(images, piece)?, Mode::TrainUntracked)?;
                Ok(features.f_reshape([VIEWS, pieces.images, -1])?)
            })
            .collect();
        let whole = Tensor::f_cat(&features?, 1)?.f_flatten(0, 1)?;
        Ok(whole.f_detach()?.f_set_requires_grad(true)?)
    })
}

/// Second pass of accumulation: from the gradient of `features` to those of the backbone. Nothing is left to do for a
/// whole batch.
///
/// # Errors
/// libtorch's own.
pub(crate) fn backbone_backward(
    net: &TwistNet,
    plan: &TrainPlan,
    images: &Tensor,
    features: &Tensor,
) -> Result<(), TrainError> {
    if plan.accumulation() == 1 {
        return Ok(());
    }
    let pieces = Pieces::of(plan, images);
    let gradient = features.f_grad()?;
    for piece in 0..pieces.count {
        let features = {
            let _autocast = Autocast::scope(plan.machine().device, plan.precision().kind())?;
            net.backbone.forward(&pieces.take(images, piece)?, Mode::Train)?
        };
        grad::backward(&features, &pieces.take(&gradient, piece)?)?;
    }
    Ok(())
}

/// How a batch is cut: every piece holds the same images of every view.
struct Pieces {
    count: i64,
    images: i64,
}

impl Pieces {
    fn of(plan: &TrainPlan, images: &Tensor) -> Self {
        let count = plan.accumulation() as i64;
        Self { count, images: images.size()[0] / VIEWS / count }
    }

    /// The rows of one piece out of `[V*B, …]`, as `[V*b, …]`.
    fn take(&self, whole: &Tensor, piece: i64) -> Result<Tensor, TrainError> {
        let batch = self.count * self.images;
        let of_view = |view| whole.f_narrow(0, view * batch + piece * self.images, self.images);
        let views = (0..VIEWS).map(of_view).collect::<Result<Vec<_>, _>>()?;
        Ok(Tensor::f_cat(&views, 0)?)
    }
}
