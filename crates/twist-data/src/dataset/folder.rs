//! A folder of images; its sub-folders are the classes, when there are any.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::class_folders::{Folders, folder_labels, shared};
use super::classes::{Labels, labelled};
use super::file_pool::read_image;
use super::identity::{Identity, of_files};
use super::left_out::{LeftOut, Leftovers, found};
use super::names::{NameTable, readable};
use super::walk::{Walk, walk};
use super::{Dataset, Splits, Stamp, Stored};
use crate::DataError;

/// Images below a folder, sorted by name.
///
/// The class of an image is the first component of its path, as in torchvision's `ImageFolder`, or what is left of it when
/// the folders are judged; classes are sorted as text. Images that lie in the folder itself have no label.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// What stands before a name in the path of an image: nothing for a folder that was named, else what its files were named
    /// with.
    lead: String,
    names: NameTable,
    labels: Labels,
    left_out: Vec<LeftOut>,
}

impl Folder {
    /// Lists the folder; no image is opened.
    ///
    /// # Errors
    /// The folder has no images, a folder cannot be listed, or several splits are found where that is refused.
    pub(crate) fn open(root: &Path, folders: Folders, splits: Splits) -> Result<Self, DataError> {
        let found_below = walk(root)?;
        if found_below.images.len() == 0 {
            return Err(DataError::no_images(
                root.display(),
                found(&found_below.left_out),
                remedy(&found_below.left_out),
            ));
        }
        Self::labelled(root.to_path_buf(), String::new(), found_below, folders, splits)
    }

    /// With the labels that the folders give.
    fn labelled(
        root: PathBuf,
        lead: String,
        found: Walk,
        folders: Folders,
        splits: Splits,
    ) -> Result<Self, DataError> {
        let Walk { images, left_out } = found;
        let mut notes = Leftovers::default();
        let names = (0..images.len()).map(|index| images.get(index).unwrap_or_default());
        let found = folder_labels(names, folders, &mut notes);
        if splits == Splits::Refuse && !found.splits.is_empty() {
            let example = |split: &str| root.join(&found.around).join(split);
            return Err(DataError::several_splits(root.clone(), found.splits, example));
        }
        let left_out = [left_out, notes.finish()].concat();
        Ok(Self { root, lead, names: images, labels: found.labels, left_out })
    }

    /// The image files `paths`, in their order. Folders below the one around all of them may be classes. `others` fitted what
    /// was asked for and are not images.
    ///
    /// # Errors
    /// There are several splits where that is refused.
    pub(crate) fn of_files(
        paths: &[PathBuf],
        others: &[PathBuf],
        folders: Folders,
        splits: Splits,
    ) -> Result<Self, DataError> {
        let whole = || paths.iter().map(|path| path.as_os_str().as_bytes());
        let around = shared(whole());
        let around_all = whole().next().map_or(&[][..], |path| &path[..around]);
        let (root, lead) = (PathBuf::from(OsStr::from_bytes(around_all)), readable(around_all));
        let mut images = NameTable::default();
        whole().for_each(|path| images.push(&path[around..]));
        let mut notes = Leftovers::default();
        let kind = ["file that is hidden or not an image", "files that are hidden or not images"];
        others.iter().for_each(|path| notes.add(kind, path.display().to_string()));
        Self::labelled(root, lead, Walk { images, left_out: notes.finish() }, folders, splits)
    }
}

/// What to do about a folder without images.
fn remedy(left_out: &[LeftOut]) -> String {
    let of_kind = |kind: &str| left_out.iter().any(|l| l.what == kind);
    if of_kind(".tar files") || of_kind(".parquet files") || of_kind(".bin files") {
        "Name the files themselves, for example \"folder/train-*.tar\"".to_owned()
    } else if left_out.iter().any(|l| l.kind.is_some()) {
        "Convert or unpack them first, with the commands named here".to_owned()
    } else {
        "Give the folder that holds the images: .jpg, .png, .webp, .bmp, .tif, .gif or .jxl files, sub-folders included"
            .to_owned()
    }
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.names.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let path = self.file(index).ok_or(DataError::OutOfRange { index, len: self.len() })?;
        read_image(&path).map(Stored::Encoded)
    }

    fn path(&self, index: usize) -> String {
        format!("{}{}", self.lead, self.names.text(index))
    }

    fn file(&self, index: usize) -> Option<PathBuf> {
        Some(self.root.join(self.names.path(index)?))
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        Stamp::of_file(self.names.get(index)?, &self.file(index)?)
    }

    labelled!(left_out);

    /// Names and content of all files.
    fn fingerprint(&self) -> String {
        let mut identity = Identity::new("folder");
        for (index, content) in of_files(self.len(), |index| self.file(index)).into_iter().enumerate() {
            identity.name(self.names.get(index).unwrap_or_default());
            identity.content(content);
        }
        identity.finish()
    }
}
