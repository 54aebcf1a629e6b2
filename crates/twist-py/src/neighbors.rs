//! `twist.Neighbors`: the images that are most like given ones.

use std::sync::Arc;

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use twist_data::{Dataset, GivenImage};
use twist_io::Refused;
use twist_model::{FeatureCache, ModelError, Similar, SimilarImages, StreamEvent};
use twist_nn::FeatureKind;

use crate::images::{one, path_of, several};
use crate::model::Opened;
use crate::rows::warn;
use crate::worker::Stop;

/// The images that are most like Q queries, the most similar first. K is k, or less where there are fewer images.
#[pyclass(frozen, get_all, module = "twist")]
pub(crate) struct Neighbors {
    /// Places among the images that were searched, int64 `[Q, K]`.
    index: Py<PyArray2<i64>>,
    /// Cosine similarities, float32 `[Q, K]`.
    similarity: Py<PyArray2<f32>>,
    /// What the images are called.
    path: Vec<Vec<String>>,
}

#[pymethods]
impl Neighbors {
    fn __len__(&self) -> usize {
        self.path.len()
    }

    fn __repr__(&self) -> String {
        format!(
            "<twist.Neighbors of {} images, {} each>",
            self.path.len(),
            self.path.first().map_or(0, Vec::len)
        )
    }
}

/// What is searched for.
pub(crate) enum Query {
    /// A file, or the path of an image among those that are searched.
    Named(String),
    Image(GivenImage),
}

/// What the argument `queries` means: one image or several.
pub(crate) fn queries_of(given: &Bound<'_, PyAny>) -> PyResult<Vec<Query>> {
    if let Some(path) = path_of(given)? {
        return Ok(vec![Query::Named(path.to_string_lossy().into_owned())]);
    }
    let images = match one(given)? {
        Some(image) => vec![image],
        None => several(given)?,
    };
    if images.is_empty() {
        return Err(PyValueError::new_err("the list of queries is empty"));
    }
    let query = |image| match image {
        GivenImage::File(path) => Query::Named(path.to_string_lossy().into_owned()),
        image => Query::Image(image),
    };
    Ok(images.into_iter().map(query).collect())
}

/// The neighbours of all queries on their way out of the model's thread.
pub(crate) struct Found {
    index: Vec<i64>,
    similarity: Vec<f32>,
    path: Vec<Vec<String>>,
    /// What to say about the cache.
    notes: Vec<String>,
}

/// Searches. The features of images that are `kept` somewhere are cached.
pub(crate) fn search(
    opened: &Opened,
    stop: &Stop,
    queries: Vec<Query>,
    dataset: &Arc<dyn Dataset>,
    kept: bool,
    k: usize,
) -> Result<Found, ModelError> {
    let nowhere = FeatureCache::off();
    let cache = if kept { &opened.cache } else { &nowhere };
    let mut notes = Vec::new();
    let mut hear = |event: StreamEvent<'_>| {
        if let StreamEvent::Note(note) = event {
            notes.push(note.to_owned());
        }
    };
    let bank = cache.features(&opened.model, &opened.input, FeatureKind::Last, dataset, &mut hear)?;
    let images = SimilarImages::new(&opened.model, &opened.input, &bank)?;
    let mut all = Vec::with_capacity(queries.len());
    for query in queries {
        stop.check()?;
        all.push(match query {
            Query::Image(image) => images.to_image(image, k)?,
            Query::Named(name) => images.to_named(&name, &**dataset, k)?.ok_or_else(|| {
                Refused::new(name).because("no such file, and no readable image of DATA has this path")
            })?,
        });
    }
    // An image that is searched for among few others has one neighbour less.
    let k = all.iter().map(Vec::len).min().unwrap_or(0);
    let of = |similar: &Similar| bank.indices[similar.row];
    let rows = || all.iter().map(|found| &found[..k]);
    Ok(Found {
        index: rows().flatten().map(|similar| i64::from(of(similar))).collect(),
        similarity: rows().flatten().map(|similar| similar.similarity).collect(),
        path: rows()
            .map(|row| row.iter().map(|similar| dataset.path(of(similar) as usize)).collect())
            .collect(),
        notes,
    })
}

impl Found {
    /// As arrays.
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Neighbors> {
        let Self { index, similarity, path, notes } = self;
        notes.iter().try_for_each(|note| warn(py, note))?;
        let shape = [path.len(), path.first().map_or(0, Vec::len)];
        Ok(Neighbors {
            index: PyArray1::from_vec(py, index).reshape(shape)?.unbind(),
            similarity: PyArray1::from_vec(py, similarity).reshape(shape)?.unbind(),
            path,
        })
    }
}
