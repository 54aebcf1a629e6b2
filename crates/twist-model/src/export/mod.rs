//! Models as files, one format a file of this folder.
//!
//! A format is an [`Exporter`] and its line in [`FORMATS`]. The ending of the file's name chooses it.

mod safetensors;

use std::path::Path;

use twist_io::Refused;

use crate::{Model, ModelError};

/// Writes models in one format.
pub trait Exporter: Sync {
    /// The ending of its files, without the dot.
    fn ending(&self) -> &'static str;

    /// Writes the model, atomically.
    ///
    /// # Errors
    /// The disk is full or read-only; the format has no room for a part of the model.
    fn write(&self, model: &Model, path: &Path) -> Result<(), ModelError>;
}

/// Every format.
const FORMATS: [&dyn Exporter; 1] = [&safetensors::Safetensors];

/// Writes a model in the format that the ending of the file's name says; without an ending as safetensors, in which every
/// command opens it.
///
/// # Errors
/// An ending that no format has, whose files other programs would take for what they are not; the
/// disk is full or read-only.
pub fn export(model: &Model, path: &Path) -> Result<(), ModelError> {
    exporter(path)?.write(model, path)
}

/// The format of a file of this name, before there is anything to write.
///
/// # Errors
/// An ending that no format has.
pub fn exporter(path: &Path) -> Result<&'static dyn Exporter, ModelError> {
    let Some(ending) = path.extension() else { return Ok(FORMATS[0]) };
    let found = FORMATS.into_iter().find(|format| ending.eq_ignore_ascii_case(format.ending()));
    Ok(found.ok_or_else(|| {
        let remedy = format!("use {}", path.with_extension(FORMATS[0].ending()).display());
        Refused::writing(path, format!("a model is not written as .{}", ending.display())).remedy(remedy)
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_chooses_the_format() {
        for name in ["model.safetensors", "model.SafeTensors", "model"] {
            assert_eq!(exporter(Path::new(name)).unwrap().ending(), "safetensors", "{name}");
        }
        let Err(error) = exporter(Path::new("a/model.pth")) else { panic!("PyTorch's files are others") };
        let text = error.to_string();
        assert!(text.contains("not written as .pth") && text.contains("use a/model.safetensors"), "{text}");
    }
}
