//! What a format of models is.

use std::path::{Path, PathBuf};

use crate::{Model, ModelError};

/// What Twist's names of a backbone's tensors begin with.
pub(super) const BACKBONE: &str = "backbone.";

/// What a format may leave open.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// ONNX: whether images come as bytes and are normalised inside.
    pub bytes: bool,
    /// ONNX: whether classes are left out.
    pub features_only: bool,
    /// The names of the classes that the model predicts, in the order of its outputs; empty: unknown.
    pub class_names: Vec<String>,
}

/// One format of models.
pub struct Exporter {
    /// What people call it.
    pub name: &'static str,
    /// The ending of its files, without the dot; `None`: it is a folder.
    pub ending: Option<&'static str>,
    /// Whether the files say how images are prepared.
    pub has_preprocessing: bool,
    write: Write,
}

type Write = fn(&Model, &ExportOptions, &Path) -> Result<Vec<PathBuf>, ModelError>;

impl Exporter {
    pub(super) const fn new(
        name: &'static str,
        ending: Option<&'static str>,
        has_preprocessing: bool,
        write: Write,
    ) -> Self {
        Self { name, ending, has_preprocessing, write }
    }

    /// Writes the model; the files that it has become, each of them whole or not there.
    ///
    /// # Errors
    /// The disk is full or read-only; the format has no room for a part of the model.
    pub fn write(
        &self,
        model: &Model,
        options: &ExportOptions,
        path: &Path,
    ) -> Result<Vec<PathBuf>, ModelError> {
        (self.write)(model, options, path)
    }
}
