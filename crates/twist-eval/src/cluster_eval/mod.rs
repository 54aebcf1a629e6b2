//! What discovered classes are worth on labelled images, and what k-means makes of the same features.
//!
//! A [`Ranking`] says which clusters each image belongs to, the most probable first; [`ClusterFigures`] are all scores
//! of a ranking against labels, [`ClassRow`]s one line for each class. [`FeatureClusters`] is the reference row of the
//! table: k-means on the L2-normalised features of the same images. [`FigureSummary`] makes mean ± deviation of several
//! seeds or checkpoints. No label is used before the scores: the naming of clusters is part of the measurement.

mod classes;
mod ranking;
mod reference;
mod summary;

pub use classes::{ClassRow, class_rows};
pub use ranking::Ranking;
pub use reference::{FeatureClusters, KMeansProtocol};
pub use summary::FigureSummary;

use serde::Serialize;
use twist_metrics::{ClusterScores, Contingency, cluster_scores, cluster_top_k};

use crate::EvalError;

/// Every score of one clustering of labelled images, as fractions; field names are the keys of `--json`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClusterFigures {
    /// NMI, AMI, ARI, Fowlkes–Mallows, accuracies and classes in use.
    #[serde(flatten)]
    pub scores: ClusterScores,
    /// Share of the labels' information that the clusters have.
    pub homogeneity: f64,
    /// Share of the clusters' information that the labels have.
    pub completeness: f64,
    /// Share of images whose class is among the classes of their five most probable clusters
    /// ([`twist_metrics::cluster_top_k`]); of five classes or clusters it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
    /// Mean probability of the winning cluster; k-means has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_confidence: Option<f64>,
}

impl ClusterFigures {
    /// Scores `ranking` against the labels of the same images.
    ///
    /// # Errors
    /// The number of labels is not that of the images.
    pub fn new(labels: &[u32], ranking: &Ranking) -> Result<Self, EvalError> {
        let predictions = ranking.first();
        let table = Contingency::new(labels, &predictions)?;
        Ok(Self {
            scores: cluster_scores(labels, &predictions)?,
            homogeneity: table.homogeneity(),
            completeness: table.completeness(),
            top5: match table.classes().len().min(ranking.all) {
                0..=5 => None,
                _ => Some(cluster_top_k(labels, &ranking.clusters, ranking.per_image)?),
            },
            mean_confidence: ranking.mean_confidence,
        })
    }
}
