//! Errors of the libraries as exceptions of Python, in the words of the command line.

use std::error::Error;

use pyo3::PyErr;

pyo3::import_exception!(twist, TwistError);

/// `twist.TwistError` with the text of an error and of its causes.
pub(crate) fn raised(error: impl Error + 'static) -> PyErr {
    TwistError::new_err(twist_io::error_text(&error))
}
