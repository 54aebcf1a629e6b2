//! Opens a reader for the `DATA` of a user.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Dataset;
use super::cifar::Cifar;
use super::class_folders::Folders;
use super::folder::Folder;
use super::kinds::begin_of_file;
use super::labelled::Relabelled;
use super::list::List;
use super::options::{LabelSource, OpenOptions, Splits};
use super::spec::{FoundFiles, resolve};
use super::tar::TarShards;
use super::zip::Zips;
use crate::DataError;
use crate::foreign::{self, Foreign};
use crate::synth::Shapes;

/// Opens the data set that `spec` names:
///
/// * a folder of images, whose sub-folders are classes when there are any (`train` and `val` are splits, and dates and
///   cameras are not classes either, see [`LabelSource`]);
/// * one image, or those that a pattern fits, `photos/*.jpg`;
/// * a list, `.txt` (`path` or `path<tab>label` per line) or `.csv` (columns `path`, `label`);
/// * CIFAR-10 or CIFAR-100 binary batches, a file or their folder (its training batches);
/// * tar shards, `data-*.tar` or `data-{000..004}.tar`, or the folder they lie in;
/// * zip archives of images, one or several, or the folder they lie in;
/// * parquet files in the Hugging Face image layout, likewise;
/// * `shapes:train` or `shapes:test`, the embedded data set.
///
/// ```
/// let data = twist_data::open("shapes:test", &twist_data::OpenOptions::default())?;
/// assert_eq!((data.len(), data.classes().len()), (1000, 10));
/// # Ok::<(), twist_data::DataError>(())
/// ```
///
/// # Errors
/// When nothing is there, it is of another kind, damaged, or holds no image; the text says which and what to do.
pub fn open(spec: &str, options: &OpenOptions) -> Result<Arc<dyn Dataset>, DataError> {
    opened(spec, options).map_err(seen_through)
}

/// What a file is that is not what its name says, in place of how it is damaged.
fn seen_through(error: DataError) -> DataError {
    let DataError::Content { path, is_text, .. } = &error else { return error };
    let begin = begin_of_file(path);
    // A list of paths is text, and may begin with any letters.
    let is_text = *is_text && begin.iter().all(|byte| *byte > 8);
    match foreign::by_content(&begin).filter(|_| !is_text) {
        Some(Foreign { name, remedy, .. }) => DataError::is_rather(path, name, remedy),
        None => error,
    }
}

/// As [`open()`], where a file that is something else than its name says is damaged.
fn opened(spec: &str, options: &OpenOptions) -> Result<Arc<dyn Dataset>, DataError> {
    let coarse = options.labels == LabelSource::Coarse;
    // `folder`, `none` or a file says already what folders mean.
    let splits = if options.labels == LabelSource::Auto { options.splits } else { Splits::Together };
    let folders = match options.labels {
        LabelSource::Folder | LabelSource::None => Folders::AsTheyAre,
        _ => Folders::Judged,
    };
    let source = resolve(spec, options.splits)?;
    if coarse && !matches!(source, FoundFiles::Cifar(_) | FoundFiles::Parquet(_)) {
        return Err(no_coarse_labels(Path::new(spec)));
    }
    let images: Arc<dyn Dataset> = match source {
        FoundFiles::Shapes(split) => Arc::new(Shapes::new(split, split.default_count())),
        FoundFiles::Folder(path) => Arc::new(Folder::open(&path, folders, splits)?),
        FoundFiles::Images(images, others) => Arc::new(Folder::of_files(&images, &others, folders, splits)?),
        FoundFiles::List(path) => Arc::new(List::open(&path)?),
        FoundFiles::Cifar(batches) => Arc::new(Cifar::open(batches, coarse)?),
        FoundFiles::Tar(paths) => Arc::new(TarShards::open(paths, folders, splits)?),
        FoundFiles::Zip(paths) => Arc::new(Zips::open(paths, folders, splits)?),
        FoundFiles::Parquet(paths) => open_parquet(paths, &options.labels)?,
    };
    with_labels(images, &options.labels)
}

/// Opens the images that `text` lists as a `.txt` list does, a path per line, from the working directory on. `what` says in
/// errors where the text comes from.
///
/// # Errors
/// As for [`open()`] of a list.
pub fn open_lines(text: &[u8], what: &Path, options: &OpenOptions) -> Result<Arc<dyn Dataset>, DataError> {
    if options.labels == LabelSource::Coarse {
        return Err(no_coarse_labels(what));
    }
    with_labels(Arc::new(List::of_lines(text, what)?), &options.labels)
}

/// The error of data that have labels of one kind alone.
fn no_coarse_labels(path: &Path) -> DataError {
    let reason = "only CIFAR-100 and tables with a column coarse_label have coarse labels".to_owned();
    DataError::labels(path, reason)
}

/// The images with labels from elsewhere, or from nowhere, where that was asked for.
fn with_labels(images: Arc<dyn Dataset>, labels: &LabelSource) -> Result<Arc<dyn Dataset>, DataError> {
    Ok(match labels {
        LabelSource::Auto | LabelSource::Folder | LabelSource::Coarse => images,
        LabelSource::None => Arc::new(Relabelled::without(images)),
        LabelSource::File(file) => Arc::new(Relabelled::from_file(images, file)?),
    })
}

/// Parquet files, where the build reads them.
#[cfg(feature = "parquet")]
fn open_parquet(paths: Vec<PathBuf>, labels: &LabelSource) -> Result<Arc<dyn Dataset>, DataError> {
    Ok(Arc::new(super::parquet::Tables::open(paths, labels)?))
}

/// Parquet files, where the build does not read them.
#[cfg(not(feature = "parquet"))]
fn open_parquet(paths: Vec<PathBuf>, _labels: &LabelSource) -> Result<Arc<dyn Dataset>, DataError> {
    let path = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
    let what = format!("{path} needs the feature `parquet` of twist-data, which this build lacks");
    Err(twist_io::Refused::new(what).remedy("build with it").into())
}
