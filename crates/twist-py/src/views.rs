//! `twist.Views`: the augmented views that a recipe makes of images, for training in another program.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use numpy::{PyArray1, PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use torch_ext::{DeviceRequest, Machine};
use twist_data::{Batch, DataError, Dataset, Loader, Skipped, Splits, ViewGroup};
use twist_run::files;
use twist_train::frozen::HeadRecipe;
use twist_train::{DataFacts, Override, Recipe, TrainPlan, held, load_views, recipes};

use crate::error::raised;
use crate::images::{Images, images_of, opened, path_of};
use crate::rows::warn;

/// The augmented views of a recipe, batch by batch; `twist.views` describes the arguments. One iteration is one epoch, and
/// `len(views)` is its number of batches.
#[pyclass(frozen, module = "twist")]
pub(crate) struct Views {
    recipe: String,
    dataset: Arc<dyn Dataset>,
    plan: TrainPlan,
    threads: usize,
    strict: bool,
    /// The next epoch, from 0 on.
    epoch: AtomicU64,
    /// Unreadable images that were warned of.
    told: Arc<Mutex<HashSet<String>>>,
}

#[pymethods]
impl Views {
    #[new]
    #[pyo3(signature = (images, recipe, *, seed = None, batch_size = None, threads = None, strict = false))]
    fn new(
        images: &Bound<'_, PyAny>,
        recipe: PathBuf,
        seed: Option<Bound<'_, PyAny>>,
        batch_size: Option<Bound<'_, PyAny>>,
        threads: Option<Bound<'_, PyAny>>,
        strict: bool,
    ) -> PyResult<Self> {
        let (py, recipe) = (images.py(), recipe.to_string_lossy().into_owned());
        let text = text_of(&recipe)?;
        let seed = seed.map(|seed| whole("seed", &seed, 0)).transpose()?;
        let batch_size = batch_size.map(|size| whole("batch_size", &size, 1)).transpose()?;
        let threads = threads.map(|threads| whole("threads", &threads, 1)).transpose()?;
        let change =
            |key: &str, value: Option<String>| value.map(|value| Override { key: key.into(), value });
        let seed = change("train.seed", seed.map(|seed| seed.to_string()));
        let batch_size = change("train.batch_size", batch_size.map(|size| size.to_string()));
        let changes: Vec<Override> = seed.into_iter().chain(batch_size).collect();
        let read = Recipe::read(&recipe, &text, &changes).map_err(|error| {
            match HeadRecipe::read(&recipe, &text, &[]) {
                Ok(_) => PyValueError::new_err(format!(
                    "recipe {recipe} trains heads on features, which have no views: give a recipe for images (twist recipes)"
                )),
                Err(_) => raised(error),
            }
        })?;
        let dataset = match (images.cast::<Images>(), path_of(images)?) {
            // Training wants one split, as on the command line.
            (Err(_), Some(data)) => {
                let data = data.to_string_lossy();
                py.detach(|| opened(&data, "auto", Splits::Refuse))?
            }
            _ => images_of(images)?,
        };
        let machine =
            Machine::detect(DeviceRequest::Cpu, threads.map(|threads| threads as usize)).map_err(raised)?;
        let threads = machine.threads;
        let plan = TrainPlan::new(&read.config, &DataFacts::of(&*dataset), &machine).map_err(raised)?;
        let dataset = held(&plan.config.data, dataset);
        let (epoch, told) = (AtomicU64::new(0), Arc::default());
        Ok(Self { recipe, dataset, plan, threads, strict, epoch, told })
    }

    fn __len__(&self) -> usize {
        self.plan.run.steps_per_epoch as usize
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Epoch> {
        let (epoch, steps) = (self.epoch.fetch_add(1, Ordering::Relaxed), self.plan.run.steps_per_epoch);
        let first = epoch.saturating_mul(steps);
        let steps = first..first.saturating_add(steps);
        let load = || load_views(&self.plan, &self.dataset, steps, self.threads, self.strict);
        let loader = Mutex::new(Some(py.detach(load).map_err(raised)?));
        Ok(Epoch { loader, dataset: Arc::clone(&self.dataset), told: Arc::clone(&self.told) })
    }

    /// The epoch of the next iteration, from 0 on. Set it to go on where a training stopped.
    #[getter]
    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    #[setter]
    fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// Images of a batch, B.
    #[getter]
    fn batch_size(&self) -> usize {
        self.plan.run.batch_size
    }

    /// What the recipe subtracts from each channel of pixels in [0, 1].
    #[getter]
    fn mean(&self) -> [f64; 3] {
        self.plan.config.data.mean
    }

    /// What it then divides each channel by.
    #[getter]
    fn std(&self) -> [f64; 3] {
        self.plan.config.data.std
    }

    fn __repr__(&self) -> String {
        let run = &self.plan.run;
        format!(
            "<twist.Views of {} images by {}: {} batches of {}>",
            self.dataset.len(),
            self.recipe,
            run.steps_per_epoch,
            run.batch_size
        )
    }
}

/// The text of a recipe: a built-in one, a file, or that of a run.
fn text_of(recipe: &str) -> PyResult<String> {
    let of_run = Path::new(recipe).join(files::CONFIG);
    if recipes::is_file(recipe) {
        return recipes::read_file(recipe).map_err(raised);
    }
    match of_run.is_file() {
        true => twist_io::read_small_text(&of_run).map_err(raised),
        false => Ok(recipes::named(recipe).map_err(raised)?.text.to_owned()),
    }
}

/// What one iteration over [`Views`] goes through.
#[pyclass(frozen, module = "twist")]
struct Epoch {
    /// Until the end.
    loader: Mutex<Option<Loader>>,
    dataset: Arc<dyn Dataset>,
    told: Arc<Mutex<HashSet<String>>>,
}

#[pymethods]
impl Epoch {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<ViewBatch>> {
        let Some(batch) = py.detach(|| self.next()).transpose().map_err(raised)? else { return Ok(None) };
        py.check_signals()?;
        for Skipped { path, reason, .. } in &batch.skipped {
            let new = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone());
            if new {
                warn(py, &format!("skipped {path}: {reason}"))?;
            }
        }
        let label = |&index: &u32| self.dataset.label(index as usize).map_or(-1, i64::from);
        let labels = PyArray1::from_iter(py, batch.indices.iter().map(label)).unbind();
        let index = PyArray1::from_iter(py, batch.indices.iter().map(|&index| i64::from(index))).unbind();
        let views = batch.groups.into_iter().map(|group| pixels(py, group)).collect::<PyResult<_>>()?;
        Ok(Some(ViewBatch { views, index, label: labels }))
    }
}

impl Epoch {
    /// The next batch; the threads end with the last one.
    fn next(&self) -> Option<Result<Batch, DataError>> {
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        let next = loader.as_mut()?.next();
        if next.is_none() {
            *loader = None;
        }
        next
    }
}

/// The pixels of a group as an array that owns them.
fn pixels(py: Python<'_>, group: ViewGroup) -> PyResult<Py<PyArrayDyn<u8>>> {
    let ViewGroup { size, views, batch, pixels } = group;
    let shape = [views, batch, size, size, 3].map(|side| side as usize);
    Ok(PyArray1::from_vec(py, pixels).reshape(shape)?.to_dyn().clone().unbind())
}

/// The views of B images.
#[pyclass(frozen, get_all, module = "twist")]
pub(crate) struct ViewBatch {
    /// uint8 `[V, B, S, S, 3]` for each size S, with V views of it.
    views: Vec<Py<PyArrayDyn<u8>>>,
    /// Places of the images, int64 `[B]`.
    index: Py<PyArray1<i64>>,
    /// Their classes, -1 for none, int64 `[B]`.
    label: Py<PyArray1<i64>>,
}

/// An argument that is a whole number, `least` or more.
///
/// # Errors
/// `TypeError` for what is not a number, `ValueError` for one that is too small or too large.
fn whole(name: &str, given: &Bound<'_, PyAny>, least: u64) -> PyResult<u64> {
    match given.extract::<u64>() {
        Ok(number) if number >= least => Ok(number),
        Err(error) if !error.is_instance_of::<PyOverflowError>(given.py()) => Err(error),
        _ => Err(PyValueError::new_err(format!(
            "{name}={given}: expected a whole number from {least} to 2**64 - 1"
        ))),
    }
}
