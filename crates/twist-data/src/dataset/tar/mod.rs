//! Tar shards with random access.
//!
//! Opening reads the headers once, all shards in parallel; afterwards an image is one positioned read, from any number
//! of threads. Labels come from `.cls` or `.json` members (WebDataset), or else from folders inside the archive.

mod samples;
mod scan;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use rayon::prelude::*;
use twist_io::{composed, is_no_label, mixed_labels, whole_number};

use self::samples::Sample;
pub(crate) use self::scan::CLASSES_KEY;
use self::scan::{Damage, Scan, scan};
use super::class_folders::{Folders, folder_labels, shared};
use super::classes::{Labels, labelled};
use super::file_pool::{FilePool, room, titles};
use super::identity::{Identity, of_pieces};
use super::left_out::{LeftOut, Leftovers, found};
use super::names::{NameTable, readable};
use super::{Dataset, Splits, Stamp, Stored};
use crate::DataError;

/// Images of one or several archives, in archive order.
#[derive(Debug)]
pub(crate) struct TarShards {
    files: FilePool,
    /// What stands for each archive in [`Dataset::path`].
    titles: Vec<String>,
    /// Index of the first image of each archive.
    starts: Vec<usize>,
    names: NameTable,
    /// Position and length of each image in its archive.
    places: Vec<(u64, u64)>,
    labels: Labels,
    left_out: Vec<LeftOut>,
}

impl TarShards {
    /// Indexes the archives.
    pub(crate) fn open(paths: Vec<PathBuf>, folders: Folders, splits: Splits) -> Result<Self, DataError> {
        let files = FilePool::open(paths).map_err(|(path, source)| DataError::read(path, source))?;
        let indexed: Vec<Result<(Vec<Sample>, Scan), DataError>> =
            (0..files.len()).into_par_iter().map(|file| index(&files, file)).collect();
        let mut leftovers = Leftovers::default();
        let (mut shards, mut classes) = (Vec::with_capacity(files.len()), None);
        for (file, shard) in indexed.into_iter().enumerate() {
            let (samples, scan) = shard?;
            leftovers.append(scan.leftovers);
            if let Some(these) = scan.classes {
                agree(&files, file, &mut classes, these)?;
            }
            shards.push(samples);
        }
        if shards.iter().all(Vec::is_empty) {
            return Err(DataError::no_images(
                files.path(0).display(),
                found(&leftovers.finish()),
                "Pack images with `twist data pack`, or name the archive that holds them",
            ));
        }
        let labels = match written_labels(&files, &shards, classes)? {
            Some(labels) => labels,
            None => {
                // The folders that all share are part of how the archive was packed.
                let names = shards.iter().flatten().map(|sample| sample.name.as_slice());
                let skip = shared(names.clone());
                let names = names.map(|name| &name[skip..]);
                let found = folder_labels(names, folders, &mut leftovers);
                if splits == Splits::Refuse && !found.splits.is_empty() {
                    return Err(DataError::labels(
                        files.path(0),
                        format!(
                            "the archives mix the splits {}, but training and measuring need separate splits: \
                             pack each split by itself",
                            found.splits.join(", ")
                        ),
                    ));
                }
                found.labels
            }
        };
        let mut shards_of = Self {
            titles: titles(&files),
            files,
            starts: Vec::with_capacity(shards.len()),
            names: NameTable::default(),
            places: Vec::with_capacity(shards.iter().map(Vec::len).sum()),
            labels,
            left_out: leftovers.finish(),
        };
        for samples in shards {
            shards_of.starts.push(shards_of.places.len());
            for sample in samples {
                shards_of.names.push(&sample.name);
                shards_of.places.push((sample.offset, sample.size));
            }
        }
        Ok(shards_of)
    }

    /// The archive that image `index` lies in.
    fn shard_of(&self, index: usize) -> usize {
        self.starts.partition_point(|&start| start <= index) - 1
    }
}

/// Samples of one archive.
fn index(files: &FilePool, file: usize) -> Result<(Vec<Sample>, Scan), DataError> {
    let path = || files.path(file).to_path_buf();
    let read = |buffer: &mut [u8], offset| files.read_exact_at(file, buffer, offset);
    let mut scan = scan(files.size(file), read).map_err(|damage| match damage {
        Damage::Io(source) => DataError::read(path(), source),
        Damage::Format { offset, reason } => DataError::tar(path(), offset, reason),
    })?;
    let members = std::mem::take(&mut scan.members);
    let samples = samples::group(members, &mut scan.leftovers)
        .map_err(|(offset, reason)| DataError::tar(path(), offset, reason))?;
    Ok((samples, scan))
}

/// Shards that state their classes state the same.
fn agree(
    files: &FilePool,
    file: usize,
    classes: &mut Option<(usize, Vec<String>)>,
    these: Vec<String>,
) -> Result<(), DataError> {
    match classes {
        Some((first, those)) if *those != these => Err(DataError::labels(
            files.path(file),
            format!(
                "its {} classes differ from the {} of {}: pack both together, or open them separately",
                these.len(),
                those.len(),
                files.path(*first).display()
            ),
        )),
        Some(_) => Ok(()),
        None => {
            *classes = Some((file, these));
            Ok(())
        }
    }
}

/// Labels from the label members; `None` without label members.
fn written_labels(
    files: &FilePool,
    shards: &[Vec<Sample>],
    classes: Option<(usize, Vec<String>)>,
) -> Result<Option<Labels>, DataError> {
    let samples = || shards.iter().flatten();
    let misfit = |file: usize, reason: String| DataError::labels(files.path(file), reason);
    if let Some((file, names)) = classes {
        // Where the archive numbers its classes itself, a number is that; the name of a class is the class.
        let place: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        let number =
            |label: &str| label.parse().ok().or_else(|| place.get(label).copied()).unwrap_or(u32::MAX - 1);
        let written = samples().map(|s| s.label.as_deref().filter(|label| !is_no_label(label)));
        let indices: Vec<Option<u32>> = written.map(|label| label.map(number)).collect();
        let known = names.len();
        return Labels::from_indices(indices, names).map(Some).map_err(|label| {
            misfit(file, format!("the label {label} is out of range: there are {known} classes"))
        });
    }
    if samples().all(|s| s.label.is_none()) {
        return Ok(None);
    }
    let mut names: BTreeMap<u32, &str> = BTreeMap::new();
    for (file, samples) in shards.iter().enumerate() {
        for sample in samples {
            let (Some(label), Some(class)) = (&sample.label, &sample.class) else { continue };
            let Ok(number) = whole_number(label).parse() else { continue };
            let first = *names.entry(number).or_insert(class);
            if first != class {
                let name = readable(&sample.name);
                return Err(misfit(
                    file,
                    format!("{name} calls class {number} \"{class}\", others \"{first}\""),
                ));
            }
        }
    }
    // Where some samples have number and name of a class and others the name alone, all are numbers.
    let numbers: HashMap<_, String> = names.iter().map(|(n, name)| (composed(name), n.to_string())).collect();
    let one_to_one = numbers.len() == names.len();
    let number = |label| numbers.get(&composed(label)).filter(|_| one_to_one).map_or(label, String::as_str);
    let written = || samples().map(|sample| sample.label.as_deref().map(number));
    if let Some((number, name)) = mixed_labels(written(), |_| false) {
        let place = |wanted: usize| {
            let mut first = 0;
            let shard = shards.iter().position(|shard| {
                first += shard.len();
                wanted < first
            });
            let shard = shard.unwrap_or_default();
            let sample = &shards[shard][wanted + shards[shard].len() - first];
            (shard, readable(&sample.name), sample.label.as_deref().unwrap_or_default())
        };
        let ((file, numbered, number), (other, named, name)) = (place(number), place(name));
        return Err(misfit(
            file,
            format!(
                "the label of {numbered} is the number \"{number}\", but that of {named} in {} is the name \"{name}\", and a \
                 number may count the classes that others name: pack all of them again with names, or with numbers",
                files.path(other).display()
            ),
        ));
    }
    let mut labels = Labels::from_text(written(), &[]).map_err(|reason| misfit(0, reason))?;
    labels.rename(&names);
    Ok(Some(labels))
}

impl Dataset for TarShards {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let len = self.len();
        let &(offset, size) = self.places.get(index).ok_or(DataError::OutOfRange { index, len })?;
        let file = self.shard_of(index);
        let mut bytes = room(|| self.path(index), size)?;
        let read = self.files.read_exact_at(file, &mut bytes, offset);
        read.map_err(|source| DataError::read(self.files.path(file), source))?;
        Ok(Stored::Encoded(bytes))
    }

    /// `shard.tar/member`.
    fn path(&self, index: usize) -> String {
        if index >= self.len() {
            return String::new();
        }
        format!("{}/{}", self.titles[self.shard_of(index)], self.names.text(index))
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        let &(offset, size) = self.places.get(index)?;
        self.files.stamp(self.shard_of(index), [offset, size])
    }

    labelled!(left_out);

    /// Member names, content and labels.
    fn fingerprint(&self) -> String {
        let read = |index: usize, bytes: &mut [u8], at: u64| {
            self.files.read_exact_at(self.shard_of(index), bytes, self.places[index].0 + at)
        };
        let contents = of_pieces(self.len(), |index| self.places[index].1, read);
        let mut identity = Identity::new("tar");
        for (index, content) in contents.into_iter().enumerate() {
            identity.name(self.names.get(index).unwrap_or_default());
            identity.content(content);
            identity.label(self.label(index));
        }
        identity.finish()
    }
}
