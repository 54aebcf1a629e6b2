//! Which views are compared with which: every view with the two global ones, no pair of local ones.
//!
//! The released code makes each of the `2V - 3` pairs `(i, j)`, `i < j`, `i ∈ {0, 1}`, and takes softmax and logarithm of
//! both sides anew, twice (with and without temperature): 100 softmaxes of `[B, K]` for 14 views. But a sum over pairs of
//! `(P_i - P_j)(L_i - L_j)` is `Σ_v P_v (d_v L_v - Σ of its partners' L)` with `d_v` the number of its partners, and the
//! partners of a view are all but itself or the two global ones. One sum over views serves all of them: with `V` softmaxes
//! (`2V` with a temperature) and a fixed number of passes over `[V, B, K]`, work grows with the views, not with the pairs.

use tch::{Device, Kind, TchError, Tensor};

/// The pairs of `V` views, the first two of them global.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairs {
    views: i64,
}

impl Pairs {
    /// Of at least two views.
    pub(super) fn of(views: i64) -> Self {
        Self { views }
    }

    /// `2V - 3`.
    pub(super) fn count(self) -> f64 {
        (2 * self.views - 3) as f64
    }

    /// In how many pairs each view is, as `[V, 1, 1]`: `V - 1` for a global one, 2 for a local one.
    pub(super) fn degrees(self, like: (Kind, Device)) -> Result<Tensor, TchError> {
        let local = Tensor::f_full([self.views, 1, 1], 2.0, like)?;
        let _ = local.f_narrow(0, 0, 2)?.f_fill_((self.views - 1) as f64)?;
        Ok(local)
    }

    /// `Σ over the partners u of v of x_u`, for `x` `[V, …]`.
    pub(super) fn partners(self, x: &Tensor) -> Result<Tensor, TchError> {
        let globals = x.f_narrow(0, 0, 2)?;
        let crossed = globals.f_flip([0])?;
        if self.views == 2 {
            return Ok(crossed);
        }
        let locals = x.f_narrow(0, 2, self.views - 2)?;
        let of_globals = crossed.f_add(&locals.f_sum_dim_intlist(0i64, true, None)?)?;
        let of_locals = globals.f_sum_dim_intlist(0i64, true, None)?.f_expand_as(&locals)?;
        Tensor::f_cat(&[of_globals, of_locals], 0)
    }

    /// `Σ over the pairs (v, j) that v begins of x_v - x_j`, for `x` `[V, …]`: 0 for local views.
    pub(super) fn begun(self, x: &Tensor) -> Result<Tensor, TchError> {
        let sum_of_locals = x.f_narrow(0, 2, self.views - 2)?.f_sum_dim_intlist(0i64, true, None)?;
        let (first, second) = (x.f_narrow(0, 0, 1)?, x.f_narrow(0, 1, 1)?);
        let of_first =
            first.f_mul_scalar((self.views - 1) as f64)?.f_sub_(&second)?.f_sub_(&sum_of_locals)?;
        let of_second = second.f_mul_scalar((self.views - 2) as f64)?.f_sub_(&sum_of_locals)?;
        let of_locals = x.f_narrow(0, 2, self.views - 2)?.f_zeros_like()?;
        Tensor::f_cat(&[of_first, of_second, of_locals], 0)
    }

    /// `n_v x_v - Σ over the pairs (i, v) that v ends of x_i`, with `n_v` the pairs that `v` begins.
    pub(super) fn begun_less_ended(self, x: &Tensor) -> Result<Tensor, TchError> {
        let (first, second) = (x.f_narrow(0, 0, 1)?, x.f_narrow(0, 1, 1)?);
        let of_first = first.f_mul_scalar((self.views - 1) as f64)?;
        let of_second = second.f_mul_scalar((self.views - 2) as f64)?.f_sub_(&first)?;
        let both = first.f_add(&second)?.f_neg()?;
        let of_locals = both.f_expand_as(&x.f_narrow(0, 2, self.views - 2)?)?;
        Tensor::f_cat(&[of_first, of_second, of_locals], 0)
    }
}
