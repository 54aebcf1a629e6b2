//! Every image below a folder, in an order that depends on the names alone.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use super::kinds::{Kind, base_name, begin_of_file};
use super::left_out::{LeftOut, Leftovers, add_kind};
use super::names::{NameTable, readable};
use crate::DataError;

#[derive(Debug)]
pub(crate) struct Walk {
    /// Image files relative to the folder, sorted folder by folder.
    pub(crate) images: NameTable,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Lists the images below `root`, following links.
///
/// Hidden files and folders (`.name`), folders of operating systems and servers, files that are neither named like images nor
/// images under the name of another format, broken links and links that lead back to a folder they are in are left out and noted. So are folders right below `root` that hold
/// no image: each would have been a class.
///
/// # Errors
/// When a folder cannot be listed: its images would be missing without anybody noticing.
pub(crate) fn walk(root: &Path) -> Result<Walk, DataError> {
    let mut images = NameTable::default();
    let mut leftovers = Leftovers::default();
    let mut without_images: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut entries = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                note_or_fail(root, error, &mut leftovers)?;
                continue;
            }
        };
        if entry.depth() == 0 {
            continue;
        }
        let name = relative(root, entry.path());
        let is_folder = entry.file_type().is_dir();
        if is_hidden(&entry) {
            let kind =
                if is_folder { ["hidden folder", "hidden folders"] } else { ["hidden file", "hidden files"] };
            leftovers.add(kind, readable(name));
            if is_folder {
                entries.skip_current_dir();
            }
        } else if is_folder && is_of_system(base_name(name)) {
            leftovers.add(["folder of a system or server", "folders of systems and servers"], readable(name));
            entries.skip_current_dir();
        } else if is_folder && entry.depth() == 1 {
            without_images.insert(name.to_vec());
        } else if entry.file_type().is_file() {
            match Kind::of(name, || begin_of_file(entry.path())) {
                Kind::Image => {
                    if let Some(slash) = name.iter().position(|&b| b == b'/') {
                        without_images.remove(&name[..slash]);
                    }
                    images.push(name);
                }
                Kind::Other(kind) => add_kind(&mut leftovers, "file", name, kind),
            }
        } else if !is_folder {
            leftovers.add(["special file", "special files"], readable(name));
        }
    }
    let kind = ["folder without an image", "folders without an image"];
    without_images.iter().for_each(|name| leftovers.add(kind, readable(name)));
    Ok(Walk { images, left_out: leftovers.finish() })
}

/// Whether an operating system, a file server or an archiver makes folders of this name beside those of people.
pub(super) fn is_of_system(name: &[u8]) -> bool {
    const NAMES: [&str; 11] = [
        "@eaDir",
        "@__thumb",
        "@Recycle",
        "#recycle",
        "#snapshot",
        "__MACOSX",
        "$RECYCLE.BIN",
        "RECYCLER",
        "System Volume Information",
        "lost+found",
        "__pycache__",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Sorts the errors of a walk into what is noted and what ends it.
fn note_or_fail(root: &Path, error: walkdir::Error, leftovers: &mut Leftovers) -> Result<(), DataError> {
    let path = error.path().unwrap_or(root).to_path_buf();
    let name = readable(relative(root, &path));
    if error.loop_ancestor().is_some() {
        let kind =
            ["link that leads back to a folder it is in", "links that lead back to a folder they are in"];
        leftovers.add(kind, name);
        return Ok(());
    }
    let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("unknown cause"));
    let is_link = path.symlink_metadata().is_ok_and(|m| m.is_symlink());
    if is_link && source.kind() == std::io::ErrorKind::NotFound {
        leftovers.add(["broken link", "broken links"], name);
        return Ok(());
    }
    Err(DataError::folder(path, source))
}

/// The part of `path` below `root`, as bytes.
fn relative<'a>(root: &Path, path: &'a Path) -> &'a [u8] {
    path.strip_prefix(root).unwrap_or(path).as_os_str().as_bytes()
}

/// Whether the name starts with a dot.
fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_bytes().first() == Some(&b'.')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn refused_folders_are_errors() {
        // Permissions do not bind the superuser, so the mapping is tested on an error made by hand too.
        let refused =
            walkdir::WalkDir::new("/nonexistent-folder-of-a-test").into_iter().next().unwrap().unwrap_err();
        let mut leftovers = Leftovers::default();
        let error =
            note_or_fail(Path::new("/nonexistent-folder-of-a-test"), refused, &mut leftovers).unwrap_err();
        assert!(error.to_string().starts_with("cannot list the folder "), "{error}");
        let denied = DataError::folder("secret", std::io::Error::from(std::io::ErrorKind::PermissionDenied));
        assert!(denied.to_string().contains("chmod u+rx"), "{denied}");
    }

    #[test]
    fn links_that_loop_or_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs_err::create_dir_all(root.join("a/b")).unwrap();
        fs_err::write(root.join("a/b/1.png"), b"x").unwrap();
        fs_err::write(root.join("a/.hidden.png"), b"x").unwrap();
        fs_err::write(root.join("a/notes.txt"), b"x").unwrap();
        symlink(root.join("a"), root.join("a/b/back")).unwrap();
        symlink(root.join("nowhere.png"), root.join("a/broken.png")).unwrap();
        symlink(root.join("a/b/1.png"), root.join("a/also.png")).unwrap();
        let walk = walk(root).unwrap();
        let images: Vec<String> = (0..walk.images.len()).map(|i| walk.images.text(i)).collect();
        assert_eq!(images, ["a/also.png", "a/b/1.png"]);
        let mut kinds: Vec<&str> = walk.left_out.iter().map(|l| l.what.as_str()).collect();
        kinds.sort_unstable();
        assert_eq!(
            kinds,
            [".txt files", "broken links", "hidden files", "links that lead back to a folder they are in"]
        );
    }
}
