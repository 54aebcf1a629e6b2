//! Search: the images of a data set that are most like a given one.

use std::path::Path;

use tch::Tensor;
use twist_data::Skipped;
use twist_io::Refused;
use twist_nn::FeatureKind;

use crate::image_files::image_files;
use crate::{
    EvalInput, FeatureSet, Model, ModelError, Predictor, StreamEvents, nearest, stream_features, unit_rows,
};

/// Frozen features that can be searched by cosine similarity.
pub struct SimilarImages<'a> {
    model: &'a Model,
    input: &'a EvalInput,
    bank: &'a FeatureSet,
    /// The rows of the bank with length 1, `[N, D]`.
    unit: Tensor,
}

/// An image that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similar {
    /// Its row in the features.
    pub row: usize,
    /// Cosine similarity to the query, at most 1.
    pub similarity: f32,
}

impl<'a> SimilarImages<'a> {
    /// Searches in `bank`, the features that `model` gives with `input`.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn new(model: &'a Model, input: &'a EvalInput, bank: &'a FeatureSet) -> Result<Self, ModelError> {
        Ok(Self { model, input, bank, unit: bank.unit_rows()? })
    }

    /// The `k` images most like that of `row`, which is not one of them; the most similar first.
    ///
    /// # Errors
    /// libtorch fails, or there is no such row.
    pub fn to_row(&self, row: usize, k: usize) -> Result<Vec<Similar>, ModelError> {
        let mut found = self.search(&self.unit.f_narrow(0, row as i64, 1)?, k + 1)?;
        found.retain(|similar| similar.row != row);
        found.truncate(k); // an equal image may have pushed the row itself out
        Ok(found)
    }

    /// The `k` images most like the one in this file, the most similar first.
    ///
    /// # Errors
    /// The file is not an image; libtorch fails.
    pub fn to_file(&self, file: &Path, k: usize) -> Result<Vec<Similar>, ModelError> {
        self.search(&unit_rows(&self.features_of(file)?)?, k)
    }

    /// The most probable class of each of some rows, as positions in [`Predictor::class`].
    ///
    /// # Errors
    /// libtorch fails.
    pub fn classes(&self, predictor: &Predictor, rows: &[usize]) -> Result<Vec<usize>, ModelError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let features = self.bank.rows.f_index_select(0, &Tensor::f_from_slice(&rows)?)?;
        let found = predictor.classify(self.model, &features)?;
        Ok(found.classes.iter().step_by(found.top).copied().collect())
    }

    fn search(&self, query: &Tensor, k: usize) -> Result<Vec<Similar>, ModelError> {
        let found = nearest(&self.unit, query, k as i64)?;
        let rows = Vec::<i64>::try_from(&found.index.f_flatten(0, -1)?)?;
        let similarities = Vec::<f32>::try_from(&found.similarity.f_flatten(0, -1)?)?;
        let similar = |(row, similarity)| Similar { row: row as usize, similarity };
        Ok(rows.into_iter().zip(similarities).map(similar).collect())
    }

    /// The features `[1, D]` of an image file.
    fn features_of(&self, file: &Path) -> Result<Tensor, ModelError> {
        let (mut reason, mut row) = (Reason::default(), None);
        let images = image_files(vec![file.to_owned()]);
        let kind = FeatureKind::Last;
        let read = stream_features(self.model, self.input, kind, &images, &mut reason, |batch| {
            row = Some(batch.features.shallow_clone());
            Ok(())
        });
        let query =
            |why: String| Refused::new(format!("{} cannot be searched for", file.display())).because(why);
        match (reason.0, read) {
            (Some(reason), _) => Err(query(reason).into()),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => row.ok_or(ModelError::NoFeatures),
        }
    }
}

/// Why an image could not be read.
#[derive(Default)]
struct Reason(Option<String>);

impl StreamEvents for Reason {
    fn skipped(&mut self, image: &Skipped) {
        self.0 = Some(image.reason.clone());
    }

    fn progress(&mut self, _done: usize, _all: usize) {}
}
