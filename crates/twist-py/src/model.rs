//! `twist.Model`: a model with what decides its numbers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tch::Tensor;
use torch_ext::{DeviceRequest, Machine, Precision, device_name};
use twist_data::Dataset;
use twist_model::{
    ClassSource, EvalInput, FeatureBatch, FeatureCache, Model as Weights, ModelError, ModelName, NamedModel,
    Predictor, StreamEvent, names_of_model, stream_features, unit_rows,
};
use twist_nn::FeatureKind;

use crate::error::raised;
use crate::images::{images_of, is_kept};
use crate::neighbors::{Neighbors, queries_of, search};
use crate::predictions::{Found, Predictions};
use crate::rows::{Heard, Unreadable, warn};
use crate::worker::{Stop, Worker};

/// What the thread of a model owns.
pub(crate) struct Opened {
    pub(crate) model: Weights,
    pub(crate) input: EvalInput,
    pub(crate) cache: FeatureCache,
    /// MODEL as it was resolved: where names of classes are looked for.
    pub(crate) path: PathBuf,
}

/// What Python asks of a model without waiting for it.
struct Facts {
    path: PathBuf,
    origin: String,
    feature_dim: i64,
    device: String,
    /// Newer checkpoints that cannot be used, each with the reason.
    left_out: Vec<String>,
}

/// A trained network; `twist.load` opens one and describes the arguments.
///
/// Threads of Python may share it: it answers one after the other, and the interpreter is free meanwhile. Ctrl-C ends the
/// wait for it.
#[pyclass(frozen, module = "twist")]
pub(crate) struct Model {
    worker: Worker<Opened>,
    facts: Facts,
}

/// What [`Opened::load`] is asked for.
struct Wanted {
    model: PathBuf,
    teacher: bool,
    precision: Option<Precision>,
    cache: bool,
    machine: Machine,
}

impl Opened {
    fn load(Wanted { model, teacher, precision, cache, machine }: Wanted) -> Result<Self, ModelError> {
        machine.prepare()?;
        let (path, _) = NamedModel::of(&model)?.file(&mut |_, _, _| ())?;
        let path = if teacher { ModelName::teacher_of(&path) } else { path };
        let model = Weights::load(&path, machine.device)?;
        let input = EvalInput::of_card(&model.card, precision, &machine)?;
        let cache = if cache { FeatureCache::of_user() } else { FeatureCache::off() };
        Ok(Self { model, input, cache, path })
    }

    fn facts(&self) -> Facts {
        let Self { model, input, .. } = self;
        Facts {
            path: model.path.clone(),
            origin: model.card.origin.clone(),
            feature_dim: model.card.feature_dim,
            device: device_name(input.device),
            left_out: model.left_out.clone(),
        }
    }

    /// Hands the features of the images to `take`, those that are `kept` somewhere by way of the cache; returns the images that
    /// could not be read, and what to say about the cache.
    pub(crate) fn stream(
        &self,
        (dataset, kept): (&Arc<dyn Dataset>, bool),
        unreadable: Unreadable,
        stop: &Stop,
        mut take: impl FnMut(FeatureBatch<'_>) -> Result<(), ModelError>,
    ) -> Result<Heard, ModelError> {
        let mut heard = Heard::default();
        let mut hear = |event: StreamEvent<'_>| match event {
            StreamEvent::Skipped(image) => heard.skipped.push(image.clone()),
            StreamEvent::Note(note) => heard.notes.push(note.to_owned()),
            StreamEvent::Progress(..) | StreamEvent::Cached(_) => {}
        };
        let (model, input, kind) = (&self.model, &self.input, FeatureKind::Last);
        let take = |batch: FeatureBatch<'_>| {
            stop.check()?;
            take(batch)
        };
        let done = match kept {
            true => self.cache.stream(model, input, kind, dataset, &mut hear, take),
            false => stream_features(model, input, kind, dataset, &mut hear, take),
        };
        unreadable.check(&heard.skipped)?;
        done?;
        Ok(heard)
    }

    /// What turns features into the `top` most probable classes, with a warning where their names cannot be used.
    pub(crate) fn predictor(
        &self,
        source: Option<ClassSource>,
        top: usize,
    ) -> Result<(Predictor, Option<String>), ModelError> {
        // Without classes, the error of a missing head says what to do.
        let source = source.or_else(|| ClassSource::of(&self.model)).unwrap_or(ClassSource::Discovered);
        let (names, warning) = names_of_model(&self.model, &self.path)?;
        let warning = warning.map(|other| format!("classes appear without their names: {other}"));
        Ok((Predictor::new(&self.model, source, &names, top)?, warning))
    }
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (model, *, device = "auto", precision = None, threads = None, teacher = false, cache = true))]
    fn new(
        py: Python<'_>,
        model: PathBuf,
        device: &str,
        precision: Option<&str>,
        threads: Option<i64>,
        teacher: bool,
        cache: bool,
    ) -> PyResult<Self> {
        let threads = threads.map(|threads| at_least_1("threads", threads)).transpose()?;
        let device: DeviceRequest = device.parse().map_err(raised)?;
        let machine = py.detach(|| Machine::detect(device, threads)).map_err(raised)?;
        let precision = match precision {
            None => None,
            Some("fp32") => Some(Precision::Fp32),
            Some("bf16") => Some(Precision::Bf16),
            Some(other) => {
                return Err(PyValueError::new_err(format!("precision={other:?}: expected 'fp32' or 'bf16'")));
            }
        };
        let wanted = Wanted { model, teacher, precision, cache, machine };
        let (worker, facts) = Worker::start(py, |_| Opened::load(wanted), Opened::facts)?;
        let used = facts.path.display();
        facts
            .left_out
            .iter()
            .try_for_each(|reason| warn(py, &format!("{reason}. {used} is used instead")))?;
        Ok(Self { worker, facts })
    }

    /// Features of images, float32 [N, D]: a row for each image, in order.
    ///
    /// Args:
    ///     images: `Images`; a str or path, which is opened as `Images(path)` is; one image; or several. An image is a path,
    ///         an image of Pillow, or an array uint8 [height, width, 3] or [height, width] (gray). An array
    ///         [N, height, width, 3] is several images.
    ///     normalize: Divide each row by its length, so that products are cosine similarities.
    ///     unreadable: What becomes of an image that cannot be read: 'raise' is an error that names it, 'nan' a row of NaN
    ///         and a warning.
    ///
    /// Raises:
    ///     TwistError: An image cannot be read; the model has no backbone.
    ///     TypeError, ValueError: This is not an image, or an argument is not one of those named here.
    #[pyo3(signature = (images, *, normalize = false, unreadable = "raise"))]
    fn embed<'py>(
        &self,
        images: &Bound<'py, PyAny>,
        normalize: bool,
        unreadable: &str,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (py, unreadable, dataset) = (images.py(), Unreadable::of(unreadable)?, images_of(images)?);
        let kept = is_kept(images)?;
        let (count, width) = (dataset.len(), self.facts.feature_dim as usize);
        let (rows, heard) = self.worker.ask(py, move |opened, stop| {
            let mut rows = vec![f32::NAN; count * width];
            let heard = opened.stream((&dataset, kept), unreadable, stop, |batch| {
                let FeatureBatch { indices, features } = batch;
                let features = if normalize { unit_rows(features)? } else { features.shallow_clone() };
                for (&index, row) in indices.iter().zip(numbers(&features)?.chunks_exact(width)) {
                    rows[index as usize * width..][..width].copy_from_slice(row);
                }
                Ok(())
            })?;
            Ok((rows, heard))
        })?;
        heard.warn(py)?;
        PyArray1::from_vec(py, rows).reshape([count, width])
    }

    /// The most probable classes of images, `Predictions`.
    ///
    /// Args:
    ///     images: As in `embed`.
    ///     top: Classes of each image, T; at most as many as there are.
    ///     classes: 'discovered' or 'labels'; None: those of its classifier where the model has one, else discovered ones.
    ///     unsure: Probability below which an image is unsure; None: what is kept with the model, else none is.
    ///     unreadable: As in `embed`; 'nan' gives cluster -1, name None, probability NaN, and unsure.
    ///
    /// Raises:
    ///     TwistError: The model has no such classes; an image cannot be read.
    ///     TypeError, ValueError: This is not an image, or an argument is out of range.
    #[pyo3(signature = (images, *, top = 1, classes = None, unsure = None, unreadable = "raise"))]
    fn predict(
        &self,
        images: &Bound<'_, PyAny>,
        top: i64,
        classes: Option<&str>,
        unsure: Option<f64>,
        unreadable: &str,
    ) -> PyResult<Predictions> {
        let (py, source) = (images.py(), classes.map(class_source).transpose()?);
        let top = at_least_1("top", top)?;
        if let Some(unsure) = unsure.filter(|unsure| !(0.0..=1.0).contains(unsure)) {
            return Err(PyValueError::new_err(format!(
                "unsure={unsure}: a probability lies between 0 and 1"
            )));
        }
        let (unreadable, dataset, kept) = (Unreadable::of(unreadable)?, images_of(images)?, is_kept(images)?);
        let found = self.worker.ask(py, move |opened, stop| {
            let (predictor, warning) = opened.predictor(source, top)?;
            let predictor = match unsure {
                Some(_) => predictor.with_unsure(unsure),
                None => predictor,
            };
            let mut found = Found::new(&predictor, dataset.len());
            found.warning = warning;
            found.heard = opened.stream((&dataset, kept), unreadable, stop, |batch| {
                found.add(&predictor, batch.indices, &predictor.classify(&opened.model, &batch)?);
                Ok(())
            })?;
            Ok(found)
        })?;
        found.into_python(py)
    }

    /// The images that are most like each query, by the cosine of their features: `Neighbors`.
    ///
    /// Args:
    ///     queries: One image or several, Q. A path is a file, or else the path of an image in `images`; an image of `images`
    ///         that is named by its path is not its own neighbour.
    ///     images: Where to look, as in `embed`. Features of `Images` and of paths are cached (`twist.load`). Images that
    ///         cannot be read are not found.
    ///     k: Neighbours of each query.
    ///
    /// Raises:
    ///     TwistError: A query is nowhere, or cannot be read.
    ///     TypeError, ValueError: This is not an image, or k is below 1.
    #[pyo3(signature = (queries, images, *, k = 10))]
    fn neighbors(
        &self,
        queries: &Bound<'_, PyAny>,
        images: &Bound<'_, PyAny>,
        k: i64,
    ) -> PyResult<Neighbors> {
        let (py, queries, dataset) = (queries.py(), queries_of(queries)?, images_of(images)?);
        let kept = is_kept(images)?;
        let k = at_least_1("k", k)?;
        let found =
            self.worker.ask(py, move |opened, stop| search(opened, stop, queries, &dataset, kept, k))?;
        found.into_python(py)
    }

    /// Number and name of each class, as people named and merged them; empty for a model without classes.
    #[getter]
    fn classes(&self, py: Python<'_>) -> PyResult<BTreeMap<i32, String>> {
        let (classes, warning) = self.worker.ask(py, |opened, _| {
            if ClassSource::of(&opened.model).is_none() {
                return Ok((BTreeMap::new(), None));
            }
            let (predictor, warning) = opened.predictor(None, 1)?;
            let class = |place| (predictor.class(place).0, predictor.class(place).1.to_owned());
            Ok(((0..predictor.len()).map(class).collect(), warning))
        })?;
        warning.iter().try_for_each(|warning| warn(py, warning))?;
        Ok(classes)
    }

    /// The weight file.
    #[getter]
    fn path(&self) -> &PathBuf {
        &self.facts.path
    }

    /// Where the weights come from.
    #[getter]
    fn origin(&self) -> &str {
        &self.facts.origin
    }

    /// Numbers of a feature vector, D.
    #[getter]
    fn feature_dim(&self) -> i64 {
        self.facts.feature_dim
    }

    /// `cpu` or `cuda:0`.
    #[getter]
    fn device(&self) -> &str {
        &self.facts.device
    }

    fn __repr__(&self) -> String {
        let Facts { path, origin, feature_dim, device, .. } = &self.facts;
        format!("<twist.Model {}: {origin}, {feature_dim} features, {device}>", path.display())
    }
}

/// An argument that counts something.
fn at_least_1(name: &str, given: i64) -> PyResult<usize> {
    let wrong = || PyValueError::new_err(format!("{name}={given}: expected at least 1"));
    usize::try_from(given).ok().filter(|&count| count > 0).ok_or_else(wrong)
}

/// What the argument `classes` means.
fn class_source(given: &str) -> PyResult<ClassSource> {
    match given {
        "discovered" => Ok(ClassSource::Discovered),
        "labels" => Ok(ClassSource::Labels),
        _ => Err(PyValueError::new_err(format!("classes={given:?}: expected 'discovered' or 'labels'"))),
    }
}

/// The numbers of `[B, D]` in row-major order.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(Vec::<f32>::try_from(&tensor.f_contiguous()?.f_flatten(0, -1)?)?)
}
