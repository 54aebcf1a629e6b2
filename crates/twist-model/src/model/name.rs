//! MODEL as people write it: a path, and which of the networks in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::STARTER;

/// What follows a path that means the teacher in it.
const TEACHER: &str = ":teacher";

/// A path, and whether its momentum teacher is meant. The name of the starter stands for the file in the user's cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// The run folder, checkpoint or weight file.
    pub path: PathBuf,
    /// Whether the teacher is meant, instead of the student that it labelled for.
    pub teacher: bool,
}

impl ModelName {
    /// Reads `PATH` or `PATH:teacher`. Whatever lies under exactly that name comes first.
    pub fn of(written: &Path) -> Self {
        let path = written.to_str().and_then(|text| text.strip_suffix(TEACHER));
        let (path, teacher) = match path.filter(|path| !path.is_empty() && !written.exists()) {
            Some(path) => (Path::new(path), true),
            None => (written, false),
        };
        let starter = STARTER.path().filter(|_| STARTER.is_meant(path));
        Self { path: starter.unwrap_or_else(|| path.to_owned()), teacher }
    }

    /// How the teacher of `written` is written; the same again where it means a teacher already.
    pub fn teacher_of(written: &Path) -> PathBuf {
        if Self::of(written).teacher {
            return written.to_owned();
        }
        let mut name: OsString = written.as_os_str().to_owned();
        name.push(TEACHER);
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_means_the_teacher_unless_something_has_that_name() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let written = folder.path().join("run:teacher");
        assert_eq!(ModelName::of(&run), ModelName { path: run.clone(), teacher: false });
        assert_eq!(ModelName::of(&written), ModelName { path: run.clone(), teacher: true });
        assert_eq!(ModelName::teacher_of(&run), written);
        assert_eq!(ModelName::teacher_of(&written), written);
        fs_err::create_dir(&written).unwrap();
        assert_eq!(ModelName::of(&written), ModelName { path: written.clone(), teacher: false });
        assert!(!ModelName::of(Path::new(":teacher")).teacher);
    }
}
