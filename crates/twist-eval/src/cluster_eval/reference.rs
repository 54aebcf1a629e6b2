//! The reference row: k-means on the features that the discovered classes come from.

use serde::Serialize;
use tch::Tensor;

use super::ranking::KEPT;
use super::{ClusterFigures, Ranking};
use crate::{EvalError, KMeans};
use twist_model::unit_rows;

/// How k-means is run; with K and the features it defines the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KMeansProtocol {
    /// Seeds 0, 1, … up to this number, each a fit of its own.
    pub seeds: u64,
    /// k-means++ starts of one fit, of which the one with the least inertia is kept.
    pub restarts: u32,
    /// Most Lloyd iterations of one start.
    pub iterations: u32,
}

/// Features to fit k-means to, and labelled features to score it on: all L2-normalised, so that distance is angle.
#[derive(Debug)]
pub struct FeatureClusters {
    fitted_to: Tensor,
    scored: Tensor,
    labels: Vec<u32>,
}

impl FeatureClusters {
    /// Takes features as the backbone gives them: `fitted_to` `[M, D]`, of which no label is known, and `scored` `[N, D]`
    /// with N labels. `None` fits to the scored features themselves.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn new(fitted_to: Option<&Tensor>, scored: &Tensor, labels: Vec<u32>) -> Result<Self, EvalError> {
        let scored = unit_rows(scored)?;
        let fitted_to = match fitted_to {
            Some(rows) => unit_rows(rows)?,
            None => scored.shallow_clone(),
        };
        Ok(Self { fitted_to, scored, labels })
    }

    /// Number of images that k-means is fitted to: K may not be larger.
    pub fn fitted_to(&self) -> i64 {
        self.fitted_to.size()[0]
    }

    /// The scores of each seed's fit with `clusters` centroids. `progress` hears of fits done and their number.
    ///
    /// # Errors
    /// Fewer points than clusters, or features of different width.
    pub fn measure(
        &self,
        clusters: i64,
        protocol: KMeansProtocol,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<ClusterFigures>, EvalError> {
        let KMeansProtocol { seeds, restarts, iterations } = protocol;
        let mut figures = Vec::new();
        for seed in 0..seeds {
            let fit = KMeans { clusters, restarts, iterations, seed }.fit(&self.fitted_to)?;
            let ranking = Ranking::of_rows(&fit.ranked(&self.scored, KEPT)?, clusters)?;
            figures.push(ClusterFigures::new(&self.labels, &ranking)?);
            progress(figures.len(), seeds as usize);
        }
        Ok(figures)
    }
}
