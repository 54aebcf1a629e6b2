//! The nearest rows of a bank of features, by cosine similarity.

use tch::Tensor;

use crate::ModelError;

/// How many queries and how many bank images one matrix product compares: 512 × 16,384 similarities are 32 MiB,
/// so the memory needed does not grow with either set.
const QUERY_BLOCK: i64 = 512;
const BANK_BLOCK: i64 = 16_384;

/// The nearest bank images of each query, most similar first.
#[derive(Debug)]
pub struct Neighbours {
    /// Cosine similarities `[Q, k]`.
    pub similarity: Tensor,
    /// Rows of the bank `[Q, k]` (int64).
    pub index: Tensor,
}

/// Finds the `k` most similar rows of `bank` `[N, D]` for each row of `queries` `[Q, D]`; both L2-normalised.
///
/// Blocks of the bank are compared in turn and merged into the best so far, so no `[Q, N]` matrix exists.
///
/// # Errors
/// An empty bank, or shapes that do not fit together.
pub fn nearest(bank: &Tensor, queries: &Tensor, k: i64) -> Result<Neighbours, ModelError> {
    let (bank_len, _) = bank.size2()?;
    let (query_len, _) = queries.size2()?;
    if bank_len == 0 || query_len == 0 {
        return Err(ModelError::NoFeatures);
    }
    let k = k.clamp(1, bank_len);
    tch::no_grad(|| {
        let (mut similarity, mut index) = (Vec::new(), Vec::new());
        for start in (0..query_len).step_by(QUERY_BLOCK as usize) {
            let block = queries.f_narrow(0, start, QUERY_BLOCK.min(query_len - start))?;
            let (best, rows) = nearest_of_block(bank, &block, k)?;
            similarity.push(best);
            index.push(rows);
        }
        Ok(Neighbours { similarity: Tensor::f_cat(&similarity, 0)?, index: Tensor::f_cat(&index, 0)? })
    })
}

/// One block of queries against the whole bank: `([q, k], [q, k])`.
fn nearest_of_block(bank: &Tensor, queries: &Tensor, k: i64) -> Result<(Tensor, Tensor), ModelError> {
    let (bank_len, _) = bank.size2()?;
    let mut best: Option<(Tensor, Tensor)> = None;
    for start in (0..bank_len).step_by(BANK_BLOCK as usize) {
        let len = BANK_BLOCK.min(bank_len - start);
        let similarity = torch_ext::linear(queries, &bank.f_narrow(0, start, len)?, None)?;
        let (value, row) = similarity.f_topk(k.min(len), 1, true, true)?;
        let row = row.f_add_scalar(start)?;
        best = Some(match best {
            None => (value, row),
            Some((values, rows)) => {
                let values = Tensor::f_cat(&[values, value], 1)?;
                let rows = Tensor::f_cat(&[rows, row], 1)?;
                let (value, place) = values.f_topk(k.min(values.size()[1]), 1, true, true)?;
                (value, rows.f_gather(1, &place, false)?)
            }
        });
    }
    best.ok_or(ModelError::NoFeatures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn normalised(rows: i64, width: i64, seed: i64) -> Tensor {
        let _numbers = torch_ext::RandomNumbers::seeded(seed);
        let x = Tensor::randn([rows, width], (Kind::Float, Device::Cpu));
        &x / x.norm_scalaropt_dim(2, [1i64].as_slice(), true)
    }

    #[test]
    fn blocks_of_the_bank_are_merged() {
        // More rows than one block, and the best ones in different blocks.
        let len = BANK_BLOCK + 100;
        let bank = normalised(len, 4, 3);
        let queries = Tensor::cat(&[bank.narrow(0, 5, 1), bank.narrow(0, len - 2, 1)], 0);
        let found = nearest(&bank, &queries, 3).unwrap();
        assert_eq!(found.index.int64_value(&[0, 0]), 5);
        assert_eq!(found.index.int64_value(&[1, 0]), len - 2);
        let all = queries.matmul(&bank.tr()).topk(3, 1, true, true);
        assert!(found.similarity.allclose(&all.0, 1e-6, 1e-6, false));
        assert_eq!(found.index, all.1);
    }

    #[test]
    fn an_empty_bank_is_an_error() {
        let none = Tensor::zeros([0, 4], (Kind::Float, Device::Cpu));
        assert!(matches!(nearest(&none, &normalised(2, 4, 1), 3), Err(ModelError::NoFeatures)));
    }
}
