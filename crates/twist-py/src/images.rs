//! Images as Python has them: DATA of the command line, files, Pillow's images, arrays.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use twist_data::{
    Dataset, Decoder, GivenImage, LabelSource, OpenOptions, Rgb8, Splits, Stored, given_images,
};

use crate::error::raised;

/// A fixed, ordered collection of images: what the command line calls DATA, in its order.
///
/// Args:
///     data: A folder, one image, a pattern, a list, tar shards, zip archives, parquet files or CIFAR batches.
///     labels: `auto` (what the data says), `folder` (sub-folders), `coarse`, `none`, or a list file.
///
/// `len(images)` is their number N; `images[i]` are the pixels of one, upright, uint8 [height, width, 3].
///
/// Raises:
///     TwistError: The data is missing, of an unknown kind, or without an image; images[i] cannot be read.
///     IndexError: The image does not exist.
#[pyclass(frozen, module = "twist")]
pub(crate) struct Images {
    data: String,
    pub(crate) dataset: Arc<dyn Dataset>,
}

#[pymethods]
impl Images {
    #[new]
    #[pyo3(signature = (data, *, labels = "auto"))]
    fn new(py: Python<'_>, data: PathBuf, labels: &str) -> PyResult<Self> {
        let data = data.to_string_lossy().into_owned();
        let dataset = py.detach(|| opened(&data, labels, Splits::Together))?;
        Ok(Self { data, dataset })
    }

    fn __len__(&self) -> usize {
        self.dataset.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
        let len = self.dataset.len();
        let place = if index < 0 { index + len as isize } else { index };
        let place = usize::try_from(place).ok().filter(|place| *place < len);
        let place = place.ok_or_else(|| PyIndexError::new_err(format!("image {index} of {len}")))?;
        let image = py.detach(|| decoded(&*self.dataset, place))?;
        let shape = [image.height as usize, image.width as usize, 3];
        numpy::PyArray1::from_vec(py, image.pixels).reshape(shape).map(|array| array.to_dyn().clone())
    }

    /// What each image is called, N texts.
    #[getter]
    fn paths(&self) -> Vec<String> {
        (0..self.dataset.len()).map(|index| self.dataset.path(index)).collect()
    }

    /// The class of each image, a place in `classes`; -1 where it has none. int64 `[N]`.
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> Bound<'py, numpy::PyArray1<i64>> {
        let label = |index| self.dataset.label(index).map_or(-1, i64::from);
        numpy::PyArray1::from_iter(py, (0..self.dataset.len()).map(label))
    }

    /// Names of the classes; empty without labels.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.dataset.classes().to_vec()
    }

    /// What was found beside the images and is not used, a sentence each.
    #[getter]
    fn left_out(&self) -> Vec<String> {
        self.dataset.left_out().iter().map(ToString::to_string).collect()
    }

    fn __repr__(&self) -> String {
        format!(
            "<twist.Images {}: {} images, {} classes>",
            self.data,
            self.dataset.len(),
            self.dataset.classes().len()
        )
    }
}

/// Opens DATA as the command line does.
pub(crate) fn opened(data: &str, labels: &str, splits: Splits) -> PyResult<Arc<dyn Dataset>> {
    let labels = match labels.parse::<LabelSource>() {
        Ok(source) => source,
        Err(never) => match never {},
    };
    twist_data::open(data, &OpenOptions { labels, splits }).map_err(raised)
}

fn decoded(dataset: &dyn Dataset, index: usize) -> PyResult<Rgb8> {
    match dataset.read(index).map_err(raised)? {
        Stored::Pixels(image) => Ok(Rgb8::clone(&image)),
        Stored::Encoded(bytes) => Decoder::default()
            .decode(&bytes)
            .map_err(|source| raised(twist_data::DataError::Decode { path: dataset.path(index), source })),
    }
}

/// What an argument `images` means: [`Images`], the DATA of the command line, one image, or several.
pub(crate) fn images_of(given: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Dataset>> {
    if let Ok(images) = given.cast::<Images>() {
        return Ok(Arc::clone(&images.get().dataset));
    }
    if let Some(data) = path_of(given)? {
        let data = data.to_string_lossy();
        return given.py().detach(|| opened(&data, "auto", Splits::Together));
    }
    let images = match one(given)? {
        Some(image) => vec![image],
        None => several(given)?,
    };
    match images.is_empty() {
        true => Err(PyValueError::new_err("the list of images is empty")),
        false => Ok(given_images(images)),
    }
}

/// Whether these are images that somebody keeps, whose features are worth keeping too: [`Images`], or DATA.
pub(crate) fn is_kept(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(given.is_instance_of::<Images>() || path_of(given)?.is_some())
}

/// A path, where it is one.
pub(crate) fn path_of(given: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    match given.is_instance_of::<PyString>() || given.hasattr("__fspath__")? {
        true => Ok(Some(given.extract()?)),
        false => Ok(None),
    }
}

/// One image, where it is one: an image of Pillow, or an array `[H, W, 3]` or `[H, W]`.
pub(crate) fn one(given: &Bound<'_, PyAny>) -> PyResult<Option<GivenImage>> {
    if given.hasattr("getexif")? {
        let plain = given.py().import("twist._pillow")?.call_method1("plain", (given,))?;
        return match plain.cast::<PyBytes>() {
            Ok(bytes) => Ok(Some(GivenImage::Encoded(bytes.as_bytes().to_vec()))),
            Err(_) => Ok(Some(pixels(&bytes_of(&plain)?, None)?)),
        };
    }
    match array_of(given)? {
        Some(array) if array.ndim() < 4 => Ok(Some(pixels(&bytes_of(&array)?, None)?)),
        _ => Ok(None),
    }
}

/// Several images: an array `[N, H, W, 3]`, or an iterable of paths and of what [`one`] takes.
pub(crate) fn several(given: &Bound<'_, PyAny>) -> PyResult<Vec<GivenImage>> {
    if let Some(array) = array_of(given)? {
        let array = bytes_of(&array)?;
        let count = array.shape().first().copied().unwrap_or(0);
        return (0..count).map(|image| pixels(&array, Some(image))).collect();
    }
    let elements = given.try_iter().map_err(|_| not_images(given))?;
    elements
        .map(|element| {
            let element = element?;
            match path_of(&element)? {
                Some(path) => Ok(GivenImage::File(path)),
                None => one(&element)?.ok_or_else(|| not_images(&element)),
            }
        })
        .collect()
}

/// An array of numpy, or of a library whose arrays become one (`__array__`).
fn array_of<'py>(given: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyUntypedArray>>> {
    if let Ok(array) = given.cast() {
        return Ok(Some(array.clone()));
    }
    if !given.hasattr("__array__")? {
        return Ok(None);
    }
    let array = given.py().import("numpy")?.call_method1("asarray", (given,))?;
    Ok(Some(array.cast_into()?))
}

/// Pixels are bytes.
fn bytes_of<'py>(array: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArrayDyn<'py, u8>> {
    match array.cast::<PyArrayDyn<u8>>() {
        Ok(array) => Ok(array.readonly()),
        Err(_) => {
            let kind = array.getattr("dtype")?;
            Err(PyTypeError::new_err(format!(
                "an array of images has the dtype uint8 (0 to 255), and this one has {kind}"
            )))
        }
    }
}

/// The pixels of an array `[H, W, 3]` or `[H, W]` (gray), or of image `place` of an array `[N, H, W, 3]`.
fn pixels(array: &PyReadonlyArrayDyn<'_, u8>, place: Option<usize>) -> PyResult<GivenImage> {
    let shape = array.shape();
    let view = array.as_array();
    let image = match place {
        Some(place) => view.index_axis(numpy::ndarray::Axis(0), place),
        None => view,
    };
    let (height, width, channels) = match *image.shape() {
        [height, width] => (height, width, 1),
        [height, width, channels @ (1 | 3)] => (height, width, channels),
        _ => {
            return Err(PyValueError::new_err(format!(
                "an image is an array [height, width, 3] or [height, width] (gray), several are [N, height, width, 3], and this array \
                 has the shape {shape:?}"
            )));
        }
    };
    let bytes = image.iter().flat_map(|&byte| std::iter::repeat_n(byte, 3 / channels)).collect();
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let image = Rgb8::new(side(width), side(height), bytes);
    let image =
        image.ok_or_else(|| PyValueError::new_err(format!("an array of shape {shape:?} is not an image")))?;
    Ok(GivenImage::Pixels(Arc::new(image)))
}

fn not_images(given: &Bound<'_, PyAny>) -> PyErr {
    let name = given.get_type().name().map_or_else(|_| "object".into(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "an image is a path, an image of Pillow or an array, and this is of type {name}"
    ))
}
