//! Single files as a data set: the queries of a search.

use std::path::PathBuf;
use std::sync::Arc;

use twist_data::{DataError, Dataset, Stored, read_image};

/// Image files in the order given, without labels.
pub(crate) fn image_files(files: Vec<PathBuf>) -> Arc<dyn Dataset> {
    Arc::new(Files(files))
}

struct Files(Vec<PathBuf>);

impl Dataset for Files {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let path = self.0.get(index).ok_or(DataError::OutOfRange { index, len: self.0.len() })?;
        read_image(path).map(Stored::Encoded)
    }

    fn path(&self, index: usize) -> String {
        self.0.get(index).map_or(String::new(), |path| path.display().to_string())
    }

    fn label(&self, _index: usize) -> Option<u32> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        // Nothing is resumed or kept by it.
        format!("{} files", self.0.len())
    }
}
