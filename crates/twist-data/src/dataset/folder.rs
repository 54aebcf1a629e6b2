//! A folder of images; its sub-folders are the classes, when there are any.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::classes::Labels;
use super::file_pool::read_file;
use super::identity::Identity;
use super::left_out::{LeftOut, found};
use super::names::{NameTable, readable};
use super::walk::walk;
use super::{Dataset, Stored};
use crate::DataError;

/// Images below a folder, sorted by name.
///
/// The class of an image is the first component of its path, as in torchvision's `ImageFolder`; classes are sorted as
/// text. Images that lie in the folder itself have no label.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    names: NameTable,
    labels: Labels,
    left_out: Vec<LeftOut>,
}

impl Folder {
    /// Lists the folder; no image is opened.
    pub(crate) fn open(root: &Path) -> Result<Self, DataError> {
        let found_below = walk(root)?;
        if found_below.images.len() == 0 {
            return Err(DataError::NoImages {
                path: root.display().to_string(),
                found: found(&found_below.left_out),
                remedy: remedy(&found_below.left_out),
            });
        }
        let labels = labels(&found_below.images);
        Ok(Self {
            root: root.to_path_buf(),
            names: found_below.images,
            labels,
            left_out: found_below.left_out,
        })
    }

    /// Where image `index` lies.
    fn file(&self, index: usize) -> Result<PathBuf, DataError> {
        let name = self.names.path(index).ok_or(DataError::OutOfRange { index, len: self.len() })?;
        Ok(self.root.join(name))
    }
}

/// What to do about a folder without images.
fn remedy(left_out: &[LeftOut]) -> String {
    let of_kind = |kind: &str| left_out.iter().any(|l| l.what == kind);
    if of_kind(".tar files") || of_kind(".parquet files") || of_kind(".bin files") {
        "Name the files themselves, for example \"folder/train-*.tar\"".to_owned()
    } else if of_kind(".zip files") || of_kind(".gz files") || of_kind(".tgz files") {
        "Unpack the archives first".to_owned()
    } else if of_kind(".gif files") || of_kind(".heic files") || of_kind(".avif files") {
        "Convert them to JPEG or PNG".to_owned()
    } else {
        "Give the folder that holds the images: .jpg, .png, .webp, .bmp or .tif files, sub-folders included"
            .to_owned()
    }
}

/// The first folder of each name as its label.
fn labels(names: &NameTable) -> Labels {
    let class_of = |index: usize| {
        let name = names.get(index)?;
        let slash = name.iter().position(|&b| b == b'/')?;
        Some(&name[..slash])
    };
    let classes: BTreeSet<&[u8]> = (0..names.len()).filter_map(class_of).collect();
    let classes: Vec<&[u8]> = classes.into_iter().collect();
    let indices = (0..names.len()).map(|index| {
        let class = class_of(index)?;
        classes.binary_search(&class).ok().map(|c| c as u32)
    });
    let readable_names = classes.iter().map(|c| readable(c)).collect();
    Labels::from_indices(indices, readable_names).unwrap_or_default()
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.names.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let path = self.file(index)?;
        read_file(&path).map(Stored::Encoded)
    }

    fn path(&self, index: usize) -> String {
        self.names.text(index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.labels.get(index)
    }

    fn classes(&self) -> &[String] {
        self.labels.names()
    }

    /// Names and sizes of all files.
    fn fingerprint(&self) -> String {
        let sizes = sizes(self.len(), |index| self.file(index).ok());
        let mut identity = Identity::new("folder");
        for (index, size) in sizes.into_iter().enumerate() {
            identity.bytes(self.names.get(index).unwrap_or_default());
            identity.number(size);
        }
        identity.finish()
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

/// Sizes of many files, asked for in parallel: on network file systems each answer takes a while. A file without an
/// answer counts as `u64::MAX`.
pub(crate) fn sizes(len: usize, path: impl Fn(usize) -> Option<PathBuf> + Sync) -> Vec<u64> {
    let size_of = |index| path(index).and_then(|p| p.metadata().ok()).map_or(u64::MAX, |m| m.len());
    (0..len).into_par_iter().with_min_len(64).map(size_of).collect()
}
