//! The learned table of positions.

use tch::Tensor;

use crate::{Builder, Init, NnError};

/// How a table is stretched to another grid of patches: bicubic, in the way of its authors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resample {
    /// By the factors `(h + 0.1) / side` and `(w + 0.1) / side`, as DINO, DINOv2 and TWIST were released (the tenth keeps
    /// rounding from losing a row).
    WithTenth,
    /// To the new size, smoothed where it is smaller: DINOv2 with registers, OpenCLIP, timm.
    Antialiased,
}

/// The learned table of positions of a grid of patches, behind that of a class token where there is one.
#[derive(Debug)]
pub(super) struct Positions {
    /// `[1, prefix + side², D]`.
    table: Tensor,
    /// Rows that stand for no patch.
    prefix: i64,
    side: i64,
    resample: Resample,
}

impl Positions {
    pub(super) fn new(
        b: &mut Builder<'_>,
        prefix: i64,
        side: i64,
        dim: i64,
        resample: Resample,
    ) -> Result<Self, NnError> {
        let table = b.parameter("pos_embed", &[1, prefix + side * side, dim], Init::TRANSFORMER)?;
        Ok(Self { table, prefix, side, resample })
    }

    /// Positions `[1, prefix + h w, D]` of a grid: the table itself, or its interpolation.
    pub(super) fn of(&self, height: i64, width: i64) -> Result<Tensor, NnError> {
        if height == self.side && width == self.side {
            return Ok(self.table.shallow_clone());
        }
        stretched(&self.table, self.prefix, height, width, self.resample)
    }
}

/// A table `[1, prefix + side², D]` for another grid of patches, `[1, prefix + h w, D]`.
pub(super) fn stretched(
    table: &Tensor,
    prefix: i64,
    height: i64,
    width: i64,
    resample: Resample,
) -> Result<Tensor, NnError> {
    let (_, rows, dim) = table.size3()?;
    let side = (rows - prefix).isqrt();
    let class = table.f_narrow(1, 0, prefix)?;
    let grid = table.f_narrow(1, prefix, side * side)?;
    let grid = grid.f_reshape([1, side, side, dim])?.f_permute([0, 3, 1, 2])?;
    let grid = match resample {
        Resample::WithTenth => {
            let factor = |length: i64| (length as f64 + 0.1) / side as f64;
            let factors = [factor(height), factor(width)];
            grid.f_upsample_bicubic2d_vec(None::<&[i64]>, false, factors.as_slice())?
        }
        Resample::Antialiased => grid.f_internal_upsample_bicubic2d_aa([height, width], false, None, None)?,
    };
    let grid = grid.f_permute([0, 2, 3, 1])?.f_reshape([1, height * width, dim])?;
    Ok(Tensor::f_cat(&[class, grid], 1)?)
}
