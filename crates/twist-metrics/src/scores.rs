//! All cluster scores of one evaluation.

use serde::{Deserialize, Serialize};

use crate::contingency::{Contingency, MetricsError};

/// The scores that an evaluation reports, as fractions; field names are the keys of `metrics.json`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterScores {
    /// [`Contingency::nmi`].
    pub nmi: f64,
    /// [`Contingency::ami`].
    pub ami: f64,
    /// [`Contingency::ari`].
    pub ari: f64,
    /// [`Contingency::fowlkes_mallows`].
    pub fowlkes_mallows: f64,
    /// [`Contingency::accuracy_one_to_one`].
    pub accuracy_one_to_one: f64,
    /// [`Contingency::accuracy_many_to_one`].
    pub accuracy_many_to_one: f64,
    /// Number of clusters that at least one image was assigned to.
    pub classes_in_use: usize,
}

/// Scores predicted clusters against labels, image by image.
///
/// # Errors
/// [`MetricsError::Lengths`] when the two lists are of different length.
pub fn cluster_scores(labels: &[u32], predictions: &[u32]) -> Result<ClusterScores, MetricsError> {
    let table = Contingency::new(labels, predictions)?;
    Ok(ClusterScores {
        nmi: table.nmi(),
        ami: table.ami(),
        ari: table.ari(),
        fowlkes_mallows: table.fowlkes_mallows(),
        accuracy_one_to_one: table.accuracy_one_to_one(),
        accuracy_many_to_one: table.accuracy_many_to_one(),
        classes_in_use: table.clusters().len(),
    })
}
