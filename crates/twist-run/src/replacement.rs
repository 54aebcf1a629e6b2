//! Another model for a finished run, with everything that is said of it.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::{RunError, RunFolder, files};

/// What only the old model's evaluation says. It goes before the model does, and `metrics.json` first: a run without it was not
/// evaluated, and `--resume` evaluates the model that is there.
const SAID_OF_THE_OLD: [&str; 4] = [files::METRICS, files::TREE, files::EMBEDDINGS, files::IMAGES];
/// What the evaluation of the new model wrote, `metrics.json` last, as at the end of a run.
const SAID_OF_THE_NEW: [&str; 5] =
    [files::THUMBNAILS, files::EMBEDDINGS, files::IMAGES, files::TREE, files::METRICS];

/// A folder in that of a run, where a model and its evaluation are written before they replace those of the run. Until then the
/// run stays whole, whatever happens; dropped before, it leaves nothing.
///
/// The moment of the change is one rename, that of the model. A process that is killed beside it leaves a run with the old or the
/// new model, and without figures.
#[derive(Debug)]
pub struct Replacement<'a> {
    run: &'a RunFolder,
    folder: PathBuf,
}

impl<'a> Replacement<'a> {
    /// An empty place for what replaces the model of `run`.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn of(run: &'a RunFolder) -> Result<Self, RunError> {
        remove_unfinished(run.path())?;
        let folder = run.path().join(files::REPLACEMENT);
        fs::create_dir(&folder)?;
        Ok(Self { run, folder })
    }

    /// Where `model.safetensors`, `metrics.json` and the other files are to be written.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Puts everything in its place. A part that is not there, such as a tree, is removed from the run.
    ///
    /// # Errors
    /// There is no model; a file cannot be moved or removed. The run then has one of the two models. Its figures may be missing.
    pub fn commit(self) -> Result<(), RunError> {
        let (run, new) = (self.run.path(), |name: &str| self.folder.join(name));
        fs::metadata(new(files::MODEL))?;
        for name in SAID_OF_THE_OLD {
            remove(&run.join(name))?;
        }
        flushed(run)?;
        fs::rename(new(files::MODEL), run.join(files::MODEL))?;
        flushed(run)?;
        for name in SAID_OF_THE_NEW {
            if new(name).is_file() {
                fs::rename(new(name), run.join(name))?;
            }
        }
        flushed(run)
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        // What is left is removed when the run is opened again.
        let _ = remove_unfinished(self.run.path());
    }
}

/// Removes what a killed process left of a replacement.
pub(crate) fn remove_unfinished(run: &Path) -> Result<(), RunError> {
    let folder = run.join(files::REPLACEMENT);
    match fs::symlink_metadata(&folder) {
        Ok(found) if found.is_dir() => Ok(fs::remove_dir_all(folder)?),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), RunError> {
    if path.is_file() { Ok(fs::remove_file(path)?) } else { Ok(()) }
}

/// Names survive a power failure in the order in which they were given.
fn flushed(folder: &Path) -> Result<(), RunError> {
    Ok(fs::File::open(folder)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OnExisting;

    fn text(run: &Path, name: &str) -> Option<String> {
        fs::read_to_string(run.join(name)).ok()
    }

    #[test]
    fn a_model_is_replaced_with_all_that_is_said_of_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        let run = RunFolder::open(&path, OnExisting::Refuse).unwrap();
        for name in [files::MODEL, files::METRICS, files::TREE, files::EMBEDDINGS, files::LOG] {
            fs::write(path.join(name), "old").unwrap();
        }
        let begun = Replacement::of(&run).unwrap();
        fs::write(begun.path().join(files::METRICS), "new").unwrap();
        assert!(begun.commit().is_err(), "a model is missing");
        assert_eq!(text(&path, files::METRICS).as_deref(), Some("old"));
        assert!(!path.join(files::REPLACEMENT).exists());

        let whole = Replacement::of(&run).unwrap();
        for name in [files::MODEL, files::METRICS, files::EMBEDDINGS, files::IMAGES] {
            fs::write(whole.path().join(name), "new").unwrap();
        }
        whole.commit().unwrap();
        for name in [files::MODEL, files::METRICS, files::EMBEDDINGS, files::IMAGES] {
            assert_eq!(text(&path, name).as_deref(), Some("new"), "{name}");
        }
        assert_eq!(text(&path, files::TREE), None, "the old tree is of other classes");
        assert_eq!(text(&path, files::LOG).as_deref(), Some("old"));
    }

    #[test]
    fn what_a_killed_process_left_is_removed_when_the_run_is_opened() {
        let root = tempfile::tempdir().unwrap();
        drop(RunFolder::open(root.path(), OnExisting::Refuse).unwrap());
        fs::create_dir(root.path().join(files::REPLACEMENT)).unwrap();
        fs::write(root.path().join(files::REPLACEMENT).join(files::MODEL), "half").unwrap();
        drop(RunFolder::open(root.path(), OnExisting::Resume).unwrap());
        assert!(!root.path().join(files::REPLACEMENT).exists());
    }
}
