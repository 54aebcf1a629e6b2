//! The loss of the momentum variation: every student view learns from the teacher's two global ones.
//!
//! With `Q = softmax(student / temperature)` of all views and `T = softmax(teacher / temperature)` of the global ones,
//!
//! ```text
//! kl         = mean over the 2(V - 1) pairs t ≠ s of 1/B Σ_i Σ_k T_t (log(T_t + ε) - log(Q_s + ε))
//! sharpness  = mean over the student's views and images of -Σ_k Q log(Q + ε)
//! diversity  = mean over the student's views of -Σ_k M log(M + ε),  M = mean_i Q
//! ```
//!
//! and the total as in [`TwistLoss`](super::TwistLoss). The teacher receives no gradient. Unlike there, the temperature
//! divides every logit, and every view of the student weighs the same.

use tch::Tensor;

use super::arithmetic::{by_view, entropies, log, soften, through_softmax};
use super::twist::LossTerms;
use crate::NnError;

/// The weights of the three terms; see [`TwistLoss`](super::TwistLoss) for their meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TeacherLoss {
    /// Weight of agreement with the teacher.
    pub consistency: f64,
    /// Extra weight of sharpness: -0.6 as published.
    pub lam1: f64,
    /// Weight of diversity.
    pub lam2: f64,
    /// Divides all logits.
    pub temperature: f64,
    /// Added inside logarithms.
    pub eps: f64,
}

impl Default for TeacherLoss {
    fn default() -> Self {
        Self { consistency: 1.0, lam1: -0.6, lam2: 1.0, temperature: 1.0, eps: 1e-5 }
    }
}

impl TeacherLoss {
    /// The loss of the student's logits `[V*B, K]` of `views` views, view-major, the global ones first, against the
    /// teacher's `[2B, K]` of the global ones; with the gradient `[V*B, K]` by the student's logits, in their kind.
    ///
    /// # Errors
    /// The logits are not 2-D, or not of the same images.
    pub fn with_gradient(
        &self,
        student: &Tensor,
        teacher: &Tensor,
        views: i64,
    ) -> Result<(LossTerms, Tensor), NnError> {
        let _no_grad = tch::no_grad_guard();
        let q = soften(&by_view(student, views)?, self.temperature)?;
        let t = soften(&by_view(teacher, 2)?, self.temperature)?;
        let (_, images, classes) = q.size3()?;
        if views < 2 || t.size() != [2, images, classes] {
            return Err(NnError::Shape {
                what: "the teacher's logits",
                expected: "[2B, K]",
                got: teacher.size(),
            });
        }
        let log_q = log(&q, self.eps)?;

        // Agreement: a global view learns from the other one, a local view from both.
        let pairs = (2 * (views - 1)) as f64;
        let share = 1.0 / (pairs * images as f64);
        let from_teacher = |x: &Tensor| -> Result<Tensor, tch::TchError> {
            let crossed = x.f_flip([0])?;
            let both =
                x.f_sum_dim_intlist(0i64, true, None)?.f_expand([views - 2, images, classes], false)?;
            Tensor::f_cat(&[crossed, both], 0)
        };
        let targets = from_teacher(&t)?;
        let information = from_teacher(&t.f_mul(&log(&t, self.eps)?)?)?;
        let kl = information.f_sub(&targets.f_mul(&log_q)?)?.f_sum(None)?.f_mul_scalar(share)?;
        let mut agreement =
            targets.f_mul_scalar(-self.consistency * share)?.f_div_(&q.f_add_scalar(self.eps)?)?;

        // Sharpness and diversity of the student.
        let weights = Tensor::f_full([views, 1, 1], 1.0 / views as f64, (q.f_kind()?, q.device()))?;
        let of = entropies(&q, &log_q, &weights, 1.0 + self.lam1, self.lam2, self.eps)?;

        let mut gradient = through_softmax(&q, &agreement.f_add_(&of.slope)?)?;
        let gradient =
            gradient.f_div_scalar_(self.temperature)?.f_flatten(0, 1)?.f_to_kind(student.f_kind()?)?;
        let weighted =
            of.sharpness.f_mul_scalar(1.0 + self.lam1)?.f_sub(&of.diversity.f_mul_scalar(self.lam2)?)?;
        let total = kl.f_mul_scalar(self.consistency)?.f_add(&weighted)?;
        Ok((LossTerms { total, kl, sharpness: of.sharpness, diversity: of.diversity }, gradient))
    }
}
