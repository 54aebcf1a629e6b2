//! Weighted nearest-neighbour classification of frozen features: the protocol of Wu et al. (2018, "Unsupervised
//! feature learning via non-parametric instance discrimination", section 3.4) as DINO and lightly run it.
//!
//! Features are L2-normalised, the `k` most similar bank images vote for their class with weight `exp(sim / T)`.

use tch::{Kind, Tensor};

use twist_model::{ModelError, Neighbours, nearest};

use crate::EvalError;

/// Queries whose votes are counted at once: for 1,000 classes 16 MiB.
const VOTE_BLOCK: i64 = 4_096;

/// The two numbers that define the vote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnnProtocol {
    /// Number of neighbours that vote. A bank with fewer images votes as a whole.
    pub k: i64,
    /// Temperature of the weights `exp(similarity / T)`, with cosine similarity in [-1, 1].
    pub temperature: f64,
}

impl KnnProtocol {
    /// CIFAR: what tables from Wu et al. (2018) on use, lightly's among them.
    pub const CIFAR: Self = Self { k: 200, temperature: 0.1 };
    /// ImageNet: DINO's `eval_knn.py`, at the k of 10, 20, 100 and 200 that it reports as the best.
    pub const IMAGENET: Self = Self { k: 20, temperature: 0.07 };

    /// What a run's plan says.
    pub fn of_plan(plan: &twist_train::TrainPlan) -> Self {
        Self { k: plan.eval.knn_k as i64, temperature: plan.eval.knn_temperature }
    }
}

/// The class that the `protocol.k` nearest of some neighbours vote for, where `labels` `[N]` (int64, in
/// `0..classes`) are the bank's: `[Q]` int64.
///
/// # Errors
/// Labels outside of `0..classes`.
fn vote(
    neighbours: &Neighbours,
    labels: &Tensor,
    classes: i64,
    protocol: KnnProtocol,
) -> Result<Tensor, EvalError> {
    let (queries, found) = neighbours.index.size2()?;
    let k = protocol.k.clamp(1, found);
    let block = |start: i64| -> Result<Tensor, EvalError> {
        let part =
            |tensor: &Tensor| tensor.f_narrow(0, start, VOTE_BLOCK.min(queries - start))?.f_narrow(1, 0, k);
        let (similarity, index) = (part(&neighbours.similarity)?, part(&neighbours.index)?.f_contiguous()?);
        // Measured from the best neighbour: the same vote, and `exp` cannot overflow at a small temperature.
        let weight =
            similarity.f_sub(&similarity.f_narrow(1, 0, 1)?)?.f_div_scalar(protocol.temperature)?.f_exp()?;
        let class = labels.f_index_select(0, &index.f_flatten(0, 1)?)?.f_view_as(&index)?;
        let votes = Tensor::f_zeros([index.size()[0], classes], (Kind::Float, weight.device()))?;
        Ok(votes.f_scatter_add(1, &class, &weight)?.f_argmax(1, false)?)
    };
    tch::no_grad(|| {
        let blocks: Result<Vec<Tensor>, EvalError> =
            (0..queries).step_by(VOTE_BLOCK as usize).map(block).collect();
        Ok(Tensor::f_cat(&blocks?, 0)?)
    })
}
/// Fraction of `queries` whose weighted vote gives their own label (`[Q]` int64).
///
/// # Errors
/// An empty bank, or shapes that do not fit together.
pub fn knn_top1(
    bank: (&Tensor, &Tensor),
    queries: (&Tensor, &Tensor),
    classes: i64,
    protocol: KnnProtocol,
) -> Result<f64, EvalError> {
    let each = knn_top1_each(bank, queries, classes, &[protocol])?;
    Ok(each.first().copied().ok_or(ModelError::NoFeatures)?)
}

/// [`knn_top1`] by several protocols from one search for neighbours, the costly part.
///
/// # Errors
/// As [`knn_top1`].
pub fn knn_top1_each(
    (bank, bank_labels): (&Tensor, &Tensor),
    (queries, query_labels): (&Tensor, &Tensor),
    classes: i64,
    protocols: &[KnnProtocol],
) -> Result<Vec<f64>, EvalError> {
    let most = protocols.iter().map(|protocol| protocol.k).max().unwrap_or(1);
    let neighbours = nearest(bank, queries, most)?;
    let top1 = |protocol: &KnnProtocol| -> Result<f64, EvalError> {
        let predicted = vote(&neighbours, bank_labels, classes, *protocol)?;
        let correct = predicted.f_eq_tensor(query_labels)?.f_sum(Kind::Int64)?;
        Ok(i64::try_from(&correct)? as f64 / query_labels.size()[0] as f64)
    };
    protocols.iter().map(top1).collect()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn normalised(rows: i64, width: i64, seed: i64) -> Tensor {
        let _numbers = torch_ext::RandomNumbers::seeded(seed);
        let x = Tensor::randn([rows, width], (Kind::Float, Device::Cpu));
        &x / x.norm_scalaropt_dim(2, [1i64].as_slice(), true)
    }

    /// The protocol's formula written out with loops and `f64`.
    fn by_formula(
        bank: &Tensor,
        labels: &[i64],
        queries: &Tensor,
        classes: usize,
        k: usize,
        t: f64,
    ) -> Vec<i64> {
        let rows = |x: &Tensor| Vec::<Vec<f64>>::try_from(x.to_kind(Kind::Double)).unwrap();
        let bank = rows(bank);
        rows(queries)
            .iter()
            .map(|q| {
                let mut near: Vec<(f64, i64)> = bank
                    .iter()
                    .zip(labels)
                    .map(|(b, &l)| (q.iter().zip(b).map(|(x, y)| x * y).sum(), l))
                    .collect();
                near.sort_by(|a, b| b.0.total_cmp(&a.0));
                let mut votes = vec![0.0; classes];
                for (similarity, label) in &near[..k.min(near.len())] {
                    votes[*label as usize] += (similarity / t).exp();
                }
                (0..classes).max_by(|&a, &b| votes[a].total_cmp(&votes[b])).unwrap() as i64
            })
            .collect()
    }

    #[test]
    fn the_vote_is_the_formula() {
        for (bank_len, k, t) in
            [(700, 20, 0.1), (700, 200, 0.1), (30, 200, 0.07), (700, 1, 0.1), (700, 50, 0.005)]
        {
            let (bank, queries) = (normalised(bank_len, 8, 1), normalised(600, 8, 2));
            let labels: Vec<i64> = (0..bank_len).map(|i| (i * 7 + i / 3) % 5).collect();
            let protocol = KnnProtocol { k, temperature: t };
            let near = nearest(&bank, &queries, k).unwrap();
            let got = vote(&near, &Tensor::from_slice(&labels), 5, protocol).unwrap();
            let want = by_formula(&bank, &labels, &queries, 5, k as usize, t);
            let got = Vec::<i64>::try_from(got).unwrap();
            let differing = got.iter().zip(&want).filter(|(a, b)| a != b).count();
            assert!(differing <= 1, "k {k}, T {t}: {differing} of {} differ", want.len()); // one near tie in f32
        }
    }

    #[test]
    fn one_search_serves_every_k() {
        let (bank, queries) = (normalised(900, 6, 4), normalised(VOTE_BLOCK + 70, 6, 5));
        let labels = Tensor::arange(900, (Kind::Int64, Device::Cpu)).remainder(7);
        let asked = Tensor::arange(VOTE_BLOCK + 70, (Kind::Int64, Device::Cpu)).remainder(7);
        let protocols: Vec<KnnProtocol> = [10, 20, 1, 200]
            .iter()
            .flat_map(|&k| [0.07, 0.1].map(|temperature| KnnProtocol { k, temperature }))
            .collect();
        let each = knn_top1_each((&bank, &labels), (&queries, &asked), 7, &protocols).unwrap();
        for (top1, protocol) in each.iter().zip(&protocols) {
            let alone = knn_top1((&bank, &labels), (&queries, &asked), 7, *protocol).unwrap();
            assert_eq!(*top1, alone, "{protocol:?}");
        }
        assert_ne!(each[0], each[6], "another k is another vote");
    }

    #[test]
    fn separated_classes_are_all_found() {
        let labels = Tensor::arange(40, (Kind::Int64, Device::Cpu)).remainder(4);
        let bank = labels.one_hot(4).to_kind(Kind::Float);
        let top1 = knn_top1((&bank, &labels), (&bank, &labels), 4, KnnProtocol { k: 200, temperature: 0.1 })
            .unwrap();
        assert_eq!(top1, 1.0);
    }
}
