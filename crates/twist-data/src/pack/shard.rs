//! Writing one shard.

use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use fs_err::File;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tar::{Builder, EntryType, Header};

use super::nursery::Nursery;
use crate::dataset::CLASSES_KEY;
use crate::error::DataError;
use crate::image::Rgb8;

/// One image with what is written beside it.
#[derive(Debug)]
pub(super) struct Sample {
    members: Vec<(String, Vec<u8>)>,
}

impl Sample {
    /// Members `key.extension`, `key.cls` if there is a label, and `key.json`; the key is the index.
    pub(super) fn new(
        index: usize,
        bytes: Vec<u8>,
        extension: &str,
        label: Option<u32>,
        class: Option<String>,
        path: String,
    ) -> Self {
        let mut about = serde_json::Map::new();
        let mut members = vec![(format!("{index:08}.{extension}"), bytes)];
        if let Some(label) = label {
            members.push((format!("{index:08}.cls"), label.to_string().into_bytes()));
            about.insert("label".to_owned(), label.into());
        }
        if let Some(class) = class {
            about.insert("class".to_owned(), class.into());
        }
        about.insert("path".to_owned(), path.into());
        let about = serde_json::Value::Object(about).to_string();
        members.push((format!("{index:08}.json"), about.into_bytes()));
        Self { members }
    }

    /// Bytes in the archive, headers and padding included.
    pub(super) fn bytes(&self) -> u64 {
        self.members.iter().map(|(_, content)| 512 + (content.len() as u64).next_multiple_of(512)).sum()
    }
}

/// A shard that grows at another place.
pub(super) struct ShardWriter {
    archive: Builder<BufWriter<File>>,
    place: PathBuf,
    path: PathBuf,
    pub(super) images: usize,
    /// Bytes so far, the end mark included.
    pub(super) bytes: u64,
}

/// A complete shard that does not have its name yet.
pub(super) struct Complete {
    place: PathBuf,
    path: PathBuf,
    pub(super) bytes: u64,
}

impl ShardWriter {
    /// Starts the shard that will be called `path` in a new file at `place`.
    pub(super) fn create(place: PathBuf, path: PathBuf, classes: &[String]) -> Result<Self, DataError> {
        let file = File::create_new(&place).map_err(|source| DataError::write(&path, source))?;
        let archive = Builder::new(BufWriter::with_capacity(1 << 20, file));
        let mut writer = Self { archive, place, path, images: 0, bytes: 1024 };
        if !classes.is_empty() {
            let record = global_record(CLASSES_KEY, &serde_json::Value::from(classes).to_string());
            writer.member("pax_global_header", EntryType::XGlobalHeader, &record)?;
        }
        Ok(writer)
    }

    pub(super) fn add(&mut self, sample: &Sample) -> Result<(), DataError> {
        for (name, content) in &sample.members {
            self.member(name, EntryType::Regular, content)?;
        }
        self.images += 1;
        Ok(())
    }

    /// Appends a member. Owner and time are left at zero, so that equal data gives equal bytes.
    fn member(&mut self, name: &str, kind: EntryType, content: &[u8]) -> Result<(), DataError> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let written = header.set_path(name).and_then(|()| {
            header.set_cksum();
            self.archive.append(&header, content)
        });
        written.map_err(|source| DataError::write(self.path.clone(), source))?;
        self.bytes += 512 + (content.len() as u64).next_multiple_of(512);
        Ok(())
    }

    /// Ends the archive and brings it to the disk.
    pub(super) fn finish(self) -> Result<Complete, DataError> {
        let Self { archive, place, path, bytes, .. } = self;
        let written = archive.into_inner().and_then(|buffer| {
            let file = buffer.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(Complete { place, path, bytes }),
            Err(source) => Err(DataError::write(path, source)),
        }
    }
}

/// Gives all shards their names. If one cannot have it, those that have are removed again.
pub(super) fn publish(nursery: &Nursery, shards: Vec<Complete>) -> Result<Vec<PathBuf>, DataError> {
    let listed = nursery.will_publish(shards.iter().map(|shard| (&*shard.place, &*shard.path)));
    if let (Err(source), Some(Complete { path, .. })) = (listed, shards.first()) {
        return Err(DataError::write(path, source));
    }
    let mut published: Vec<PathBuf> = Vec::with_capacity(shards.len());
    for Complete { place, path, .. } in shards {
        if let Err(error) = name_new(&place, &path) {
            for ours in &published {
                fs_err::remove_file(ours).map_err(|source| DataError::write(ours.clone(), source))?;
            }
            let exists = error.kind() == ErrorKind::AlreadyExists;
            return Err(if exists { DataError::Exists(path) } else { DataError::write(path, error) });
        }
        published.push(path);
    }
    // The names are only safe from a power cut when the folder is on the disk too.
    if let Some(folder) = published.first().and_then(|p| p.parent()) {
        let synced = fs_err::File::open(folder).and_then(|f| f.sync_all());
        synced.map_err(|source| DataError::write(folder, source))?;
    }
    Ok(published)
}

/// Moves a file to a name that nothing has: never over what somebody else put there meanwhile.
fn name_new(place: &Path, path: &Path) -> io::Result<()> {
    let refused = |error| matches!(error, Errno::INVAL | Errno::NOSYS | Errno::NOTSUP);
    match renameat_with(CWD, place, CWD, path, RenameFlags::NOREPLACE) {
        // A file system that cannot look and rename at once.
        Err(error) if refused(error) => {
            fs_err::hard_link(place, path)?;
            fs_err::remove_file(place)
        }
        renamed => Ok(renamed?),
    }
}

/// A `length key=value\n` record; the length counts itself.
fn global_record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

pub(super) fn png(image: &Rgb8) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(
        &image.pixels,
        image.width,
        image.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_themselves() {
        for length in [1, 80, 90, 91, 92, 93, 980, 990, 991] {
            let record = global_record("k", &"v".repeat(length));
            let stated: usize =
                std::str::from_utf8(&record).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert_eq!(stated, record.len());
        }
    }
}
