//! The TWIST loss: consistency, sharpness and diversity (paper formula and released `objective.py`).
//!
//! With `P = softmax(logits)` for each view `v` of `B` images, `Q = softmax(logits / temperature)`, and `ε` inside
//! every logarithm:
//!
//! ```text
//! kl         = mean over pairs of 1/(2B) Σ_i Σ_k (P1 - P2) (log(P1 + ε) - log(P2 + ε))      both directions
//! sharpness  = mean over pairs, their two views and images of  -Σ_k Q log(Q + ε)            EH in the released code
//! diversity  = mean over pairs and their two views of -Σ_k M log(M + ε),  M = mean_i Q      HE in the released code
//! total      = consistency kl + (1 + lam1) sharpness - lam2 diversity
//! ```
//!
//! The pairs are those of each view with each of the two global ones; two views are one pair. Both sides of the
//! divergence receive gradient.

use tch::Tensor;

use super::arithmetic::{by_view, entropies, log, soften, through_softmax};
use super::pairs::Pairs;
use crate::NnError;

/// The weights of the three terms. `alpha = 1 + lam1` and `beta = lam2` in the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwistLoss {
    /// Weight of agreement: 1 as published, 0 switches it off.
    pub consistency: f64,
    /// Takes `KL(P_i ‖ P_j)` of a pair `i < j` alone, with weight 1, instead of half of both directions.
    pub one_sided: bool,
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
        Self { consistency: 1.0, one_sided: false, lam1: 0.0, lam2: 1.0, temperature: 1.0, eps: 1e-5 }
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
    /// The loss of the logits `raw` `[V*B, K]` of `views` views, view-major, the global ones first, with its gradient
    /// `[V*B, K]` in the kind of the logits.
    ///
    /// With `s = 1/(2NB)`, `N` pairs of which `d_v` hold view `v`, and sums over the partners `u` of `v`,
    ///
    /// ```text
    /// ∂kl/∂P_v        =  s (d_v log(P_v + ε) - Σ_u P_u / (P_v + ε) - Σ_u log(P_u + ε) + d_v P_v / (P_v + ε))
    /// ∂sharpness/∂Q_v = -s d_v (log(Q_v + ε) + Q_v / (Q_v + ε))
    /// ∂diversity/∂Q_v = -s d_v (log(M_v + ε) + M_v / (M_v + ε))
    /// ```
    ///
    /// Where predictions are all but one-hot these terms are large and cancel. They are therefore added in the order
    /// in which PyTorch's autograd adds them for the released code, and agreement and entropies go back through the
    /// softmax one by one: rounding errors are then the same ones.
    ///
    /// # Errors
    /// The logits are not 2-D, or not of two or more views.
    pub fn with_gradient(&self, raw: &Tensor, views: i64) -> Result<(LossTerms, Tensor), NnError> {
        let _no_grad = tch::no_grad_guard();
        if views < 2 {
            return Err(NnError::Shape {
                what: "logits of two views or more",
                expected: "[V*B, K]",
                got: raw.size(),
            });
        }
        let logits = by_view(raw, views)?;
        let pairs = Pairs::of(views);
        let share = 0.5 / (pairs.count() * logits.size()[1] as f64);
        let p = soften(&logits, 1.0)?;
        let log_p = log(&p, self.eps)?;
        let degrees = pairs.degrees((p.f_kind()?, p.device()))?;

        // Agreement.
        let (kl, agreement) = if self.one_sided {
            self.one_sided(&p, &log_p, pairs, share)?
        } else {
            self.both_sided(&p, &log_p, pairs, &degrees, share)?
        };

        // Sharpness and diversity, on predictions of their own when there is a temperature.
        let (q, log_q) = if self.temperature == 1.0 {
            (p.shallow_clone(), log_p)
        } else {
            let q = soften(&logits, self.temperature)?;
            let log_q = log(&q, self.eps)?;
            (q, log_q)
        };
        let weights = degrees.f_mul_scalar(0.5 / pairs.count())?;
        let of = entropies(&q, &log_q, &weights, 1.0 + self.lam1, self.lam2, self.eps)?;

        // Through the softmax to the logits.
        let unsure = through_softmax(&q, &of.slope)?.f_div_scalar_(self.temperature)?;
        let gradient = through_softmax(&p, &agreement)?.f_add_(&unsure)?.f_flatten(0, 1)?;
        let terms = self.combine(kl, of.sharpness, of.diversity)?;
        Ok((terms, gradient.f_to_kind(raw.f_kind()?)?))
    }

    /// Agreement and its derivative by `p`.
    fn both_sided(
        &self,
        p: &Tensor,
        log_p: &Tensor,
        pairs: Pairs,
        degrees: &Tensor,
        share: f64,
    ) -> Result<(Tensor, Tensor), NnError> {
        let partners_log = pairs.partners(log_p)?;
        // Differences sum to 0 over views, so a prediction may be replaced by its distance from their mean: all terms
        // are then as small as the disagreement itself, and nothing cancels.
        let centred = p.f_sub(&p.f_mean_dim(0i64, true, None)?)?;
        let differences = log_p.f_mul(degrees)?.f_sub_(&partners_log)?;
        let kl = centred.f_mul(&differences)?.f_sum(None)?.f_mul_scalar(share)?;

        let (own, above) = (degrees.f_mul_scalar(share * self.consistency)?, p.f_add_scalar(self.eps)?);
        let weight = -share * self.consistency;
        let mut slope = log_p.f_mul(&own)?;
        let slope = slope
            .f_add_(&pairs.partners(p)?.f_mul_scalar(weight)?.f_div_(&above)?)?
            .f_add_(&partners_log.f_mul_scalar(weight)?)?
            .f_add_(&p.f_mul(&own)?.f_div_(&above)?)?;
        Ok((kl, slope))
    }

    /// As [`Self::both_sided`] for the first direction of each pair alone: with `n_v` pairs that `v` begins,
    /// `∂kl/∂P_v = 1/(NB) (Σ_j (log P_v - log P_j) + n_v P_v / (P_v + ε) - Σ_i P_i / (P_v + ε))`.
    fn one_sided(
        &self,
        p: &Tensor,
        log_p: &Tensor,
        pairs: Pairs,
        share: f64,
    ) -> Result<(Tensor, Tensor), NnError> {
        let of_log = pairs.begun(log_p)?;
        let kl = p.f_mul(&of_log)?.f_sum(None)?.f_mul_scalar(2.0 * share)?;
        let mut slope = pairs.begun_less_ended(p)?.f_div_(&p.f_add_scalar(self.eps)?)?.f_add_(&of_log)?;
        Ok((kl, slope.f_mul_scalar_(2.0 * share * self.consistency)?))
    }

    fn combine(&self, kl: Tensor, sharpness: Tensor, diversity: Tensor) -> Result<LossTerms, NnError> {
        let weighted = sharpness.f_mul_scalar(1.0 + self.lam1)?.f_sub(&diversity.f_mul_scalar(self.lam2)?)?;
        let total = kl.f_mul_scalar(self.consistency)?.f_add(&weighted)?;
        Ok(LossTerms { total, kl, sharpness, diversity })
    }
}
