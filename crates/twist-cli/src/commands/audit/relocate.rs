//! Images that go: moved into another folder, or linked from there. Nothing is deleted and nothing is overwritten.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::NamedTempFile;
use twist_data::Dataset;

use crate::digits::counted;
use crate::exit::Usage;

/// What happens to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Move,
    Link,
}

impl How {
    fn flag(self) -> &'static str {
        match self {
            Self::Move => "--move-to",
            Self::Link => "--link-to",
        }
    }
}

/// Where images go.
pub(super) struct Relocation {
    how: How,
    folder: PathBuf,
    /// The folders whose images are looked at, as they were written and with links followed.
    sources: Vec<(String, PathBuf)>,
    /// That of DATA, where it is a folder.
    data: Option<PathBuf>,
}

/// An image and its new place.
struct Step {
    from: PathBuf,
    to: PathBuf,
}

impl Relocation {
    /// `folder` may not exist yet, and it may not lie in one of the folders whose images are looked at (`sources`, DATA first): the
    /// next audit would find them there again.
    ///
    /// # Errors
    /// [`Usage`] where it does, or is a file.
    pub(super) fn new<'a>(
        how: How,
        folder: &Path,
        sources: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<Self> {
        let (flag, shown) = (how.flag(), folder.display());
        if folder.exists() && !folder.is_dir() {
            return Err(Usage(format!("{flag} {shown}: it is a file; give the name of a folder")).into());
        }
        let mut place = Self { how, folder: real(folder)?, sources: Vec::new(), data: None };
        for (number, source) in sources.enumerate().filter(|(_, source)| Path::new(source).is_dir()) {
            let folder = fs_err::canonicalize(source)?;
            place.data = place.data.or_else(|| (number == 0).then(|| folder.clone()));
            place.sources.push((source.to_owned(), folder));
        }
        place.lies_outside(&place.folder)?;
        Ok(place)
    }

    /// # Errors
    /// [`Usage`] where a folder lies in one whose images are looked at.
    fn lies_outside(&self, folder: &Path) -> Result<(), Usage> {
        let Some((source, _)) = self.sources.iter().find(|(_, source)| folder.starts_with(source)) else {
            return Ok(());
        };
        let why = "the next audit would find the images there again; name a folder beside it";
        let (flag, shown) = (self.how.flag(), folder.display());
        Err(Usage(format!("{flag} {shown}: it lies in {source}: {why}")))
    }

    /// # Errors
    /// [`Usage`] where the new folder lies in one that holds images of the data set, such as those of a pattern.
    fn is_beside_images(&self, dataset: &dyn Dataset) -> anyhow::Result<()> {
        let files = (0..dataset.len()).filter_map(|index| dataset.file(index));
        let folders: HashSet<PathBuf> = files.filter_map(|file| Some(file.parent()?.to_owned())).collect();
        for folder in &folders {
            if self.folder.starts_with(real(folder)?) {
                let (flag, shown) = (self.how.flag(), self.folder.display());
                let why =
                    format!("it lies in {}, a folder of the images; name one beside it", folder.display());
                return Err(Usage(format!("{flag} {shown}: {why}")).into());
            }
        }
        Ok(())
    }

    /// Whether images of this data set can go anywhere.
    ///
    /// # Errors
    /// [`Usage`] where they have no files of their own.
    pub(super) fn check_files(&self, dataset: &dyn Dataset) -> Result<(), Usage> {
        match dataset.file(0) {
            Some(_) => Ok(()),
            None => Err(Usage(format!(
                "{}: the images of DATA have no files of their own; use --out FILE.csv, and leave out the rows with `remove` \
                 where the data set is made",
                self.how.flag()
            ))),
        }
    }

    /// Moves or links the images with these numbers, and says what was done. Before anything is moved, all places are looked at.
    ///
    /// # Errors
    /// Another file is in one of the places, or the disk is full or read-only. What was moved before stays moved; the command can
    /// be called again.
    pub(super) fn apply(&self, dataset: &dyn Dataset, images: &[usize]) -> anyhow::Result<String> {
        let mut steps = Vec::with_capacity(images.len());
        let (mut there, mut elsewhere) = (0, 0);
        self.is_beside_images(dataset)?;
        for &index in images {
            let path = dataset.path(index);
            let from = dataset.file(index).with_context(|| format!("{path} has no file of its own"))?;
            let from = std::path::absolute(from)?;
            let real_file = fs_err::canonicalize(&from)?;
            let is_elsewhere = self.data.as_ref().is_some_and(|data| !real_file.starts_with(data));
            if self.how == How::Move && is_elsewhere && !from.is_symlink() {
                elsewhere += 1;
                continue;
            }
            let step = Step { to: self.folder.join(below(&path, self.how)?), from };
            let parent = step.to.parent().unwrap_or(&self.folder);
            self.lies_outside(&real(parent)?)?;
            if self.is_done(&step)? { there += 1 } else { steps.push(step) }
        }
        // Links first: they are read before what they lead to has another place.
        steps.sort_by_key(|step| !step.from.is_symlink());
        for step in &steps {
            let Step { from, to } = step;
            if let Some(parent) = to.parent() {
                fs_err::create_dir_all(parent)?;
            }
            let done = match self.how {
                How::Link => symlink(from, to),
                How::Move => moved(from, to),
            };
            done.with_context(|| {
                format!("{}: {} cannot become {}", self.how.flag(), from.display(), to.display())
            })?;
        }
        let what = if self.how == How::Move { "moved to" } else { "linked in" };
        let before = if there == 0 { String::new() } else { format!(", {there} were there already") };
        let elsewhere = match elsewhere {
            0 => String::new(),
            count => format!(", {} behind links to other folders stayed", counted(count, "image")),
        };
        let images = counted(steps.len() as u64, "image");
        Ok(format!("{images} {what} {}{before}{elsewhere}", self.folder.display()))
    }

    /// Whether an earlier call did this step.
    ///
    /// # Errors
    /// Another file has the name.
    fn is_done(&self, step: &Step) -> anyhow::Result<bool> {
        let Step { from, to } = step;
        if to.symlink_metadata().is_err() {
            return Ok(false);
        }
        if self.how == How::Link && fs_err::read_link(to).is_ok_and(|target| target == *from) {
            return Ok(true);
        }
        if self.how == How::Move && is_copied(from, to)? {
            return Ok(false); // a call that was killed did half of it
        }
        let remedy = "rename or remove it, or name another folder; nothing was moved or linked";
        Err(Usage(format!("{}: {} exists already: {remedy}", self.how.flag(), to.display())).into())
    }
}

/// The absolute path of a folder, links followed as far as it exists.
fn real(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    let existing = folder.ancestors().find(|part| part.exists()).unwrap_or(Path::new("/"));
    let rest = folder.strip_prefix(existing).unwrap_or(Path::new(""));
    let existing = fs_err::canonicalize(existing)?;
    Ok(if rest.as_os_str().is_empty() { existing } else { existing.join(rest) })
}

/// The path of an image below the new folder: as the data set names it.
fn below(path: &str, how: How) -> Result<PathBuf, Usage> {
    let mut below = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => below.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            Component::ParentDir => {
                return Err(Usage(format!(
                    "{}: {path} leads out of the folder; name DATA by a path without `..`",
                    how.flag()
                )));
            }
        }
    }
    Ok(below)
}

/// Gives a file another place, unless something is there.
fn moved(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_symlink() {
        // Its target may be written from where the link lies.
        symlink(fs_err::canonicalize(from)?, to)?;
        return fs_err::remove_file(from);
    }
    if is_copied(from, to)? {
        return fs_err::remove_file(from);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Another file system, or one that cannot rename so.
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => copied(from, to),
        Err(error) => Err(error.into()),
    }
}

/// Whether `to` is another file with the same bytes.
fn is_copied(from: &Path, to: &Path) -> io::Result<bool> {
    let is_file = |path: &Path| path.symlink_metadata().is_ok_and(|data| data.is_file());
    if !is_file(from) || !is_file(to) || from.metadata()?.len() != to.metadata()?.len() {
        return Ok(false);
    }
    let is_same = fs_err::canonicalize(from)? == fs_err::canonicalize(to)?;
    Ok(!is_same && fs_err::read(from)? == fs_err::read(to)?)
}

/// The same by a copy, which has the name only when it is complete.
fn copied(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let copy = NamedTempFile::with_prefix_in(".moving-", folder)?;
    fs_err::copy(from, copy.path())?;
    copy.as_file().sync_all()?;
    copy.persist_noclobber(to)?;
    fs_err::remove_file(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_folder() {
        let of = |path: &str| below(path, How::Move).map(|path| path.display().to_string());
        assert_eq!(of("cats/a.jpg").unwrap(), "cats/a.jpg");
        assert_eq!(of("/data/./a.jpg").unwrap(), "data/a.jpg");
        assert!(of("../a.jpg").unwrap_err().to_string().contains("--move-to"));
    }

    #[test]
    fn copies_never_replace_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs_err::write(path("a"), "a").unwrap();
        fs_err::write(path("b"), "b").unwrap();
        for attempt in [copied, moved] {
            assert!(attempt(&path("a"), &path("b")).is_err());
            assert_eq!(fs_err::read(path("b")).unwrap(), b"b");
            assert_eq!(fs_err::read(path("a")).unwrap(), b"a");
        }
        copied(&path("a"), &path("c")).unwrap();
        moved(&path("c"), &path("d")).unwrap();
        assert_eq!(fs_err::read(path("d")).unwrap(), b"a");
        assert!(!path("a").exists() && !path("c").exists());
        // As a call that was killed leaves it.
        fs_err::write(path("e"), "a").unwrap();
        moved(&path("e"), &path("d")).unwrap();
        assert!(!path("e").exists() && path("d").exists());
    }
}
