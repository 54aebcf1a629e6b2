//! The loss of a linear classifier over all images, and its gradient in closed form.

use tch::{Kind, Reduction, Tensor};

use twist_train::labels::Targets;

use crate::EvalError;

/// Rows of one matrix product: with a thousand classes its scores are 64 MiB, however many images there are.
const BLOCK: i64 = 16_384;

/// The objective divided by the number of images, as a function of weights and biases in one vector `[C·D + C]`.
pub(super) struct Objective<'a> {
    rows: &'a Tensor,
    targets: &'a Targets,
    l2: f64,
    images: i64,
    width: i64,
    classes: i64,
}

impl<'a> Objective<'a> {
    pub(super) fn new(rows: &'a Tensor, targets: &'a Targets, l2: f64) -> Result<Self, EvalError> {
        let (images, width) = rows.size2()?;
        let classes = targets.classes()?;
        Ok(Self { rows, targets, l2, images, width, classes })
    }

    /// Weights `[C, D]` and biases `[C]`, which share the memory of `point`.
    pub(super) fn parts(&self, point: &Tensor) -> Result<(Tensor, Tensor), EvalError> {
        let weights = self.classes * self.width;
        let weight = point.f_narrow(0, 0, weights)?.f_view([self.classes, self.width])?;
        Ok((weight, point.f_narrow(0, weights, self.classes)?))
    }

    /// Value and gradient.
    pub(super) fn evaluate(&self, point: &Tensor) -> Result<(f64, Tensor), EvalError> {
        let (weight, bias) = self.parts(point)?;
        let gradient = point.f_zeros_like()?;
        let (mut of_weight, mut of_bias) = self.parts(&gradient)?;
        let mut loss = 0.0;
        for start in (0..self.images).step_by(BLOCK as usize) {
            let len = BLOCK.min(self.images - start);
            let rows = self.rows.f_narrow(0, start, len)?;
            let scores = bias.f_addmm(&rows, &weight.f_tr()?)?;
            let (part, residual) = self.residual(&scores, start, len)?;
            loss += part;
            let _ = of_weight.f_addmm_(&residual.f_tr()?, &rows)?;
            let _ = of_bias.f_add_(&residual.f_sum_dim_intlist([0i64].as_slice(), false, None)?)?;
        }
        let penalty = 0.5 * self.l2 * f64::try_from(&weight.f_square()?.f_sum(Kind::Double)?)?;
        let _ = of_weight.f_add_(&weight.f_mul_scalar(self.l2)?)?;
        let images = self.images as f64;
        Ok(((loss + penalty) / images, gradient.f_div_scalar(images)?))
    }

    /// The sum of the losses of a block with scores `[n, C]`, and its gradient with respect to the scores.
    fn residual(&self, scores: &Tensor, start: i64, len: i64) -> Result<(f64, Tensor), EvalError> {
        let (loss, residual) = match self.targets {
            Targets::Classes { labels, .. } => {
                let label = labels.f_narrow(0, start, len)?.f_unsqueeze(1)?;
                let log_probability = scores.f_log_softmax(1, None)?;
                let loss = log_probability.f_gather(1, &label, false)?.f_neg()?;
                let mut residual = log_probability.f_exp()?;
                let minus_one = Tensor::f_full([len, 1], -1.0, (scores.kind(), scores.device()))?;
                let _ = residual.f_scatter_add_(1, &label, &minus_one)?;
                (loss, residual)
            }
            Targets::Tags { present, counted } => {
                let (present, counted) = (present.f_narrow(0, start, len)?, counted.f_narrow(0, start, len)?);
                let each = scores.f_binary_cross_entropy_with_logits(
                    &present,
                    Some(&counted),
                    None,
                    Reduction::None,
                )?;
                (each, scores.f_sigmoid()?.f_sub(&present)?.f_mul(&counted)?)
            }
        };
        Ok((f64::try_from(&loss.f_sum(Kind::Double)?)?, residual))
    }
}
