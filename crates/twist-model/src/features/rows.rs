//! Rows of numbers: gathering and scaling.

use tch::{Device, Tensor};

use crate::ModelError;

/// Rows gathered batch by batch into one tensor of the final size, so that the peak is not twice the result.
#[derive(Debug, Default)]
pub struct RowBuffer {
    all: Option<Tensor>,
    filled: i64,
}

impl RowBuffer {
    /// Appends a batch `[B, …]` of at most `capacity` rows in all.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn push(&mut self, batch: &Tensor, capacity: usize) -> Result<(), ModelError> {
        let mut size = batch.size();
        let count = std::mem::replace(&mut size[0], capacity as i64);
        let all = match self.all.take() {
            Some(all) => all,
            None => Tensor::f_empty(&size, (batch.kind(), Device::Cpu))?,
        };
        all.f_narrow(0, self.filled, count)?.f_copy_(batch)?;
        self.all = Some(all);
        self.filled += count;
        Ok(())
    }

    /// The rows pushed so far.
    ///
    /// # Errors
    /// No rows were pushed.
    pub fn first(self, rows: i64) -> Result<Tensor, ModelError> {
        Ok(self.all.ok_or(ModelError::NoFeatures)?.f_narrow(0, 0, rows)?)
    }
}

/// Each row of `[N, D]` divided by its L2 norm.
///
/// # Errors
/// libtorch's own.
pub fn unit_rows(rows: &Tensor) -> Result<Tensor, ModelError> {
    let norm = rows.f_norm_scalaropt_dim(2, [1i64].as_slice(), true)?.f_clamp_min(1e-12)?;
    Ok(rows.f_div(&norm)?)
}
