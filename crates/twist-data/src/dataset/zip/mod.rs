//! Zip archives with random access: a folder of images in one file.
//!
//! Opening reads the list of entries at the end of each archive; afterwards an image is read and unpacked alone, from any number
//! of threads. Folders mean what they mean outside of an archive, and images come in the same order. An entry that cannot be
//! unpacked is a damaged image.

mod entry;
mod reader;

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;
use twist_io::Refused;
use zip::ZipArchive;

use self::entry::{Entry, entries};
use self::reader::Reader;
use super::class_folders::{Folders, folder_labels, shared};
use super::classes::{Labels, labelled};
use super::file_pool::{FilePool, titles};
use super::identity::Identity;
use super::left_out::{LeftOut, Leftovers, found};
use super::names::NameTable;
use super::{Dataset, Splits, Stored};
use crate::DataError;
use crate::decode::MAX_FILE_BYTES;

/// Images of one or several archives; in each, in the order of a folder.
#[derive(Debug)]
pub(crate) struct Zips {
    /// With the list of entries, which its clones share.
    archives: Vec<ZipArchive<Reader>>,
    /// What stands for each archive in [`Dataset::path`].
    titles: Vec<String>,
    /// Index of the first image of each archive.
    starts: Vec<usize>,
    names: NameTable,
    /// Number, size and checksum of each image in its archive.
    places: Vec<(usize, u64, u32)>,
    labels: Labels,
    left_out: Vec<LeftOut>,
}

impl Zips {
    /// Reads the lists of entries.
    ///
    /// # Errors
    /// An archive is damaged, has two entries of one name or one that leads out of it; there is no image; several splits are found where
    /// that is refused.
    pub(crate) fn open(paths: Vec<PathBuf>, folders: Folders, splits: Splits) -> Result<Self, DataError> {
        let files = FilePool::open(paths).map_err(|(path, source)| DataError::read(path, source))?;
        let files = Arc::new(files);
        let listed: Vec<Result<_, DataError>> =
            (0..files.len()).into_par_iter().map(|file| list(&files, file)).collect();
        let mut leftovers = Leftovers::default();
        let (mut archives, mut images) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
        for archive in listed {
            let (archive, entries, others) = archive?;
            leftovers.append(others);
            archives.push(archive);
            images.push(entries);
        }
        if images.iter().all(Vec::is_empty) {
            return Err(DataError::no_images(
                files.path(0).display(),
                found(&leftovers.finish()),
                "Name an archive that holds images, or unpack it and give the folder",
            ));
        }
        // The folders that all share are part of how the archive was packed.
        let names = images.iter().flatten().map(|entry: &Entry| entry.name.as_slice());
        let skip = shared(names.clone());
        let found = folder_labels(names.map(|name| &name[skip..]), folders, &mut leftovers);
        if splits == Splits::Refuse && !found.splits.is_empty() {
            let what = format!(
                "{} contains the splits {}, and training and measuring need separate ones",
                files.path(0).display(),
                found.splits.join(", ")
            );
            return Err(Refused::new(what).because("unpack it, and name the folder of one of them").into());
        }
        let mut zips = Self {
            titles: titles(&files),
            archives,
            starts: Vec::with_capacity(images.len()),
            names: NameTable::default(),
            places: Vec::with_capacity(images.iter().map(Vec::len).sum()),
            labels: found.labels,
            left_out: leftovers.finish(),
        };
        for entries in images {
            zips.starts.push(zips.places.len());
            for entry in entries {
                zips.names.push(&entry.name);
                zips.places.push((entry.number, entry.size, entry.checksum));
            }
        }
        Ok(zips)
    }

    /// The archive that image `index` lies in.
    fn archive_of(&self, index: usize) -> usize {
        self.starts.partition_point(|&start| start <= index) - 1
    }

    /// The bytes of an image, or why it cannot be unpacked.
    fn unpack(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let &(number, size, _) =
            self.places.get(index).ok_or(DataError::OutOfRange { index, len: self.len() })?;
        if size > MAX_FILE_BYTES {
            return Err(DataError::too_large_file(self.path(index), size, MAX_FILE_BYTES));
        }
        let mut archive = self.archives[self.archive_of(index)].clone();
        let refused = |(why, remedy): (String, &str)| {
            let what = format!("{} cannot be unpacked", self.path(index));
            DataError::from(Refused::new(what).because(why).remedy(remedy))
        };
        let listed = archive.by_index_data(number).map_err(|error| refused(entry::reason(error)))?;
        if let Some(unknown) = entry::unknown(listed.compression()).filter(|_| !listed.encrypted()) {
            return Err(refused(unknown));
        }
        let entry = archive.by_index(number).map_err(|error| refused(entry::reason(error)))?;
        // The size is believed only as far as bytes come, and no further byte is unpacked.
        let mut bytes = Vec::with_capacity(size.min(entry.compressed_size().saturating_mul(4)) as usize);
        let read = entry.take(size + 1).read_to_end(&mut bytes);
        read.map_err(|error| refused((error.to_string(), entry::AGAIN)))?;
        if bytes.len() as u64 != size {
            let why = format!("it does not have the {size} bytes that the archive promises");
            return Err(refused((why, entry::AGAIN)));
        }
        Ok(bytes)
    }
}

/// An archive, its images, and what else is in it.
fn list(
    files: &Arc<FilePool>,
    file: usize,
) -> Result<(ZipArchive<Reader>, Vec<Entry>, Leftovers), DataError> {
    let path = files.path(file);
    let refused = |why: String, remedy: &str| {
        let what = format!("{} cannot be read as a zip archive", path.display());
        DataError::from(Refused::new(what).because(why).remedy(remedy))
    };
    let archive = ZipArchive::new(Reader::new(Arc::clone(files), file)).map_err(|error| {
        let mut begin = [0; 2];
        match files.read_exact_at(file, &mut begin, 0) {
            Ok(()) if begin != *b"PK" => DataError::zip(path, error.to_string()),
            _ => refused(error.to_string(), "it is damaged or cut off: copy it again"),
        }
    })?;
    if archive.has_duplicate_names() {
        let remedy = "unpack it, and give the folder that comes out";
        return Err(refused(
            "two of its entries have one name, and which is meant is not told".to_owned(),
            remedy,
        ));
    }
    let mut leftovers = Leftovers::default();
    let images = entries(&archive, &mut leftovers).map_err(|(name, why)| {
        refused(format!("its entry {name} {why}"), "no image is read from it; get it from somebody you trust")
    })?;
    Ok((archive, images, leftovers))
}

impl Dataset for Zips {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.unpack(index).map(Stored::Encoded)
    }

    /// `archive.zip/entry`.
    fn path(&self, index: usize) -> String {
        if index >= self.len() {
            return String::new();
        }
        format!("{}/{}", self.titles[self.archive_of(index)], self.names.text(index))
    }

    labelled!(left_out);

    /// Names, sizes and checksums of all images, and labels: the archive lists them, so none is unpacked.
    fn fingerprint(&self) -> String {
        let mut identity = Identity::new("zip");
        for (index, &(_, size, checksum)) in self.places.iter().enumerate() {
            identity.name(self.names.get(index).unwrap_or_default());
            identity.number(size);
            identity.number(u64::from(checksum));
            identity.label(self.label(index));
        }
        identity.finish()
    }
}
