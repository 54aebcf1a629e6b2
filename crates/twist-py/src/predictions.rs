//! `twist.Predictions`: the most probable classes of images.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyString;
use twist_model::{Predictions as Classified, Predictor};

use crate::rows::{Heard, warn};

/// The most probable classes of N images, the best first: T for each.
#[pyclass(frozen, get_all, module = "twist")]
pub(crate) struct Predictions {
    /// Numbers of the classes, int32 `[N, T]`; -1 for a missing image.
    cluster: Py<PyArray2<i32>>,
    /// Their names, str `[N, T]`; None for a missing image.
    name: Py<PyArray2<Py<PyAny>>>,
    /// Their probabilities, float32 `[N, T]`; NaN for a missing image.
    probability: Py<PyArray2<f32>>,
    /// Whether the best class is less probable than the threshold, bool `[N]`.
    unsure: Py<PyArray1<bool>>,
}

#[pymethods]
impl Predictions {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.cluster.bind(py).len()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<twist.Predictions of {} images>", self.__len__(py)?))
    }
}

/// The same on its way out of the model's thread.
pub(crate) struct Found {
    classes: Vec<(i32, String)>,
    top: usize,
    /// Places in `classes`, `[N, T]`; `None` for a missing image.
    places: Vec<Option<usize>>,
    probabilities: Vec<f32>,
    unsure: Vec<bool>,
    pub(crate) heard: Heard,
    pub(crate) warning: Option<String>,
}

impl Found {
    /// Room for the classes of `count` images.
    pub(crate) fn new(predictor: &Predictor, count: usize) -> Self {
        let class = |place| (predictor.class(place).0, predictor.class(place).1.to_owned());
        let top = predictor.top();
        Self {
            classes: (0..predictor.len()).map(class).collect(),
            top,
            places: vec![None; count * top],
            probabilities: vec![f32::NAN; count * top],
            unsure: vec![true; count],
            heard: Heard::default(),
            warning: None,
        }
    }

    /// Fills in the rows of some images.
    pub(crate) fn add(&mut self, predictor: &Predictor, indices: &[u32], found: &Classified) {
        let top = self.top;
        let rows = found.classes.chunks_exact(top).zip(found.probabilities.chunks_exact(top));
        for (&index, (classes, probabilities)) in indices.iter().zip(rows) {
            let row = index as usize * top;
            self.places[row..][..top]
                .iter_mut()
                .zip(classes)
                .for_each(|(place, &class)| *place = Some(class));
            self.probabilities[row..][..top].copy_from_slice(probabilities);
            self.unsure[index as usize] = probabilities.first().is_none_or(|&best| predictor.is_unsure(best));
        }
    }

    /// As arrays, with the warnings said.
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Predictions> {
        let Self { classes, top, places, probabilities, unsure, heard, warning } = self;
        warning.iter().try_for_each(|warning| warn(py, warning))?;
        heard.warn(py)?;
        let shape = [unsure.len(), top];
        let names: Vec<Py<PyAny>> =
            classes.iter().map(|(_, name)| PyString::new(py, name).into_any().unbind()).collect();
        let number = |place: &Option<usize>| place.map_or(-1, |place| classes[place].0);
        let name =
            |place: &Option<usize>| place.map_or_else(|| py.None(), |place| names[place].clone_ref(py));
        let cluster: Vec<i32> = places.iter().map(number).collect();
        let name: Vec<Py<PyAny>> = places.iter().map(name).collect();
        Ok(Predictions {
            cluster: PyArray1::from_vec(py, cluster).reshape(shape)?.unbind(),
            name: PyArray1::from_vec(py, name).reshape(shape)?.unbind(),
            probability: PyArray1::from_vec(py, probabilities).reshape(shape)?.unbind(),
            unsure: PyArray1::from_vec(py, unsure).unbind(),
        })
    }
}
