//! The Python module `twist._twist`: models, images and views, in terms of numpy.
//!
//! This crate only translates. A Python object becomes a value of the library crates, a result becomes an array, an error
//! becomes an exception with the words of the command line. What a command and a function of Python both need lies in the
//! crates below. The package `twist` (`python/twist`) is what people import; it makes sure that libtorch can be found.
//!
//! Nobody waits with the interpreter locked: a model lives in a thread of its own (`worker.rs`), and
//! whoever waits for it looks for Ctrl-C meanwhile.

mod error;

mod images;
mod rows;

mod worker;

mod model;
mod neighbors;
mod predictions;

mod views;

/// What `twist` is made of. The package documents it for people.
#[pyo3::pymodule]
mod _twist {
    #[pymodule_export]
    use crate::images::Images;
    #[pymodule_export]
    use crate::model::Model;
    #[pymodule_export]
    use crate::neighbors::Neighbors;
    #[pymodule_export]
    use crate::predictions::Predictions;
    #[pymodule_export]
    use crate::views::{ViewBatch, Views};

    /// The version of Twist.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python calls it so")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
