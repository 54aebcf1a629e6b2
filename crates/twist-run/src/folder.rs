//! The folder of a run: who may use it, and what belongs to it.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use twist_io::{Refused, check_place, read_small, remove_leftovers, write_atomic, write_json};

use crate::lock::RunLock;
use crate::recorder::{JsonLines, Recorder, TensorBoard};
use crate::replacement::remove_unfinished;
use crate::{Log, RunError, files};

/// What to do about a folder that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExisting {
    /// Refuse a folder that holds anything.
    #[default]
    Refuse,
    /// Continue the run in it; start one if it has none.
    Resume,
    /// Replace the run in it. Files that are not Twist's stay.
    Replace,
}

/// A run's folder, locked for this process while this value lives.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    on_existing: OnExisting,
    lock: RunLock,
}

impl RunFolder {
    /// Creates or opens the folder and takes its lock. A run in it stays what it is for now.
    ///
    /// # Errors
    /// A folder that exists and is not a run, is locked, or cannot be written.
    pub fn open(path: impl Into<PathBuf>, on_existing: OnExisting) -> Result<Self, RunError> {
        let path = path.into();
        Self::check(&path, on_existing)?;
        fs_err::create_dir_all(path.join(files::CHECKPOINTS))?;
        let lock = RunLock::take(&path)?;
        for folder in [path.clone(), path.join(files::CHECKPOINTS), path.join(files::COLLAPSE)] {
            if folder.is_dir() {
                remove_leftovers(folder)?;
            }
        }
        remove_unfinished(&path)?;
        Ok(Self { path, on_existing, lock })
    }

    /// Whether [`RunFolder::open`] refuses `path` for what is there, before anything is read or made for the run.
    ///
    /// # Errors
    /// A folder that holds something else, or a run that is neither to be resumed nor replaced, or that another process works on; a pipe
    /// or a device in the place of a file.
    pub fn check(path: &Path, on_existing: OnExisting) -> Result<(), RunError> {
        if !path.is_dir() || !is_used(path)? {
            return Ok(());
        }
        check_files(path)?;
        let path = path.to_owned();
        if ![files::PLAN, files::LOG, files::LOCK].iter().any(|name| path.join(name).is_file()) {
            return Err(RunError::NotARun(path));
        }
        match on_existing {
            OnExisting::Refuse => Err(RunError::Exists(path)),
            _ if path.join(files::CHECKPOINTS).is_dir() => RunLock::take(&path).map(drop),
            _ => Ok(()),
        }
    }

    /// Where the run lives.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of its checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join(files::CHECKPOINTS)
    }

    /// Whether the run in it is to be continued.
    pub fn resume(&self) -> bool {
        self.on_existing == OnExisting::Resume
    }

    /// What a user has to know of the folder, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let sentence = format!(
            "the file system of {} has no locks: make sure that no other process works on this run",
            self.path.display()
        );
        if self.lock.is_held { Vec::new() } else { vec![sentence] }
    }

    /// Removes the run that is to be replaced, if one is. [`RunFolder::describe`] does it, when nothing can be refused any
    /// more: until then the old run stays whole, and the new one may begin with its weights.
    ///
    /// The names that people gave to the old run's classes do not fit those of the new one, so they are set aside as
    /// `clusters.replaced-N.json`. Returns a sentence that says so.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn make_way(&self) -> Result<Option<String>, RunError> {
        if self.on_existing != OnExisting::Replace {
            return Ok(None);
        }
        let aside = self.set_aside(files::CLUSTERS)?;
        self.clear()?;
        Ok(aside.map(|aside| {
            format!(
                "the names of the classes before are kept as {}: this run numbers its own from 0",
                aside.display()
            )
        }))
    }

    /// Moves a file that holds what people said and that would be replaced out of the way, under a name that says so. Returns where
    /// it is then; `None` if the file does not exist.
    ///
    /// # Errors
    /// A file cannot be read, written or removed.
    pub fn set_aside(&self, name: &str) -> Result<Option<PathBuf>, RunError> {
        let path = self.path.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let aside = keep_copy(&self.path, name)?;
        fs_err::remove_file(path)?;
        Ok(Some(aside))
    }

    /// Writes `config.toml`, the recipe as written, and `plan.json`, everything derived from it. Call it when nothing can be
    /// refused any more: a refusal to resume must find the folder as it was. Returns what [`RunFolder::make_way`] has to say.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn describe(&self, recipe: &str, plan: &impl Serialize) -> Result<Option<String>, RunError> {
        let aside = self.make_way()?;
        write_atomic(self.path.join(files::CONFIG), |file| file.write_all(recipe.as_bytes()))?;
        write_json(self.path.join(files::PLAN), plan)?;
        Ok(aside)
    }

    /// The recorders of every run: `log.jsonl` and TensorBoard's event file.
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub fn recorders(&self) -> Result<Vec<Box<dyn Recorder>>, RunError> {
        let log = JsonLines::append(&self.path.join(files::LOG))?;
        Ok(vec![Box::new(log), Box::new(TensorBoard::create(&self.path)?)])
    }

    /// Whether the log says that the run ended after `step` steps. A process that was killed right after its last checkpoint did
    /// not come to say so.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn says_done(&self, step: u64) -> Result<bool, RunError> {
        Ok(Log::read(&self.path)?.says_done(step))
    }

    /// Removes what belongs to a run and nothing else.
    fn clear(&self) -> Result<(), RunError> {
        let remove = |folder: &Path, is_of_run: &dyn Fn(&str) -> bool| -> Result<(), RunError> {
            if !folder.is_dir() {
                return Ok(());
            }
            for entry in fs_err::read_dir(folder)?.collect::<Result<Vec<_>, _>>()? {
                if is_of_run(&entry.file_name().to_string_lossy()) {
                    fs_err::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        remove(&self.path, &files::is_replaced)?;
        remove(&self.checkpoints(), &files::is_replaced_checkpoint)?;
        let saved = [files::COLLAPSE_STEP, files::COLLAPSE_WEIGHTS];
        remove(&self.path.join(files::COLLAPSE), &|name| saved.contains(&name))
    }
}

/// Refuses a folder in which a run could not write a file at its end, hours later.
fn check_files(run: &Path) -> Result<(), RunError> {
    for folder in [run.to_owned(), run.join(files::CHECKPOINTS), run.join(files::COLLAPSE)] {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs_err::read_dir(&folder)? {
            let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
            if folder != run || files::is_written(&name.to_string_lossy()) {
                check_place(&path).map_err(|why| Refused::writing(&path, why.to_string()))?;
            }
        }
    }
    Ok(())
}

/// Copies the file `name` of the run in `folder`, which people wrote: `clusters.json` to `clusters.replaced-1.json`, or to the
/// next number that is free. Of equal copies one is kept. Returns where it is.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn keep_copy(folder: &Path, name: &str) -> Result<PathBuf, RunError> {
    let bytes = read_small(folder.join(name))?;
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let place = |number: u32| folder.join(format!("{stem}.replaced-{number}.{extension}"));
    let mut number = 1;
    loop {
        let aside = place(number);
        match read_small(&aside) {
            Ok(known) if known == bytes => return Ok(aside),
            Ok(_) => number += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                write_atomic(&aside, |file| file.write_all(&bytes))?;
                return Ok(aside);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the folder holds more than what a process leaves that was killed before it had begun a run: its lock, an empty
/// folder for checkpoints, and unfinished files.
fn is_used(folder: &Path) -> Result<bool, RunError> {
    for entry in fs_err::read_dir(folder)? {
        let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
        let nothing = match name.to_string_lossy().as_ref() {
            files::LOCK => true,
            files::CHECKPOINTS => path.is_dir() && fs_err::read_dir(&path)?.next().is_none(),
            name => name.ends_with(".twist-tmp"),
        };
        if !nothing {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_existing_run_wants_resume_or_force() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/run");
        drop(RunFolder::open(&path, OnExisting::Refuse).unwrap());
        drop(RunFolder::open(&path, OnExisting::Refuse).expect("nothing was begun in it"));
        fs_err::write(path.join("config.toml"), "").unwrap();
        let message = RunFolder::open(&path, OnExisting::Refuse).unwrap_err().to_string();
        assert!(message.contains("--resume") && message.contains("--force"), "{message}");
        let working = RunFolder::open(&path, OnExisting::Resume).unwrap();
        assert!(working.resume());
        let message = RunFolder::check(&path, OnExisting::Replace).unwrap_err().to_string();
        assert!(message.contains("is working on this run"), "{message}");
    }

    #[test]
    fn force_replaces_the_run_and_keeps_foreign_files() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        drop(RunFolder::open(&path, OnExisting::Refuse).unwrap());
        let ours = [
            "log.jsonl",
            "plan.json",
            "checkpoints/step-00000003.safetensors",
            "checkpoints/best.safetensors",
        ];
        for name in
            ours.iter().chain(&["notes.txt", "checkpoints/mine.safetensors", "events.out.tfevents.1.h.2"])
        {
            fs_err::write(path.join(name), "x").unwrap();
        }
        let folder = RunFolder::open(&path, OnExisting::Replace).unwrap();
        assert!(path.join(ours[2]).is_file(), "the new run may begin with its weights");
        folder.make_way().unwrap();
        assert_eq!(names(&path), ["checkpoints", "notes.txt", "twist.lock"]);
        assert_eq!(names(&path.join("checkpoints")), ["mine.safetensors"]);
    }

    #[test]
    fn force_keeps_what_people_filled_in() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        drop(RunFolder::open(&path, OnExisting::Refuse).unwrap());
        fs_err::write(path.join("label_next.csv"), "path,label\na.png,cat\n").unwrap();
        fs_err::write(path.join("labels.csv"), "path,label\nb.png,dog\n").unwrap();
        let replace = |names: &str| {
            fs_err::write(path.join("clusters.json"), names).unwrap();
            RunFolder::open(&path, OnExisting::Replace).unwrap().make_way().unwrap();
            assert!(!path.join("clusters.json").exists(), "the new run has classes of its own");
        };
        ["first", "second", "second", "first"].into_iter().for_each(replace);
        let read = |name: &str| fs_err::read_to_string(path.join(name)).unwrap();
        assert_eq!(read("label_next.csv"), "path,label\na.png,cat\n");
        assert_eq!(read("labels.csv"), "path,label\nb.png,dog\n");
        assert_eq!(
            (read("clusters.replaced-1.json"), read("clusters.replaced-2.json")),
            ("first".into(), "second".into())
        );
        assert!(!path.join("clusters.replaced-3.json").exists());
    }

    #[test]
    fn what_a_killed_process_left_goes_wherever_it_lies() {
        let root = tempfile::tempdir().unwrap();
        drop(RunFolder::open(root.path(), OnExisting::Refuse).unwrap());
        fs_err::create_dir(root.path().join("collapse")).unwrap();
        for folder in ["", "checkpoints", "collapse"] {
            fs_err::write(root.path().join(folder).join(".a.json.x1y2z3.twist-tmp"), "part").unwrap();
        }
        drop(RunFolder::open(root.path(), OnExisting::Resume).unwrap());
        assert_eq!(names(root.path()), ["checkpoints", "collapse", "twist.lock"]);
        assert!(names(&root.path().join("checkpoints")).is_empty());
        assert!(names(&root.path().join("collapse")).is_empty());
    }

    #[test]
    fn a_folder_that_is_no_run_is_never_touched() {
        let root = tempfile::tempdir().unwrap();
        fs_err::write(root.path().join("thesis.tex"), "x").unwrap();
        for how in [OnExisting::Refuse, OnExisting::Resume, OnExisting::Replace] {
            let message = RunFolder::open(root.path(), how).unwrap_err().to_string();
            assert!(message.contains("not a run of Twist"), "{message}");
        }
        assert_eq!(names(root.path()), ["thesis.tex"]);
    }

    #[test]
    fn an_empty_folder_may_be_used() {
        let root = tempfile::tempdir().unwrap();
        RunFolder::open(root.path(), OnExisting::Refuse).unwrap();
    }
}
