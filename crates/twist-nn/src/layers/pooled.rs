//! Mean and variance of a batch that passes in pieces, as if it had passed whole.

use tch::Tensor;

use crate::NnError;

/// What the pieces so far have in common, by the update of Chan, Golub and LeVeque (1979), which does not cancel as a
/// difference of squares would.
#[derive(Debug)]
pub(super) struct Pooled {
    /// `[C]`: mean of all values.
    pub(super) mean: Tensor,
    /// `[C]`: sum of squared distances to that mean.
    squares: Tensor,
    /// Values of each channel.
    rows: i64,
}

impl Pooled {
    /// `earlier` pieces and one more: its mean and unbiased variance, `[C]` each, of `rows` values a channel.
    ///
    /// # Errors
    /// libtorch's own.
    pub(super) fn with(
        earlier: Option<Self>,
        mean: &Tensor,
        var: &Tensor,
        rows: i64,
    ) -> Result<Self, NnError> {
        let own = var.f_mul_scalar((rows - 1) as f64)?;
        let Some(Self { mean: before, squares, rows: seen }) = earlier else {
            return Ok(Self { mean: mean.shallow_clone(), squares: own, rows });
        };
        let part = rows as f64 / (seen + rows) as f64;
        let distance = mean.f_sub(&before)?;
        let between = distance.f_square()?.f_mul_scalar(seen as f64 * part)?;
        Ok(Self {
            mean: before.f_add(&distance.f_mul_scalar(part)?)?,
            squares: squares.f_add(&own)?.f_add(&between)?,
            rows: seen + rows,
        })
    }

    /// `[C]`: the unbiased variance of all values.
    ///
    /// # Errors
    /// libtorch's own.
    pub(super) fn variance(&self) -> Result<Tensor, NnError> {
        Ok(self.squares.f_div_scalar((self.rows - 1).max(1) as f64)?)
    }
}
