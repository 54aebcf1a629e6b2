//! Rows that go through a head in blocks of one size, each at its own place.
//!
//! A matrix product may add up in another order where the matrix has other rows, so the probabilities of one image differed in the
//! last digit with the number of images beside it: 16 as they come from the backbone, thousands as they come from a cache. Here
//! the head only ever sees blocks of [`BLOCK`] rows, and the row of an image is where the index of the image says. What is in the
//! other rows does not matter, because no row of a product depends on another.

use std::ops::Range;

use tch::{TchError, Tensor};

/// Rows of a block: few, because a batch from the backbone may have no more than 16 images, and the rest is computed for nothing.
const BLOCK: usize = 32;

/// What `head` makes of the rows of features `[B, D]`, which belong to the images `indices`: `[B, K]`.
///
/// # Errors
/// Those of `head`; libtorch fails.
pub fn in_blocks<E: From<TchError>>(
    features: &Tensor,
    indices: &[u32],
    head: impl Fn(&Tensor) -> Result<Tensor, E>,
) -> Result<Tensor, E> {
    let runs = runs(indices);
    if runs.is_empty() {
        return head(features);
    }
    let mut found = Vec::with_capacity(runs.len());
    for run in runs {
        let places: Vec<i64> = indices[run.clone()].iter().map(|&index| place(index) as i64).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(features.device())?;
        let rows = features.f_narrow(0, run.start as i64, run.len() as i64)?;
        // The other rows are copies of one that is there: zeros might be no features at all.
        let filled = rows.f_narrow(0, 0, 1)?.f_expand([BLOCK as i64, -1], false)?;
        let block = filled.f_index_copy(0, &places, &rows)?;
        found.push(head(&block)?.f_index_select(0, &places)?);
    }
    Ok(Tensor::f_cat(&found, 0)?)
}

/// The row of an image in its block.
fn place(index: u32) -> usize {
    index as usize % BLOCK
}

/// Rows that follow each other and fit into one block: their places ascend.
fn runs(indices: &[u32]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (row, pair) in std::iter::once(None).chain(indices.iter().map(Some)).zip(indices).enumerate() {
        match (pair, runs.last_mut()) {
            ((Some(&before), &index), Some(run)) if place(before) < place(index) => run.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn runs_fit_into_blocks() {
        let of = |indices: &[u32]| -> Vec<(usize, usize)> {
            runs(indices).into_iter().map(|run| (run.start, run.end)).collect()
        };
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[5]), [(0, 1)]);
        assert_eq!(of(&[0, 1, 31, 32, 33, 100]), [(0, 3), (3, 6)]);
        assert_eq!(of(&[3, 2, 2, 40]), [(0, 1), (1, 2), (2, 4)]);
        let all: Vec<u32> = (0..100).collect();
        assert_eq!(of(&all), [(0, 32), (32, 64), (64, 96), (96, 100)]);
    }

    #[test]
    fn each_row_comes_back_in_its_place() {
        let features = Tensor::rand([7, 3], (Kind::Float, Device::Cpu));
        let indices = [30, 31, 33, 34, 2, 2, 90];
        let same = in_blocks::<TchError>(&features, &indices, |block| {
            assert_eq!(block.size(), [BLOCK as i64, 3]);
            Ok(block.shallow_clone())
        });
        assert!(same.unwrap().equal(&features));
        let none =
            in_blocks::<TchError>(&features.narrow(0, 0, 0), &[], |block| Ok(block.shallow_clone())).unwrap();
        assert_eq!(none.size(), [0, 3]);
    }
}
