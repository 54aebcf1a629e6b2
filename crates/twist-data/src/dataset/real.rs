//! Where files really lie.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Files from the root on, without links and `..` in their folders. Each folder is looked up once; the file itself is not, because
/// a link to an image is an image of its own.
#[derive(Debug, Default)]
pub(crate) struct RealPaths(HashMap<PathBuf, PathBuf>);

impl RealPaths {
    /// The place of a file; as it is written, where its folder does not exist.
    pub(crate) fn of(&mut self, file: &Path) -> PathBuf {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return file.to_owned() };
        if let Some(place) = self.0.get(folder) {
            return place.join(name);
        }
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let place = fs_err::canonicalize(here).unwrap_or_else(|_| folder.to_owned());
        let file = place.join(name);
        self.0.insert(folder.to_owned(), place);
        file
    }
}
