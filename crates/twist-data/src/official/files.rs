//! Images that a published list names, each a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use twist_io::Refused;

use super::layout::{Archive, Layout};
use crate::DataError;
use crate::dataset::{Dataset, Identity, Labels, NameTable, Stamp, Stored, labelled, of_files, read_image};

/// One image of a list.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Path below the folder of the images.
    pub(super) name: String,
    /// Its class; `None` where tags take the place of classes.
    pub(super) label: Option<u32>,
}

/// Images of one split, in the order of its list.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    names: NameTable,
    labels: Labels,
}

impl Files {
    /// The images `entries` below the folder `folder` of the layout; `classes` are the names of the labels.
    ///
    /// # Errors
    /// No entries, a label without a class, or images that are missing; `archive` has them.
    pub(super) fn open(
        layout: &Layout,
        folder: &str,
        entries: &[Entry],
        classes: &[String],
        archive: Archive,
    ) -> Result<Arc<dyn Dataset>, DataError> {
        let folder = layout.find(folder, archive)?;
        if entries.is_empty() {
            return Err(layout.damaged(&folder, "no image is listed for one of the splits"));
        }
        let missing = |entry: &&Entry| !folder.join(&entry.name).is_file();
        let absent = entries.par_iter().with_min_len(64).filter(missing).collect::<Vec<_>>();
        if let Some(first) = absent.first() {
            let path = folder.join(&first.name);
            return Err(match absent.len() {
                1 => layout.missing(path, archive),
                several => {
                    let (listed, first) = (entries.len(), path.display());
                    let why = format!(
                        "{several} of {listed} images are missing, the first is {first}. Unpack {archive} again"
                    );
                    Refused::new(layout.kind.title()).because(why).into()
                }
            });
        }
        let mut names = NameTable::default();
        entries.iter().for_each(|entry| names.push(entry.name.as_bytes()));
        let labels = Labels::from_indices(entries.iter().map(|entry| entry.label), classes.to_vec());
        let labels = labels.map_err(|beyond| {
            layout.damaged(
                &folder,
                format!("label {beyond} is listed, but there are {} classes", classes.len()),
            )
        })?;
        Ok(Arc::new(Self { folder, names, labels }))
    }

    /// Where image `index` lies.
    fn file(&self, index: usize) -> Result<PathBuf, DataError> {
        let name: &Path =
            self.names.path(index).ok_or(DataError::OutOfRange { index, len: self.names.len() })?;
        Ok(self.folder.join(name))
    }
}

impl Dataset for Files {
    fn len(&self) -> usize {
        self.names.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        read_image(&self.file(index)?).map(Stored::Encoded)
    }

    fn path(&self, index: usize) -> String {
        self.names.text(index)
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        Stamp::of_file(self.names.get(index)?, &self.file(index).ok()?)
    }

    labelled!();

    /// Names, content and labels.
    fn fingerprint(&self) -> String {
        let mut identity = Identity::new("official");
        for (index, content) in of_files(self.len(), |index| self.file(index).ok()).into_iter().enumerate() {
            identity.name(self.names.get(index).unwrap_or_default());
            identity.content(content);
            identity.label(self.label(index));
        }
        identity.finish()
    }
}
