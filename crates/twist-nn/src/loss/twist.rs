//! The two-view loss: agree, be sure, use all classes (paper formula and released `objective.py`).
//!
//! With `P = softmax(logits)` for each view `v` of `B` images, `Q = softmax(logits / temperature)`, and `ε` inside
//! every logarithm:
//!
//! ```text
//! kl         = 1/(2B) Σ_i Σ_k (P1 - P2) (log(P1 + ε) - log(P2 + ε))      both directions of the divergence
//! sharpness  = mean over views and images of  -Σ_k Q log(Q + ε)           EH in the released code
//! diversity  = mean over views of             -Σ_k M log(M + ε),  M = mean_i Q      HE in the released code
//! total      = kl + (1 + lam1) sharpness - lam2 diversity
//! ```
//!
//! Both sides of the divergence receive gradient. The batch is the *global* batch: diversity is not a sum over parts.

use tch::{Kind, Tensor};

use crate::NnError;

/// The weights of the three terms. `alpha = 1 + lam1` and `beta = lam2` in the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwistLoss {
    /// Extra weight of sharpness: 0 for convolutional networks.
    pub lam1: f64,
    /// Weight of diversity.
    pub lam2: f64,
    /// Divides the logits of sharpness and diversity only.
    pub temperature: f64,
    /// Added inside logarithms.
    pub eps: f64,
}

impl Default for TwistLoss {
    fn default() -> Self {
        Self { lam1: 0.0, lam2: 1.0, temperature: 1.0, eps: 1e-5 }
    }
}

/// The loss and its terms, 0-d tensors in float32 (float64 for float64 logits) on the device of the logits.
#[derive(Debug)]
pub struct LossTerms {
    /// What is minimised.
    pub total: Tensor,
    /// Disagreement between views, 0 at best.
    pub kl: Tensor,
    /// Mean entropy of a prediction, 0 when all are one-hot.
    pub sharpness: Tensor,
    /// Entropy of the mean prediction, `ln K` when all classes are used alike.
    pub diversity: Tensor,
}

impl TwistLoss {
    /// The loss of logits `[2B, K]`, view-major, as the formula says it; differentiable by autograd.
    ///
    /// # Errors
    /// The logits are not 2-D with an even number of rows.
    pub fn two_view(&self, logits: &Tensor) -> Result<LossTerms, NnError> {
        let logits = self.checked(logits)?;
        let soft = |x: &Tensor| x.f_softmax(-1, None);
        let p = soft(&logits)?;
        let q = if self.temperature == 1.0 {
            p.shallow_clone()
        } else {
            soft(&logits.f_div_scalar(self.temperature)?)?
        };

        let views = p.f_chunk(2, 0)?;
        let (p1, p2) = (&views[0], &views[1]);
        let logs = self.log(p1)?.f_sub(&self.log(p2)?)?;
        let kl = p1
            .f_sub(p2)?
            .f_mul(&logs)?
            .f_sum_dim_intlist(1i64, false, None)?
            .f_mean(None)?
            .f_mul_scalar(0.5)?;

        let sharpness = self.entropy(&q)?.f_mean(None)?;
        let diversity = self.entropy(&self.mean_per_view(&q)?)?.f_mean(None)?;
        self.combine(kl, sharpness, diversity)
    }

    /// The same loss with its gradient `[2B, K]` with respect to the logits, in closed form and in the kind of the
    /// logits: several times fewer passes over memory than autograd makes, and no graph. Backward goes on from there
    /// with [`torch_ext::grad::backward`].
    ///
    /// For `g` the derivative by a softmax's output `p`, the logits receive `p (g - Σ_k p g)`, and
    ///
    /// ```text
    /// ∂kl/∂P1        = 1/(2B) (log(P1 + ε) - log(P2 + ε) + (P1 - P2) / (P1 + ε))
    /// ∂sharpness/∂Q  = -1/(2B) (log(Q + ε) + Q / (Q + ε))
    /// ∂diversity/∂Q  = -1/(2B) (log(M + ε) + M / (M + ε))
    /// ```
    ///
    /// # Errors
    /// As [`TwistLoss::two_view`].
    pub fn two_view_with_gradient(&self, logits: &Tensor) -> Result<(LossTerms, Tensor), NnError> {
        tch::no_grad(|| self.closed_form(logits))
    }

    fn closed_form(&self, raw: &Tensor) -> Result<(LossTerms, Tensor), NnError> {
        let logits = self.checked(raw)?;
        let (rows, classes) = logits.size2()?;
        let by_view = [2, rows / 2, classes];
        let p = logits.f_softmax(-1, None)?.f_view(by_view)?;
        let log_p = self.log(&p)?;

        // Agreement. Flipping the view axis pairs each prediction with the other view's.
        let mut difference = p.f_sub(&p.f_flip([0])?)?;
        let log_difference = log_p.f_sub(&log_p.f_flip([0])?)?;
        let kl = difference.f_mul(&log_difference)?.f_sum(None)?.f_mul_scalar(0.5 / rows as f64)?;
        let mut gradient = difference.f_div_(&p.f_add_scalar(self.eps)?)?.f_add_(&log_difference)?;

        // Sharpness and diversity, on predictions of their own when there is a temperature.
        let tempered = self.temperature != 1.0;
        let (q, log_q) = if tempered {
            let q = logits.f_div_scalar(self.temperature)?.f_softmax(-1, None)?.f_view(by_view)?;
            let log_q = self.log(&q)?;
            (q, log_q)
        } else {
            (p.shallow_clone(), log_p)
        };
        let sharpness = q.f_mul(&log_q)?.f_sum(None)?.f_mul_scalar(-1.0 / rows as f64)?;
        let mean = q.f_mean_dim(1i64, true, None)?;
        let log_mean = self.log(&mean)?;
        let diversity = mean.f_mul(&log_mean)?.f_sum(None)?.f_mul_scalar(-0.5)?;
        let of_entropy = |q: &Tensor, log: Tensor| log.f_add(&q.f_div(&q.f_add_scalar(self.eps)?)?);
        let entropies = of_entropy(&q, log_q)?
            .f_mul_scalar_(-(1.0 + self.lam1))?
            .f_add_(&of_entropy(&mean, log_mean)?.f_mul_scalar_(self.lam2)?)?;

        // Through the softmax to the logits.
        let through = |p: &Tensor, mut g: Tensor| -> Result<Tensor, tch::TchError> {
            let inner = p.f_mul(&g)?.f_sum_dim_intlist(-1i64, true, None)?;
            g.f_sub_(&inner)?.f_mul_(p)
        };
        let gradient = if tempered {
            let entropies = through(&q, entropies)?.f_div_scalar_(self.temperature)?;
            through(&p, gradient)?.f_add_(&entropies)?
        } else {
            through(&p, gradient.f_add_(&entropies)?)?
        };
        let gradient = gradient.shallow_clone().f_mul_scalar_(1.0 / rows as f64)?.f_view([rows, classes])?;
        Ok((self.combine(kl, sharpness, diversity)?, gradient.f_to_kind(raw.f_kind()?)?))
    }

    /// Logits in float32, or float64 when they are.
    fn checked(&self, logits: &Tensor) -> Result<Tensor, NnError> {
        let shape = logits.size();
        if shape.len() != 2 || shape[0] % 2 != 0 || shape[0] == 0 {
            return Err(NnError::Shape { what: "logits of two views", expected: "[2B, K]", got: shape });
        }
        Ok(if logits.f_kind()? == Kind::Double {
            logits.shallow_clone()
        } else {
            logits.f_to_kind(Kind::Float)?
        })
    }

    fn log(&self, p: &Tensor) -> Result<Tensor, tch::TchError> {
        p.f_add_scalar(self.eps)?.f_log()
    }

    /// Entropies of the rows.
    fn entropy(&self, p: &Tensor) -> Result<Tensor, tch::TchError> {
        p.f_mul(&self.log(p)?)?.f_sum_dim_intlist(-1i64, false, None)?.f_neg()
    }

    /// `[2B, K]` to `[2, K]`.
    fn mean_per_view(&self, p: &Tensor) -> Result<Tensor, tch::TchError> {
        let (rows, classes) = p.size2()?;
        p.f_view([2, rows / 2, classes])?.f_mean_dim(1i64, false, None)
    }

    fn combine(&self, kl: Tensor, sharpness: Tensor, diversity: Tensor) -> Result<LossTerms, NnError> {
        let weighted = sharpness.f_mul_scalar(1.0 + self.lam1)?.f_sub(&diversity.f_mul_scalar(self.lam2)?)?;
        Ok(LossTerms { total: kl.f_add(&weighted)?, kl, sharpness, diversity })
    }
}
