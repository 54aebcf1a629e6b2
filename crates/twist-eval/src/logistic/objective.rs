//! The loss of a linear classifier over all images, and its gradient in closed form.

use tch::{Kind, Reduction, Tensor};

use crate::EvalError;

/// Rows of one matrix product: with a thousand classes its scores are 64 MiB, however many images there are.
const BLOCK: i64 = 16_384;

/// What the scores of each image should say.
#[derive(Debug)]
pub enum Targets {
    /// Each image is of one class.
    Classes {
        /// `[N]` int64, in `0..classes`.
        labels: Tensor,
        /// How many there are.
        classes: i64,
    },
    /// Each image shows any number of classes.
    Tags {
        /// `[N, C]`: 1 where it shows the class, else 0; of the kind of the rows.
        present: Tensor,
        /// `[N, C]`: 1 where the image counts for the class, else 0.
        counted: Tensor,
    },
}

impl Targets {
    /// Number of classes.
    pub(super) fn classes(&self) -> Result<i64, EvalError> {
        match self {
            Self::Classes { classes, .. } => Ok(*classes),
            Self::Tags { present, .. } => Ok(present.size2()?.1),
        }
    }

    /// Those of the given rows (int64).
    ///
    /// # Errors
    /// libtorch fails.
    pub fn select(&self, rows: &Tensor) -> Result<Self, EvalError> {
        Ok(match self {
            Self::Classes { labels, classes } => {
                Self::Classes { labels: labels.f_index_select(0, rows)?, classes: *classes }
            }
            Self::Tags { present, counted } => Self::Tags {
                present: present.f_index_select(0, rows)?,
                counted: counted.f_index_select(0, rows)?,
            },
        })
    }
}

impl Targets {
    /// The mean over images of the loss of scores `[N, C]`, 0-d, for autograd to follow: cross entropy, or the logistic
    /// losses of all classes for which an image counts, summed.
    pub(crate) fn mean_loss(&self, scores: &Tensor) -> Result<Tensor, EvalError> {
        Ok(match self {
            Self::Classes { labels, .. } => {
                scores.f_cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)?
            }
            Self::Tags { present, counted } => {
                let none = None::<&Tensor>;
                let sum = scores.f_binary_cross_entropy_with_logits(
                    present,
                    Some(counted),
                    none,
                    Reduction::Sum,
                )?;
                sum.f_div_scalar(scores.size2()?.0.max(1))?
            }
        })
    }

    /// How many images have the class of their highest score, 0-d int64.
    pub(crate) fn hits(&self, scores: &Tensor) -> Result<Tensor, EvalError> {
        let best = scores.f_argmax(1, true)?;
        Ok(match self {
            Self::Classes { labels, .. } => best.f_eq_tensor(&labels.f_unsqueeze(1)?)?,
            Self::Tags { present, .. } => present.f_gather(1, &best, false)?,
        }
        .f_sum(Kind::Int64)?)
    }
}

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
