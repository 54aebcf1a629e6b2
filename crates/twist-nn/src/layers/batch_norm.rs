//! Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) with PyTorch's defaults.

use std::cell::RefCell;

use tch::{Kind, Tensor};
use torch_ext::{NormAct, norm_act};

use super::pooled::Pooled;
use crate::graph::Attribute;
use crate::{Builder, Graph, Init, Mode, NnError, Value};

/// Added to variances where a network does not say otherwise.
const EPS: f64 = 1e-5;

/// Share of the newest batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// Normalises each channel (axis 1) to mean 0 and variance 1 over the batch, then scales and shifts it.
#[derive(Debug)]
pub struct BatchNorm {
    /// Scale and shift, `[C]` each; `None` for the affine-free norm before the softmax.
    affine: Option<(Tensor, Tensor)>,
    /// `[C]`.
    running_mean: Tensor,
    /// `[C]`, of the unbiased variances.
    running_var: Tensor,
    /// 0-d int64: batches that were tracked, each counted once however many pieces it came in.
    batches: Tensor,
    eps: f64,
    /// Of the pieces of a batch that is on its way; empty between batches.
    pooled: RefCell<Option<Pooled>>,
}

impl BatchNorm {
    /// Scale 1, shift 0, running statistics of a standard normal.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(b: &mut Builder<'_>, channels: i64) -> Result<Self, NnError> {
        let weight = b.parameter("weight", &[channels], Init::Const(1.0))?;
        let bias = b.parameter("bias", &[channels], Init::Const(0.0))?;
        Self::with(b, channels, Some((weight, bias)))
    }

    /// Without scale and shift.
    ///
    /// # Errors
    /// The device has no room.
    pub fn affine_free(b: &mut Builder<'_>, channels: i64) -> Result<Self, NnError> {
        Self::with(b, channels, None)
    }

    fn with(b: &mut Builder<'_>, channels: i64, affine: Option<(Tensor, Tensor)>) -> Result<Self, NnError> {
        Ok(Self {
            affine,
            running_mean: b.buffer("running_mean", &[channels], 0.0, Kind::Float)?,
            running_var: b.buffer("running_var", &[channels], 1.0, Kind::Float)?,
            batches: b.buffer("num_batches_tracked", &[], 0.0, Kind::Int64)?,
            eps: EPS,
            pooled: RefCell::default(),
        })
    }

    /// The same with another number that is added to variances.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// `[B, C]` or `[B, C, H, W]`, of the same shape.
    ///
    /// # Errors
    /// The channels are not `C`; one value per channel in a training mode.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        self.run(x, None, false, mode)
    }

    /// The norm by the running statistics in a graph.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let (scale, shift) = match &self.affine {
            Some((scale, shift)) => (scale.shallow_clone(), shift.shallow_clone()),
            None => (self.running_var.f_ones_like()?, self.running_mean.f_zeros_like()?),
        };
        let constants =
            [&scale, &shift, &self.running_mean, &self.running_var].map(|one| graph.constant(one));
        let inputs: Vec<&str> = std::iter::once(&x.name).chain(&constants).map(String::as_str).collect();
        Ok(graph.node(
            "BatchNormalization",
            &inputs,
            &[("epsilon", Attribute::Float(self.eps))],
            x.shape.clone(),
        ))
    }

    /// `relu(norm(x))` in a graph.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn record_relu(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let normed = self.record(graph, x)?;
        Ok(graph.each("Relu", &normed))
    }

    /// `relu(norm(x))`.
    ///
    /// # Errors
    /// As [`BatchNorm::forward`].
    pub fn forward_relu(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        self.run(x, None, true, mode)
    }

    /// `relu(norm(x) + residual)`, `residual` of the shape of `x`.
    ///
    /// # Errors
    /// As [`BatchNorm::forward`].
    pub fn forward_add_relu(&self, x: &Tensor, residual: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        self.run(x, Some(residual), true, mode)
    }

    /// One operation for all three: they are bound by memory, not by arithmetic.
    fn run(&self, x: &Tensor, residual: Option<&Tensor>, relu: bool, mode: Mode) -> Result<Tensor, NnError> {
        let in_pieces = matches!(mode, Mode::TrainPiece { pieces: 2.., .. });
        // With momentum 1 the running statistics become those of what passes.
        let own = in_pieces.then(|| self.room_for_statistics()).transpose()?;
        let (mean, var) =
            own.as_ref().map_or((&self.running_mean, &self.running_var), |(mean, var)| (mean, var));
        let how = NormAct {
            affine: self.affine.as_ref().map(|(weight, bias)| (weight, bias)),
            running: (mode != Mode::TrainUntracked).then_some((mean, var)),
            training: mode != Mode::Eval,
            momentum: if in_pieces { 1.0 } else { MOMENTUM },
            eps: self.eps,
            residual,
            relu,
        };
        let y = norm_act(x, how)?;
        match mode {
            Mode::Eval | Mode::TrainUntracked => {}
            _ if in_pieces => self.take_in(mean, var, x.numel() as i64 / x.size()[1], mode)?,
            _ => self.count()?,
        }
        Ok(y)
    }

    /// As [`BatchNorm::forward`] for `[V*B, C]`, with statistics of their own for each `bunch` of images over all of
    /// their `views`: what a cluster of machines computes that each hold a bunch. The running statistics take in the
    /// mean over bunches.
    ///
    /// # Errors
    /// `B` is not a multiple of `bunch`.
    pub fn forward_bunched(&self, x: &Tensor, views: i64, bunch: i64, mode: Mode) -> Result<Tensor, NnError> {
        let (rows, channels) = x.size2()?;
        let images = rows / views;
        if mode == Mode::Eval || images <= bunch {
            return self.forward(x, mode);
        }
        if images % bunch != 0 {
            return Err(NnError::Indivisible { what: "norm before softmax", rows: images, parts: bunch });
        }
        // Bunches become channels: [V, G, b, C] to [V*b, G*C].
        let bunches = images / bunch;
        let shape = [views, bunches, bunch, channels];
        let wide =
            x.f_view(shape)?.f_permute([0, 2, 1, 3])?.f_reshape([views * bunch, bunches * channels])?;
        let (mean, var) = self.room_for_statistics()?;
        let (mean, var) = (mean.f_repeat([bunches])?, var.f_repeat([bunches])?);
        let none = None::<&Tensor>;
        // With momentum 1 the running statistics are the statistics of this batch.
        let y = wide.f_batch_norm(none, none, Some(&mean), Some(&var), true, 1.0, self.eps, true)?;
        let over_bunches =
            |x: &Tensor| x.f_view([bunches, channels])?.f_mean_dim([0i64].as_slice(), false, None);
        self.take_in(&over_bunches(&mean)?, &over_bunches(&var)?, rows, mode)?;
        let y = y.f_view([views, bunch, bunches, channels])?.f_permute([0, 2, 1, 3])?;
        Ok(y.f_reshape([rows, channels])?)
    }

    /// Zeros for the mean and the variance of what passes next, `[C]` each.
    fn room_for_statistics(&self) -> Result<(Tensor, Tensor), NnError> {
        Ok((self.running_mean.f_zeros_like()?, self.running_var.f_zeros_like()?))
    }

    /// Moves the running statistics towards the mean and the unbiased variance (`[C]` each) of `rows` values a channel:
    /// a batch, or the last of its pieces, for which the others have waited.
    fn take_in(&self, mean: &Tensor, var: &Tensor, rows: i64, mode: Mode) -> Result<(), NnError> {
        let (mean, var) = match mode {
            Mode::Eval | Mode::TrainUntracked => return Ok(()),
            Mode::Train | Mode::TrainPiece { pieces: ..=1, .. } => {
                (mean.shallow_clone(), var.shallow_clone())
            }
            Mode::TrainPiece { index, pieces } => {
                // The remains of a batch that never came to its end are dropped.
                let earlier = self.pooled.take().filter(|_| index > 0);
                let pooled = Pooled::with(earlier, mean, var, rows)?;
                if index + 1 < pieces {
                    self.pooled.replace(Some(pooled));
                    return Ok(());
                }
                let var = pooled.variance()?;
                (pooled.mean, var)
            }
        };
        for (running, now) in [(&self.running_mean, mean), (&self.running_var, var)] {
            let _ = running.shallow_clone().f_lerp_(&now, MOMENTUM)?;
        }
        self.count()
    }

    fn count(&self) -> Result<(), NnError> {
        let _ = self.batches.shallow_clone().f_add_scalar_(1)?;
        Ok(())
    }
}
