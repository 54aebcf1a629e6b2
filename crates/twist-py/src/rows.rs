//! What becomes of images that cannot be read: each image that was asked for has a row.

use pyo3::exceptions::{PyUserWarning, PyValueError};
use pyo3::prelude::*;
use twist_data::Skipped;
use twist_io::Refused;
use twist_model::ModelError;

/// The argument `unreadable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// An image that cannot be read is an error.
    Raise,
    /// Its row is empty, and a warning says why.
    Nan,
}

impl Unreadable {
    /// What `given` means.
    pub(crate) fn of(given: &str) -> PyResult<Self> {
        match given {
            "raise" => Ok(Self::Raise),
            "nan" => Ok(Self::Nan),
            _ => Err(PyValueError::new_err(format!("unreadable={given:?}: expected 'raise' or 'nan'"))),
        }
    }

    /// Fails where one of these images must not be missing.
    pub(crate) fn check(self, skipped: &[Skipped]) -> Result<(), ModelError> {
        match (self, skipped) {
            (Self::Raise, [first, ..]) => {
                let what = format!("{} cannot be read", first.path);
                let remedy = "leave it out, or use unreadable='nan'";
                Err(Refused::new(what).because(&first.reason).remedy(remedy).into())
            }
            _ => Ok(()),
        }
    }
}

/// What is heard while images become numbers.
#[derive(Default)]
pub(crate) struct Heard {
    /// Images that cannot be read.
    pub(crate) skipped: Vec<Skipped>,
    /// What to say about the cache.
    pub(crate) notes: Vec<String>,
}

impl Heard {
    /// Warns of the cache, and of each image that has no numbers.
    pub(crate) fn warn(&self, py: Python<'_>) -> PyResult<()> {
        self.notes.iter().try_for_each(|note| warn(py, note))?;
        let warning = |image: &Skipped| warn(py, &format!("skipped {}: {}", image.path, image.reason));
        self.skipped.iter().try_for_each(warning)
    }
}

/// A warning of Python.
pub(crate) fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    let category = py.get_type::<PyUserWarning>();
    py.import("warnings")?.call_method1("warn", (twist_io::message_text(text), category))?;
    Ok(())
}
