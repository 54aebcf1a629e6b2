//! Everything that can go wrong between a path on the command line and an image in memory.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use twist_io::{Refused, did_you_mean, near_paths};

use crate::augment::PolicyError;
use crate::decode::DecodeError;

/// An error of this crate. The text names the file and says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum DataError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A folder, archive or list without an image.
    #[error("{0}")]
    NoImages(Box<Refused>),
    /// A file that cannot be read as what its name says, from its beginning on.
    #[error("{refused}")]
    Content { path: PathBuf, is_text: bool, refused: Box<Refused> },
    /// An index beyond the end.
    #[error("image {index} was requested, but the data set has {len} images")]
    OutOfRange { index: usize, len: usize },
    /// An image, of this path, whose bytes could be read but not decoded.
    #[error("cannot decode {path}: {source}")]
    Decode { path: String, source: DecodeError },
    /// This file exists, and nothing is ever overwritten.
    #[error("{0} exists already: remove it or choose another name")]
    Exists(PathBuf),
    /// A view that cannot be drawn.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A label file.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
}

impl DataError {
    /// Nothing is at the path or pattern; neighbours with similar names are suggested, best first.
    pub(crate) fn not_found(path: impl Display, suggestions: Vec<String>) -> Self {
        let hint = match &suggestions[..] {
            [] => ": check the spelling and that the disk is mounted".into(),
            some => did_you_mean(some),
        };
        Refused::new(format!("{path} does not exist{hint}")).into()
    }

    /// A pattern of shards cannot be expanded.
    pub(crate) fn pattern(pattern: impl Display, why: impl Into<String>) -> Self {
        Refused::new(format!("the pattern {pattern} cannot be expanded")).because(why).into()
    }

    /// A folder, archive or table holds no image but `found`.
    pub(crate) fn no_images(path: impl Display, found: impl Display, remedy: impl Display) -> Self {
        let refused = Refused::new(format!("{path} holds no image")).because(format!("{found}. {remedy}"));
        Self::NoImages(Box::new(refused))
    }

    /// Folders or shards of several splits (train, test …) where one data set was asked for; `of` finds the training images
    /// among them.
    pub(crate) fn several_splits(path: PathBuf, splits: Vec<String>, of: impl Fn(&str) -> PathBuf) -> Self {
        let is_training = |split: &&String| split.to_lowercase().starts_with("train");
        let chosen = splits.iter().find(is_training).or(splits.first()).map_or("", String::as_str);
        let what = format!(
            "{} contains the splits {}, and training and measuring need separate ones",
            path.display(),
            splits.join(", ")
        );
        let example = format!("name one of them, for example \"{}\"", of(chosen).display());
        Refused::new(what).because(example).into()
    }

    /// A folder without any data set that transfer is measured on; these are known.
    pub(crate) fn no_official_set(path: impl AsRef<Path>, known: impl Display) -> Self {
        let why = "unpack the official archives there without moving anything, or name the folder that contains them";
        let what =
            format!("{} contains no transfer data set in its official layout", path.as_ref().display());
        Refused::new(what).because(format!("{why}. The known sets are {known}")).into()
    }

    /// A file cannot be opened or read.
    pub fn read(path: impl AsRef<Path>, source: io::Error) -> Self {
        let why = format!("{source}{}", read_hint(path.as_ref(), &source));
        Refused::reading(path.as_ref(), source).because(why).into()
    }

    /// A row of a table, counted from 0, has no image in the column of images.
    pub(crate) fn empty_row(path: &Path, row: usize, column: &str) -> Self {
        let what = format!("row {row} of {} (counted from 0) has no image", path.display());
        let remedy = "fill it, or leave the row out. A table that only refers to files elsewhere has to be written with their bytes";
        Refused::new(what).because(format!("its column `{column}` is empty")).remedy(remedy).into()
    }

    /// A file is larger than any image that could be decoded.
    pub(crate) fn too_large_file(path: impl Display, bytes: u64, most: u64) -> Self {
        let what = format!(
            "{path} has {} MB, but only image files of up to {} MB are read",
            bytes.div_ceil(1_000_000),
            most / 1_000_000
        );
        Refused::new(what).remedy("make a smaller copy of it, or remove it if it is not an image").into()
    }

    /// A folder cannot be listed: images below it would be missing without a word.
    pub(crate) fn folder(path: impl AsRef<Path>, source: io::Error) -> Self {
        let why = format!("{source}{}", folder_hint(&source));
        let what = format!("cannot list the folder {}", path.as_ref().display());
        Refused::new(what).because(why).caused_by(source).into()
    }

    /// A list or label file with a bad line, counted from 1.
    pub(crate) fn line(path: impl AsRef<Path>, line: u64, why: impl Into<String>) -> Self {
        let refused = Refused::new(format!("{}, line {line}", path.as_ref().display())).because(why);
        if line == 1 { Self::content(path, true, refused) } else { refused.into() }
    }

    fn content(path: impl AsRef<Path>, is_text: bool, refused: Refused) -> Self {
        Self::Content { path: path.as_ref().to_owned(), is_text, refused: Box::new(refused) }
    }

    /// What a file is that is not what its name says, in place of how it is damaged.
    pub(crate) fn is_rather(path: &Path, name: &str, remedy: &str) -> Self {
        let why = format!("its content is {name}; {remedy}. {SUPPORTED}");
        Refused::new(format!("{} is not a data set", path.display())).because(why).into()
    }

    /// A label file that does not belong to this data set.
    pub(crate) fn labels(path: impl AsRef<Path>, why: impl Into<String>) -> Self {
        let what = format!("the labels of {} do not match the images", path.as_ref().display());
        Refused::new(what).because(why).into()
    }

    /// A CIFAR batch that is not one.
    pub(crate) fn cifar(path: impl AsRef<Path>, why: impl Into<String>) -> Self {
        let what = format!("{} is not a CIFAR binary batch", path.as_ref().display());
        Self::content(path, false, Refused::new(what).because(why))
    }

    pub(crate) fn tar(path: impl AsRef<Path>, offset: u64, why: impl Into<String>) -> Self {
        let refused =
            Refused::new(format!("{} is damaged at byte {offset}", path.as_ref().display())).because(why);
        if offset == 0 { Self::content(path, false, refused) } else { refused.into() }
    }

    /// A file that is called like a zip archive and does not begin like one.
    pub(crate) fn zip(path: impl AsRef<Path>, why: impl Into<String>) -> Self {
        let what = format!("{} cannot be read as a zip archive", path.as_ref().display());
        Self::content(path, false, Refused::new(what).because(why))
    }

    /// A parquet file that is damaged or has other columns than the image layout.
    #[cfg(feature = "parquet")]
    pub(crate) fn parquet(path: impl AsRef<Path>, why: impl Into<String>) -> Self {
        let what = format!("{} cannot be read as a parquet file of images", path.as_ref().display());
        Self::content(path, false, Refused::new(what).because(why))
    }

    pub(crate) fn write(path: impl AsRef<Path>, source: io::Error) -> Self {
        let why = format!("{source}{}. Existing files were not changed", space_hint(&source));
        Refused::writing(path.as_ref(), why).caused_by(source).into()
    }
}

/// The kinds of data that [`crate::open`] reads, in one sentence for error messages.
pub(crate) const SUPPORTED: &str = "Supported are JPEG, PNG, WebP, BMP, TIFF, GIF or JPEG XL images, a folder or a pattern of them, a list \
     (.txt or .csv), CIFAR binary batches (.bin), tar shards (.tar), zip archives (.zip), parquet files (.parquet), \"shapes:train\" and \"shapes:test\"";

/// What to do when access to a file is refused, or when it does not exist.
fn read_hint(path: &Path, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::PermissionDenied => ". Make it readable (chmod u+r) or leave it out".into(),
        io::ErrorKind::NotFound => did_you_mean(&near_paths(path)),
        _ => String::new(),
    }
}

/// What to do when a folder cannot be listed.
fn folder_hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => {
            ". Make it accessible (chmod u+rx), or move it out of the data set"
        }
        _ => "",
    }
}

/// What to do when the disk is full.
fn space_hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            ". Free some space, or write to another disk"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_a_remedy() {
        let full = DataError::write("a.tar", std::io::ErrorKind::StorageFull.into());
        assert!(full.to_string().contains("Free some space"), "{full}");
        let other = DataError::write("a.tar", std::io::ErrorKind::NotFound.into());
        assert!(!other.to_string().contains("Free some space"), "{other}");
    }
}
