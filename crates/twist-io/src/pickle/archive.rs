//! The format since PyTorch 1.6: a zip archive whose entries are stored as they are.

use std::io::{BufReader, Read};

use fs_err::File;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::damage::{Fault, PickleDamage};
use super::machine;
use super::node::{Heap, Id};
use super::source::ByteReader;
use super::tensors::Storages;

/// How a zip archive begins.
pub(super) const MAGIC: [u8; 4] = *b"PK\x03\x04";

/// Longest entry `byteorder` that is read: it holds one word.
const MAX_WORD: u64 = 16;

/// An archive whose storages are read when they are asked for.
#[derive(Debug)]
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// The folder in the archive that everything lies in, with its slash.
    folder: String,
    length: u64,
}

/// Reads `data.pkl`; the storages stay in the file.
pub(super) fn open(file: File, length: u64) -> Result<(Heap, Id, Storages), Fault> {
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(fault)?;
    // Entries that share bytes would make a small file large.
    if zip.has_overlapping_files().map_err(fault)? {
        return Err(wrong("entries share bytes"));
    }
    let folder = folder_of(&zip)?;
    let mut archive = Archive { zip, folder, length };
    if let Some(order) = archive.word("byteorder")? {
        match order.trim() {
            "little" => {}
            "big" => return Err(PickleDamage::BigEndian.into()),
            other => return Err(wrong(&format!("byteorder is `{other}`"))),
        }
    }
    let (heap, root) = archive.pickle()?;
    Ok((heap, root, Storages::Archive(archive)))
}

/// What comes before `data.pkl` in its entry's name: the only such entry one folder deep.
fn folder_of(zip: &ZipArchive<BufReader<File>>) -> Result<String, Fault> {
    let mut folders = zip.file_names_raw().filter_map(|name| {
        let folder = std::str::from_utf8(name).ok()?.strip_suffix("data.pkl")?;
        let single = folder.is_empty() || folder.find('/') == Some(folder.len() - 1);
        single.then(|| folder.to_owned())
    });
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder),
        (None, _) => Err(Fault::Not(
            "it is a zip archive without data.pkl (unpack it, if it is a folder of files)".to_owned(),
        )),
        (Some(first), Some(second)) => {
            Err(wrong(&format!("both {first}data.pkl and {second}data.pkl are there")))
        }
    }
}

impl Archive {
    /// The nodes of `data.pkl`.
    fn pickle(&mut self) -> Result<(Heap, Id), Fault> {
        let name = format!("{}data.pkl", self.folder);
        match self
            .with(&name, |reader, size| machine::run(&mut ByteReader::new(BufReader::new(reader), size)))?
        {
            Some(read) => Ok(read),
            None => Err(wrong("data.pkl is missing")),
        }
    }

    /// A small entry of text, if it is there.
    fn word(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let name = format!("{}{name}", self.folder);
        self.with(&name, |reader, size| match size {
            0..=MAX_WORD => ByteReader::new(reader, size).text(size),
            _ => Err(wrong(&format!("{name} has {size} bytes"))),
        })
    }

    /// All bytes of a storage; its checksum is compared.
    pub(super) fn storage(&mut self, key: &str) -> Result<Vec<u8>, Fault> {
        let name = format!("{}data/{key}", self.folder);
        let bytes = self.with(&name, |reader, size| {
            let mut bytes = vec![0; size as usize];
            let damaged = |source: std::io::Error| wrong(&format!("{name}: {source}"));
            reader.read_exact(&mut bytes).map_err(damaged)?;
            // The checksum is compared at the end.
            match reader.read(&mut [0]).map_err(damaged)? {
                0 => Ok(bytes),
                _ => Err(wrong(&format!("{name} is longer than it says"))),
            }
        })?;
        bytes.ok_or_else(|| PickleDamage::NoStorage { key: key.to_owned() }.into())
    }

    /// Hands the reader of an entry and its size to `read`; `None` if the entry does not exist.
    fn with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut dyn Read, u64) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let Some(index) = self.zip.index_for_name_raw(name.as_bytes()) else { return Ok(None) };
        let mut entry = self.zip.by_index(index).map_err(fault)?;
        if entry.compression() != CompressionMethod::Stored {
            let reason = format!(
                "{name} is compressed, which PyTorch never does; unpack the archive and pack it again \
                 without compression"
            );
            return Err(wrong(&reason));
        }
        let size = entry.size();
        if size != entry.compressed_size() || size > self.length {
            return Err(wrong(&format!("{name} claims {size} bytes")));
        }
        read(&mut entry, size).map(Some)
    }
}

fn wrong(reason: &str) -> Fault {
    PickleDamage::Archive(reason.to_owned()).into()
}

fn fault(error: ZipError) -> Fault {
    match error {
        ZipError::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => Fault::Os(source),
        other => wrong(&other.to_string()),
    }
}
