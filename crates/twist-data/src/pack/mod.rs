//! Any data set as tar shards in the WebDataset convention.
//!
//! A sample is an image as it was stored, byte for byte (pixels without encoding become PNG, which loses nothing), its
//! class number in `.cls`, and in `.json` number, name and original path. All class names stand in a POSIX global header
//! of each shard, which other readers skip, so that opening the shards gives the same classes even when some have no
//! image.

mod destination;
mod nursery;
mod shard;

use std::path::PathBuf;

use rayon::prelude::*;
use twist_io::Refused;

use self::destination::Destination;
use self::nursery::Nursery;
use self::shard::{Sample, ShardWriter};
use crate::dataset::{Dataset, Stored};
use crate::error::DataError;
use crate::survey::{OnProgress, Unreadable, extension_of, in_threads};

/// How to pack.
#[derive(Clone, Copy)]
pub struct PackOptions<'a> {
    /// Most images of one shard.
    pub max_images: usize,
    /// Most bytes of one shard; a larger single image gets a shard of its own.
    pub max_bytes: u64,
    /// Whether an image that cannot be packed is an error instead of being left out and reported.
    pub strict: bool,
    /// Threads that read and encode; 0 for one per core.
    pub threads: usize,
    /// Told how many images are done.
    pub progress: Option<OnProgress<'a>>,
}

impl Default for PackOptions<'_> {
    /// 10,000 images or 1 GiB a shard: few files, and small enough to copy again when one is damaged.
    fn default() -> Self {
        Self { max_images: 10_000, max_bytes: 1 << 30, strict: false, threads: 0, progress: None }
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PackReport {
    /// Images written.
    pub images: usize,
    /// Bytes of all shards.
    pub bytes: u64,
    /// The shards, in order.
    pub shards: Vec<PathBuf>,
    /// What to open to read them.
    pub pattern: String,
    /// Images left out.
    pub skipped: Vec<Unreadable>,
}

/// Images read and encoded at once.
const CHUNK: usize = 256;

/// Writes `dataset` as shards named by `out`: `train-%06d.tar` with the place of the number, or `train.tar`, which becomes
/// `train-%06d.tar`.
///
/// Shards are written in a hidden folder and get their names when all are complete: a run that is stopped leaves none, and
/// the next run removes what a killed one left.
/// The same data set and options give the same bytes.
///
/// # Errors
/// When a shard of that name exists, the disk is full, no image can be packed, or with `strict` when one cannot.
pub fn pack(dataset: &dyn Dataset, out: &str, options: &PackOptions<'_>) -> Result<PackReport, DataError> {
    in_threads(options.threads, || write(dataset, out, options))
}

/// [`pack`] in the threads that it may use: they read and encode a chunk together, then one of them writes it.
fn write(dataset: &dyn Dataset, out: &str, options: &PackOptions<'_>) -> Result<PackReport, DataError> {
    let destination = Destination::parse(out)?;
    destination.create_folder()?;
    let nursery = Nursery::in_folder(&destination.folder)?;
    destination.refuse_existing()?;
    let mut shards = Vec::new();
    let mut skipped = Vec::new();
    let mut current: Option<ShardWriter> = None;
    let mut images = 0;
    for start in (0..dataset.len()).step_by(CHUNK) {
        let chunk = start..(start + CHUNK).min(dataset.len());
        let end = chunk.end;
        let samples: Vec<Result<Sample, Unreadable>> =
            chunk.into_par_iter().map(|index| sample(dataset, index)).collect();
        for sample in samples {
            let sample = match sample {
                Ok(sample) => sample,
                Err(Unreadable { path, reason }) if options.strict => {
                    return Err(Refused::new(format!("{path} cannot be packed")).because(reason).into());
                }
                Err(unreadable) => {
                    skipped.push(unreadable);
                    continue;
                }
            };
            let is_full = |shard: &ShardWriter| {
                shard.images >= options.max_images.max(1) || shard.bytes + sample.bytes() > options.max_bytes
            };
            if let Some(full) = current.take_if(|shard| is_full(shard)) {
                shards.push(full.finish()?);
            }
            let shard = match &mut current {
                Some(shard) => shard,
                none => {
                    let (place, path) = (nursery.place(shards.len()), destination.shard(shards.len()));
                    none.insert(ShardWriter::create(place, path, dataset.classes())?)
                }
            };
            shard.add(&sample)?;
            images += 1;
        }
        if let Some(progress) = options.progress {
            progress(end);
        }
    }
    if let Some(last) = current {
        shards.push(last.finish()?);
    }
    if images == 0 {
        return Err(DataError::no_images(
            skipped.first().map_or_else(String::new, |s| s.path.clone()),
            format!("none of the {} images can be packed", dataset.len()),
            skipped.first().map_or_else(String::new, |s| format!("The first: {}", s.reason)),
        ));
    }
    let bytes = shards.iter().map(|shard| shard.bytes).sum();
    let shards = shard::publish(&nursery, shards)?;
    Ok(PackReport { images, bytes, pattern: destination.pattern(shards.len()), shards, skipped })
}

fn sample(dataset: &dyn Dataset, index: usize) -> Result<Sample, Unreadable> {
    let path = dataset.path(index);
    let unreadable = |reason: String| Unreadable { path: path.clone(), reason };
    let (bytes, extension) = match dataset.read(index).map_err(|e| unreadable(e.to_string()))? {
        Stored::Encoded(bytes) => {
            let extension = extension_of(&bytes).ok_or_else(|| {
                let what = if bytes.is_empty() {
                    "it is empty"
                } else {
                    "its content is not an image of a supported format"
                };
                unreadable(format!("{what}: replace or remove it"))
            })?;
            (bytes, extension)
        }
        Stored::Pixels(image) => (shard::png(&image).map_err(|e| unreadable(e.to_string()))?, "png"),
    };
    let label = dataset.label(index);
    let class = label.and_then(|l| dataset.classes().get(l as usize).cloned());
    Ok(Sample::new(index, bytes, extension, label, class, path))
}
