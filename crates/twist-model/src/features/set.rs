//! Features of a data set, row by row.

use tch::Tensor;
use twist_data::{Dataset, Skipped};
use twist_io::Refused;

use super::unit_rows;
use crate::ModelError;

/// Frozen features of the readable images of a data set, as the backbone gives them: not normalised.
#[derive(Debug)]
pub struct FeatureSet {
    /// Index of each row in its data set, ascending.
    pub indices: Vec<u32>,
    /// `[N, D]` float32 on the CPU.
    pub rows: Tensor,
    /// Images that could not be read.
    pub skipped: Vec<Skipped>,
}

impl FeatureSet {
    /// Every row divided by its L2 norm.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn unit_rows(&self) -> Result<Tensor, ModelError> {
        unit_rows(&self.rows)
    }

    /// The label of each row.
    pub fn labels(&self, dataset: &dyn Dataset) -> Vec<Option<u32>> {
        self.indices.iter().map(|&index| dataset.label(index as usize)).collect()
    }

    /// Index of each row that has a label, as [`FeatureSet::labelled`] gives them.
    pub fn labelled_indices(&self, dataset: &dyn Dataset) -> Vec<u32> {
        self.indices.iter().copied().filter(|&index| dataset.label(index as usize).is_some()).collect()
    }

    /// The rows that have a label `[M, D]`, and their labels `[M]` (int64).
    ///
    /// # Errors
    /// None has one.
    pub fn labelled(&self, dataset: &dyn Dataset) -> Result<(Tensor, Tensor), ModelError> {
        let labels = self.labels(dataset);
        let rows: Vec<i64> = labels
            .iter()
            .enumerate()
            .filter(|(_, label)| label.is_some())
            .map(|(row, _)| row as i64)
            .collect();
        if rows.is_empty() {
            return Err(ModelError::no_labels());
        }
        let known: Vec<i64> = labels.iter().flatten().map(|&label| i64::from(label)).collect();
        let chosen = match rows.len() == labels.len() {
            true => self.rows.shallow_clone(),
            false => self.rows.f_index_select(0, &Tensor::f_from_slice(&rows)?)?,
        };
        Ok((chosen, Tensor::f_from_slice(&known)?))
    }

    /// [`FeatureSet::labelled`] of images that are of several classes.
    ///
    /// # Errors
    /// The same; all are of one class.
    pub fn labelled_apart(&self, dataset: &dyn Dataset) -> Result<(Tensor, Tensor), ModelError> {
        check_apart(self.labels(dataset).into_iter().flatten(), dataset)?;
        self.labelled(dataset)
    }
}

/// Refuses images without labels to measure on, and images of one class to learn from, before features are computed.
///
/// # Errors
/// As [`FeatureSet::labelled_apart`].
pub fn check_labels(train: &dyn Dataset, test: &dyn Dataset) -> Result<(), ModelError> {
    let labels = |dataset: &dyn Dataset| -> Vec<u32> {
        (0..dataset.len()).filter_map(|index| dataset.label(index)).collect()
    };
    let known = labels(train);
    if known.is_empty() || labels(test).is_empty() {
        return Err(ModelError::no_labels());
    }
    check_apart(known.into_iter(), train)
}

fn check_apart(mut known: impl Iterator<Item = u32>, dataset: &dyn Dataset) -> Result<(), ModelError> {
    if let Some(first) = known.next()
        && known.all(|label| label == first)
    {
        let name = dataset.classes().get(first as usize).cloned().unwrap_or_default();
        let why =
            "measure with images of several classes (`twist data info DATA` shows which ones there are)";
        let what =
            format!("all labelled images are of one class, {name}, so that every answer would be right");
        return Err(Refused::new(what).because(why).into());
    }
    Ok(())
}
