//! Resolves the `DATA` of a user to files of one kind.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use strsim::levenshtein;
use twist_io::{Refused, near_paths};

use super::Splits;
use super::cifar::Batches;
use super::class_folders::is_split;
use super::kinds::{Kind, begin_of_file, extension, is_image};
use super::pattern::{expand, is_pattern};
use super::remote;
use crate::DataError;
use crate::decode::Format;
use crate::error::SUPPORTED;
use crate::foreign::{self, Foreign};
use crate::synth::Split;

/// Files of one kind that make up a data set.
#[derive(Debug)]
pub(crate) enum FoundFiles {
    /// The embedded data set.
    Shapes(Split),
    Folder(PathBuf),
    /// Images named one by one or by a pattern, and what else the pattern fits.
    Images(Vec<PathBuf>, Vec<PathBuf>),
    List(PathBuf),
    Cifar(Batches),
    Tar(Vec<PathBuf>),
    Zip(Vec<PathBuf>),
    Parquet(Vec<PathBuf>),
}

/// The prefix of the embedded data set.
const EMBEDDED: &str = "shapes:";

/// Finds out what `spec` names. An existing path wins over its reading as a pattern.
pub(crate) fn resolve(spec: &str, splits: Splits) -> Result<FoundFiles, DataError> {
    if let Some(split) = spec.strip_prefix(EMBEDDED) {
        return embedded(spec, split);
    }
    let path = Path::new(spec);
    if let Some(refused) = remote::refused(spec).filter(|_| !path.exists()) {
        return Err(refused.into());
    }
    // Asks for the metadata itself, so that a refused parent folder is not taken for a missing file.
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => folder(path, splits),
        Ok(_) => files(spec, vec![path.to_path_buf()]),
        Err(_) if is_pattern(spec) => files(spec, expand(spec)?),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            let mut suggestions = near_paths(path);
            if levenshtein(spec, "shapes:train").min(levenshtein(spec, "shapes")) <= 2 {
                suggestions.push("shapes:train".to_owned());
            }
            Err(DataError::not_found(spec, suggestions))
        }
        Err(source) => Err(DataError::read(path, source)),
    }
}

/// `shapes:train` or `shapes:test`.
fn embedded(spec: &str, split: &str) -> Result<FoundFiles, DataError> {
    match [Split::Train, Split::Test].into_iter().find(|s| s.name() == split) {
        Some(split) => Ok(FoundFiles::Shapes(split)),
        None => Err(DataError::not_found(
            spec.to_owned(),
            vec!["shapes:train".to_owned(), "shapes:test".to_owned()],
        )),
    }
}

/// A folder is CIFAR batches, shards that lie directly in it, or a tree of images.
fn folder(path: &Path, splits: Splits) -> Result<FoundFiles, DataError> {
    if let Some(batches) = Batches::of_folder(path)? {
        return Ok(FoundFiles::Cifar(batches));
    }
    let listed = fs_err::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = listed.map_err(|error| match path.read_dir() {
        Err(source) => DataError::folder(path, source),
        Ok(_) => DataError::folder(path, error),
    })?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|e| e.path()).collect();
    paths.sort();
    let of_kind = |kind: &str| -> Vec<PathBuf> {
        paths.iter().filter(|p| name_extension(p).as_deref() == Some(kind) && p.is_file()).cloned().collect()
    };
    let holds_images = paths.iter().any(|p| p.is_dir() && !is_hidden(p) || is_image(name(p).as_bytes()));
    if !holds_images {
        for kind in ["tar", "parquet", "zip"] {
            let shards = of_kind(kind);
            if !shards.is_empty() {
                if splits == Splits::Refuse {
                    refuse_splits(path, &shards, kind)?;
                }
                return files(&path.display().to_string(), shards);
            }
        }
    }
    Ok(FoundFiles::Folder(path.to_path_buf()))
}

/// A folder with `train-….tar` and `test-….tar` is two data sets, and one trained on both measures nothing.
fn refuse_splits(folder: &Path, shards: &[PathBuf], kind: &str) -> Result<(), DataError> {
    let prefix = |path: &PathBuf| {
        let name = name(path);
        name.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default().to_lowercase()
    };
    let splits: BTreeSet<String> = shards.iter().map(prefix).filter(|prefix| is_split(prefix)).collect();
    if splits.len() < 2 {
        return Ok(());
    }
    let splits = splits.into_iter().collect();
    Err(DataError::several_splits(folder.to_path_buf(), splits, |split| {
        folder.join(format!("{split}*.{kind}"))
    }))
}

/// Files named one by one or by a pattern: images, or all of one kind, told by the extension.
fn files(spec: &str, paths: Vec<PathBuf>) -> Result<FoundFiles, DataError> {
    // A pattern may fit one file twice, and fits the hidden files that macOS leaves everywhere.
    let mut seen = HashSet::new();
    let once = paths.iter().filter(|path| seen.insert(*path)).cloned();
    let is_shown = |path: &PathBuf| paths.len() == 1 || !is_hidden(path);
    let (images, others): (Vec<PathBuf>, Vec<PathBuf>) = once.partition(|path| {
        Kind::of(name(path).as_bytes(), || begin_of_file(path)) == Kind::Image && is_shown(path)
    });
    if !images.is_empty() {
        return Ok(FoundFiles::Images(images, others));
    }
    let kinds: BTreeSet<String> = paths.iter().map(|p| name_extension(p).unwrap_or_default()).collect();
    if kinds.len() > 1 {
        let found = kinds.iter().map(|k| format!(".{k}")).collect::<Vec<_>>().join(" and ");
        return Err(DataError::pattern(spec, format!("it matches both {found} files")));
    }
    let only = |paths: Vec<PathBuf>| match <[PathBuf; 1]>::try_from(paths) {
        Ok([path]) => Ok(path),
        Err(several) => Err(DataError::pattern(
            spec,
            format!("it matches {} lists, but a data set is one list: join them", several.len()),
        )),
    };
    let unknown = |found: &str| {
        Err(Refused::new(format!("{spec} is not a data set")).because(format!("{found}. {SUPPORTED}")).into())
    };
    match kinds.first().map_or("", String::as_str) {
        "tar" => Ok(FoundFiles::Tar(paths)),
        "zip" => Ok(FoundFiles::Zip(paths)),
        "parquet" => Ok(FoundFiles::Parquet(paths)),
        "bin" => Batches::of_files(paths).map(FoundFiles::Cifar),
        "txt" | "csv" => only(paths).map(FoundFiles::List),
        "" if paths.iter().all(|p| name(p).starts_with("data_batch_") || name(p) == "test_batch") => {
            unknown("CIFAR for Python; download the binary version")
        }
        // What somebody names one by one is told by its content, whatever it is called.
        _ if paths.iter().all(|path| Format::of(&begin_of_file(path)).is_some()) => {
            Ok(FoundFiles::Images(paths, Vec::new()))
        }
        extension => {
            match foreign::by_content(&begin_of_file(&paths[0])).or(foreign::by_extension(extension)) {
                Some(Foreign { name, remedy, .. }) => unknown(&format!("it is {name}; {remedy}")),
                None if extension.is_empty() => unknown("the file has no extension"),
                None => unknown(&format!("the file ends in .{extension}")),
            }
        }
    }
}

/// The file name, for people and comparisons with ASCII.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The extension in lower case.
fn name_extension(path: &Path) -> Option<String> {
    extension(name(path).as_bytes())
}

/// Whether the name starts with a dot.
fn is_hidden(path: &Path) -> bool {
    name(path).starts_with('.')
}
