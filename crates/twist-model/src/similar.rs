//! Search: the images of a data set that are most like a given one.

use std::path::{Path, PathBuf};

use tch::Tensor;
use twist_data::{Dataset, GivenImage, given_images};
use twist_io::Refused;
use twist_nn::FeatureKind;

use crate::{
    EvalInput, FeatureBatch, FeatureSet, Model, ModelError, Predictor, StreamEvent, nearest, stream_features,
    unit_rows,
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
    /// libtorch fails, or a row does not exist.
    pub fn to_row(&self, row: usize, k: usize) -> Result<Vec<Similar>, ModelError> {
        let mut found = self.search(&self.unit.f_narrow(0, row as i64, 1)?, k + 1)?;
        found.retain(|similar| similar.row != row);
        found.truncate(k); // an equal image may have pushed the row itself out
        Ok(found)
    }

    /// The `k` images most like the one that `named` names: a file, or else the path of an image in `dataset`, whose features
    /// the bank holds. An image of `dataset` is not a match for itself. `None`: there is neither.
    ///
    /// # Errors
    /// The file is not an image; libtorch fails.
    pub fn to_named(
        &self,
        named: &str,
        dataset: &dyn Dataset,
        k: usize,
    ) -> Result<Option<Vec<Similar>>, ModelError> {
        let row_of =
            |is_it: &dyn Fn(usize) -> bool| self.bank.indices.iter().position(|&index| is_it(index as usize));
        let file = Path::new(named);
        if !file.is_file() {
            let wanted = named.trim_start_matches("./");
            let row = row_of(&|index| dataset.path(index) == wanted);
            return row.map(|row| self.to_row(row, k)).transpose();
        }
        is_one_image(named, dataset)?;
        let real = fs_err::canonicalize(file).map_err(|error| Refused::reading(file, error))?;
        let names = [file.file_name(), real.file_name()];
        let is_it = |other: PathBuf| {
            names.contains(&other.file_name()) && fs_err::canonicalize(other).is_ok_and(|other| other == real)
        };
        match row_of(&|index| dataset.file(index).is_some_and(is_it)) {
            Some(row) => self.to_row(row, k).map(Some),
            None => self.to_image(GivenImage::File(file.to_owned()), k).map(Some),
        }
    }

    /// The `k` images most like this one, the most similar first.
    ///
    /// # Errors
    /// It cannot be read; libtorch fails.
    pub fn to_image(&self, image: GivenImage, k: usize) -> Result<Vec<Similar>, ModelError> {
        self.search(&unit_rows(&self.features_of(image)?)?, k)
    }

    /// The most probable class of each of some rows, as positions in [`Predictor::class`].
    ///
    /// # Errors
    /// libtorch fails.
    pub fn classes(&self, predictor: &Predictor, rows: &[usize]) -> Result<Vec<usize>, ModelError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let indices: Vec<u32> = rows.iter().map(|&row| self.bank.indices[row]).collect();
        let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let features = self.bank.rows.f_index_select(0, &Tensor::f_from_slice(&rows)?)?;
        let batch = FeatureBatch { indices: &indices, features: &features };
        let found = predictor.classify(self.model, &batch)?;
        Ok(found.classes.iter().step_by(found.top).copied().collect())
    }

    fn search(&self, query: &Tensor, k: usize) -> Result<Vec<Similar>, ModelError> {
        let found = nearest(&self.unit, query, k as i64)?;
        let rows = Vec::<i64>::try_from(&found.index.f_flatten(0, -1)?)?;
        let similarities = Vec::<f32>::try_from(&found.similarity.f_flatten(0, -1)?)?;
        let similar = |(row, similarity)| Similar { row: row as usize, similarity };
        Ok(rows.into_iter().zip(similarities).map(similar).collect())
    }

    /// The features `[1, D]` of an image.
    fn features_of(&self, image: GivenImage) -> Result<Tensor, ModelError> {
        let (mut reason, mut row) = (None, None);
        let mut hear = |event: StreamEvent<'_>| {
            if let StreamEvent::Skipped(image) = event {
                reason = Some(image.reason.clone());
            }
        };
        let images = given_images(vec![image]);
        let kind = FeatureKind::Last;
        let read = stream_features(self.model, self.input, kind, &images, &mut hear, |batch| {
            row = Some(batch.features.shallow_clone());
            Ok(())
        });
        let query =
            |why: String| Refused::new(format!("{} cannot be searched for", images.path(0))).because(why);
        match (reason, read) {
            (Some(reason), _) => Err(query(reason).into()),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => row.ok_or(ModelError::NoFeatures),
        }
    }
}
/// Checks that `named` does not mean two images: a file, and another image that `dataset` has under this path.
///
/// # Errors
/// It does; the file cannot be looked at.
pub fn is_one_image(named: &str, dataset: &dyn Dataset) -> Result<(), ModelError> {
    let file = Path::new(named);
    let Some(index) =
        (0..dataset.len()).find(|&index| dataset.path(index) == named).filter(|_| file.is_file())
    else {
        return Ok(());
    };
    let real = fs_err::canonicalize(file).map_err(|error| Refused::reading(file, error))?;
    let other = dataset.file(index).and_then(|other| fs_err::canonicalize(other).ok());
    if other.is_some_and(|other| other == real) {
        return Ok(());
    }
    let what = format!("{named} means two images: a file below the current folder, and another one in DATA");
    Err(Refused::new(what)
        .remedy("write ./ before it for the file, or the path of the other one from the current folder")
        .into())
}
