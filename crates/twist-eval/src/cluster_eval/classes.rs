//! One line for each class.

use serde::Serialize;
use twist_metrics::Contingency;

use super::Ranking;
use crate::EvalError;

/// How a class fares under the one-to-one naming of clusters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassRow {
    /// Its name, or its number where it has none.
    pub class: String,
    /// Images with it.
    pub images: u64,
    /// The cluster that is named after it.
    pub cluster: Option<u32>,
    /// Share of its images that are in that cluster.
    pub accuracy: f64,
    /// Share of that cluster's images that have this class.
    pub purity: Option<f64>,
    /// The class that most of its other images are taken for.
    pub taken_for: Option<String>,
}

/// Every class that occurs in `labels`, in ascending order; `names` by label.
///
/// # Errors
/// The number of labels is not that of the images.
pub fn class_rows(labels: &[u32], ranking: &Ranking, names: &[String]) -> Result<Vec<ClassRow>, EvalError> {
    let name = |class: u32| names.get(class as usize).cloned().unwrap_or_else(|| class.to_string());
    let scores = Contingency::new(labels, &ranking.first())?.class_scores();
    Ok(scores
        .into_iter()
        .map(|score| ClassRow {
            class: name(score.class),
            images: score.images,
            cluster: score.cluster,
            accuracy: score.accuracy,
            purity: score.purity,
            taken_for: score.taken_for.map(name),
        })
        .collect())
}
