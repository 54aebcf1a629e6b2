//! The most probable clusters of each image.

use tch::{Kind, Tensor};
use twist_model::{Model, ModelError, in_blocks};

use crate::EvalError;

/// Clusters that are kept of each image: what top-5 needs.
pub(super) const KEPT: i64 = 5;
/// Features that are on the device at once.
const BLOCK: i64 = 4_096;

/// The first clusters of each image, the most probable (or nearest) first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// `[N, per_image]`, image after image.
    pub clusters: Vec<u32>,
    /// Clusters of one image: 5, or all where there are fewer.
    pub per_image: usize,
    /// Clusters that there are.
    pub all: usize,
    /// Mean probability of the first; `None` without probabilities.
    pub mean_confidence: Option<f64>,
}

impl Ranking {
    /// What the head of `model` says of `features` `[N, D]`, as its backbone gives them, of the images that have these `indices` in their
    /// data set.
    ///
    /// # Errors
    /// The model has no head, or the features are none or have another width.
    pub fn of_model(model: &Model, features: &Tensor, indices: &[u32]) -> Result<Self, EvalError> {
        let (len, _) = features.size2()?;
        let (mut clusters, mut confidence, mut all) = (Vec::new(), Vec::new(), 0);
        let _no_grad = tch::no_grad_guard();
        for start in (0..len).step_by(BLOCK as usize) {
            let count = BLOCK.min(len - start);
            let some = features.f_narrow(0, start, count)?.f_to_device(model.store.device())?;
            let of_some = &indices[start as usize..(start + count) as usize];
            let probabilities = in_blocks(&some, of_some, |block| model.head_probabilities(block))?;
            all = probabilities.size2()?.1;
            let k = KEPT.min(all);
            let (probability, cluster) = probabilities.f_topk(k, 1, true, true)?;
            clusters.push(cluster);
            confidence.push(probability.f_select(1, 0)?.f_sum(Kind::Double)?);
        }
        if clusters.is_empty() {
            return Err(ModelError::NoFeatures.into());
        }
        let sum: f64 = confidence.iter().map(f64::try_from).sum::<Result<f64, _>>()?;
        Ok(Self {
            mean_confidence: Some(sum / len as f64),
            ..Self::of_rows(&Tensor::f_cat(&clusters, 0)?, all)?
        })
    }

    /// Of clusters `[N, k]` (int64) among `all`, the first ones first, with no probabilities.
    ///
    /// # Errors
    /// Another shape or kind.
    pub fn of_rows(clusters: &Tensor, all: i64) -> Result<Self, EvalError> {
        let (_, per_image) = clusters.size2()?;
        let numbers = Vec::<i64>::try_from(&clusters.f_flatten(0, -1)?.f_contiguous()?)?;
        Ok(Self {
            clusters: numbers.into_iter().map(|cluster| cluster as u32).collect(),
            per_image: per_image as usize,
            all: all as usize,
            mean_confidence: None,
        })
    }

    /// The first cluster of each image.
    pub fn first(&self) -> Vec<u32> {
        self.clusters.iter().step_by(self.per_image.max(1)).copied().collect()
    }
}
