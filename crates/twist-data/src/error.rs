//! Everything that can go wrong between a path on the command line and an image in memory.

use std::path::PathBuf;

use crate::augment::PolicyError;
use crate::decode::DecodeError;

/// An error of this crate. The text names the file and says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    // === Finding the data ===
    /// Nothing is at the given path.
    #[error("there is no {path}{}", hint(suggestions))]
    NotFound {
        /// The path or pattern as given.
        path: String,
        /// Existing neighbours with similar names, best first.
        suggestions: Vec<String>,
    },
    /// A pattern of shards that cannot be expanded.
    #[error("the pattern {pattern} cannot be expanded: {reason}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The path exists but is not a supported kind of data set.
    #[error("{path} is not a data set: {found}. {SUPPORTED}")]
    UnknownKind {
        /// The path as given.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// A folder, archive or table that holds no image.
    #[error("{path} holds no image: {found}. {remedy}")]
    NoImages {
        /// The path as given.
        path: String,
        /// What was found instead.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// Folders or shards of several splits (train, test …) where one data set was asked for.
    #[error(
        "{path} contains the splits {}, and training and measuring need separate ones: name one of them, for \
         example \"{example}\"", splits.join(", ")
    )]
    SeveralSplits {
        /// The folder as given.
        path: PathBuf,
        /// The names of the splits.
        splits: Vec<String>,
        /// A pattern that selects the first of them.
        example: String,
    },
    /// Support for this kind was left out of the build.
    #[error("{path} needs the feature `{feature}` of twist-data, which this build lacks: build with it")]
    FeatureOff {
        /// The path as given.
        path: PathBuf,
        /// The cargo feature.
        feature: &'static str,
    },

    // === Published data sets ===
    /// A folder without any data set that transfer is measured on.
    #[error(
        "{path} contains no transfer data set in its official layout: unpack the official archives there \
         without moving anything, or name the folder that contains them. The known sets are {known}"
    )]
    NoOfficialSet {
        /// The folder as given.
        path: PathBuf,
        /// The sets that are known.
        known: String,
    },
    /// More than one of them where one was asked for.
    #[error("{path} holds the transfer data sets {}: name one of them", sets.join(", "))]
    SeveralOfficialSets {
        /// The folder as given.
        path: PathBuf,
        /// Their names.
        sets: Vec<&'static str>,
    },
    /// A file of a published data set that is not there.
    #[error("{set}: {path} is missing. It comes with {archive}, from {page}")]
    OfficialMissing {
        /// The data set.
        set: &'static str,
        /// Where the file belongs.
        path: PathBuf,
        /// What has it.
        archive: &'static str,
        /// Where that is published.
        page: &'static str,
    },
    /// Several images of a published data set that are not there.
    #[error("{set}: {missing} of {listed} images are missing, the first is {path}. Unpack {archive} again")]
    OfficialIncomplete {
        /// The data set.
        set: &'static str,
        /// How many are missing.
        missing: usize,
        /// How many there should be.
        listed: usize,
        /// The first of the missing ones.
        path: PathBuf,
        /// What has them.
        archive: &'static str,
    },
    /// Files of a published data set that contradict each other.
    #[error("{set}: {path}: {reason}")]
    Official {
        /// The data set.
        set: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A label file.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),

    // === Reading it ===
    /// A file that cannot be opened or read.
    #[error("cannot read {path}: {source}{}", permission_hint(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file that is larger than any image that could be decoded.
    #[error(
        "{path} has {} MB, but only image files of up to {} MB are read: make a smaller copy of it, or remove \
         it if it is not an image",
        bytes.div_ceil(1_000_000),
        most / 1_000_000
    )]
    TooLargeFile {
        /// The image.
        path: String,
        /// Its size.
        bytes: u64,
        /// What is read at most.
        most: u64,
    },
    /// A folder whose content cannot be listed: images below it would be missing without a word.
    #[error("cannot list the folder {path}: {source}{}", folder_hint(source))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An index beyond the end.
    #[error("image {index} was requested, but the data set has {len} images")]
    OutOfRange {
        /// The index asked for.
        index: usize,
        /// How many images there are.
        len: usize,
    },
    /// A list or label file with a bad line.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The list.
        path: PathBuf,
        /// One-based number of the line.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A label file that does not belong to this data set.
    #[error("the labels of {path} do not match the images: {reason}")]
    Labels {
        /// The label file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A part of a data set that it does not have.
    #[error("this is not a part of the data set: {reason}")]
    Subset {
        /// What it does not have.
        reason: String,
    },
    /// A CIFAR batch that is not one.
    #[error("{path} is not a CIFAR binary batch: {reason}")]
    Cifar {
        /// The batch file.
        path: PathBuf,
        /// How the file lies.
        reason: String,
    },
    /// A damaged tar archive.
    #[error("{path} is damaged at byte {offset}: {reason}")]
    Tar {
        /// The archive.
        path: PathBuf,
        /// Where in the archive.
        offset: u64,
        /// How the file lies.
        reason: String,
    },
    /// A parquet file that is damaged or has other columns than the image layout.
    #[error("{path} cannot be read as a parquet file of images: {reason}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },

    /// An image whose bytes could be read but not decoded.
    #[error("cannot decode {path}: {source}")]
    Decode {
        /// The image.
        path: String,
        /// Why.
        source: DecodeError,
    },

    // === Delivering it ===
    /// A view that cannot be drawn.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A loader that cannot be started.
    #[error("the loader cannot start: {reason}")]
    Loader {
        /// What is wrong with its options.
        reason: String,
    },
    /// Not one image to train on.
    #[error("none of the {images} images can be read; the first: {example}")]
    NothingReadable {
        /// How many there are.
        images: usize,
        /// Why one of them cannot.
        example: String,
    },
    /// A defect of this program.
    #[error(
        "a loader thread stopped with the panic printed above: please report it with the image that causes it"
    )]
    WorkerLost,

    // === Writing it ===
    /// The destination exists, and nothing is ever overwritten.
    #[error("{path} exists already: remove it or choose another name")]
    Exists {
        /// The first file in the way.
        path: PathBuf,
    },
    /// A file that cannot be written.
    #[error("cannot write {path}: {source}{}. Existing files were not changed", space_hint(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An image that cannot be packed and must not be left out.
    #[error("{path} cannot be packed: {reason}")]
    Pack {
        /// The image.
        path: String,
        /// Why.
        reason: String,
    },
}

impl DataError {
    /// Several splits where one was asked for; `of` finds the training images among them.
    pub(crate) fn several_splits(path: PathBuf, splits: Vec<String>, of: impl Fn(&str) -> PathBuf) -> Self {
        let is_training = |split: &&String| split.to_lowercase().starts_with("train");
        let chosen = splits.iter().find(is_training).or(splits.first()).map_or("", String::as_str);
        Self::SeveralSplits { path, example: of(chosen).display().to_string(), splits }
    }
}

/// The kinds of data that [`crate::open`] reads, in one sentence for error messages.
pub(crate) const SUPPORTED: &str = "Supported are JPEG, PNG, WebP, BMP or TIFF images, a folder or a pattern of them, a list (.txt or .csv), \
     CIFAR binary batches (.bin), tar shards (.tar), parquet files (.parquet), \"shapes:train\" and \"shapes:test\"";

/// `; did you mean …?`, or nothing.
fn hint(suggestions: &[String]) -> String {
    match suggestions {
        [] => ": check the spelling and that the disk is mounted".into(),
        some => format!("; did you mean {}?", some.join(" or ")),
    }
}

/// What to do when access to a file is refused.
fn permission_hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => ". Make it readable (chmod u+r) or leave it out",
        _ => "",
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
        let full = DataError::Write { path: "a.tar".into(), source: std::io::ErrorKind::StorageFull.into() };
        assert!(full.to_string().contains("Free some space"), "{full}");
        let other = DataError::Write { path: "a.tar".into(), source: std::io::ErrorKind::NotFound.into() };
        assert!(!other.to_string().contains("Free some space"), "{other}");
    }
}
