//! A temporary folder, and short ways to fill it and to open what is in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::ImageFormat;
use twist_data::{DataError, Dataset, LabelSource, OpenOptions, Stored, open};

use crate::pictures::{dynamic, encode, picture};

/// A folder that vanishes with the test.
pub(crate) struct Workplace(tempfile::TempDir);

impl Workplace {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With one small picture under each name.
    pub(crate) fn with_images(names: &[&str]) -> Self {
        let place = Self::new();
        for (seed, name) in (0..).zip(names) {
            place.write(name, &png(seed));
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path
    }

    /// What to pass to `open`.
    pub(crate) fn spec(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().trim_end_matches('/').to_owned()
    }

    pub(crate) fn open(&self, name: &str) -> Result<Arc<dyn Dataset>, DataError> {
        self.open_with(name, LabelSource::Auto)
    }

    pub(crate) fn open_with(&self, name: &str, labels: LabelSource) -> Result<Arc<dyn Dataset>, DataError> {
        open(&self.spec(name), &OpenOptions { labels, ..OpenOptions::default() })
    }

    /// The error of opening, as text.
    pub(crate) fn error(&self, name: &str) -> String {
        self.open(name).err().unwrap_or_else(|| panic!("{name} opens")).to_string()
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }
}

/// A small PNG, different for each seed.
pub(crate) fn png(seed: u32) -> Vec<u8> {
    encode(&dynamic(&picture(9 + seed % 3, 8, seed)), ImageFormat::Png)
}

/// The bytes of an image as stored.
pub(crate) fn bytes(data: &dyn Dataset, index: usize) -> Vec<u8> {
    match data.read(index).unwrap() {
        Stored::Encoded(bytes) => bytes,
        Stored::Pixels(image) => image.pixels.clone(),
    }
}

/// Names of all images.
pub(crate) fn paths(data: &dyn Dataset) -> Vec<String> {
    (0..data.len()).map(|i| data.path(i)).collect()
}

/// Labels of all images.
pub(crate) fn labels(data: &dyn Dataset) -> Vec<Option<u32>> {
    (0..data.len()).map(|i| data.label(i)).collect()
}
