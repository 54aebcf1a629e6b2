//! Records that are kept from one process to the next, found by keys, in one file that grows at its end.
//!
//! A record is some bytes under a key of 16 bytes, which is a hash of whatever the bytes belong to. A link leads from one key to
//! another. A file of them is a head and then blocks, all numbers in little-endian order:
//!
//! ```text
//! head    "TWSTREC1" | bytes of the text u32 | CRC-32C of the text u32 | the text
//! block   "TWSTBLK1" | kind u32 | entries u32 | bytes of table and values u64 | CRC-32C of the table u32 | CRC-32C of the 28
//!         bytes before u32 | table | values
//! table   of records (kind 0): key [16], bytes u32, CRC-32C of the value u32, for each; the values follow in this order
//!         of links (kind 1):   key [16], the key that it leads to [16], for each; there are no values
//!         of a block that is void (kind 2): anything
//! ```
//!
//! The text says what the records are, and a file with another text is not used. Opening reads head and tables. A value is read
//! when it is asked for, and compared with its checksum. A block is appended as a whole under an [`UpdateLock`], so that several
//! processes can add to a file; a process that is killed leaves a part of a block, which the next one cuts off. What is damaged
//! is dropped and told, never used: whoever misses a record makes it again.

mod block;
mod writer;

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fs_err as fs;
use fs_err::{File, OpenOptions};

use self::block::{Entries, Scan};
use self::writer::Pending;
use crate::error::IoError;
use crate::lines::open_own;
use crate::refused::Refused;
use crate::update::UpdateLock;

/// What a record is found by.
pub type RecordKey = [u8; 16];

/// A file of records, as it was when it was opened, and what was added since.
///
/// ```
/// use twist_io::Records;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("lengths.records");
/// let records = Records::open(&path, "lengths, version 1")?;
/// records.push([7; 16], b"seven")?;
/// records.finish()?;
///
/// let (again, mut value) = (Records::open(&path, "lengths, version 1")?, Vec::new());
/// assert!(again.read(&[7; 16], &mut value) && value == b"seven");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    text: String,
    /// `None` for a file that was not there yet.
    file: Option<File>,
    places: HashMap<RecordKey, Place>,
    links: HashMap<RecordKey, RecordKey>,
    notes: Vec<String>,
    added: Mutex<Added>,
}

/// Where a value lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    bytes: u32,
    checksum: u32,
}

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Number of the file in its file system; 0 for none.
    file: u64,
    end: u64,
}

/// What was added.
#[derive(Debug, Default)]
struct Added {
    pending: Pending,
    /// Keys of records and links that were added, and are not to be added again.
    keys: HashSet<RecordKey>,
    /// Records whose values are damaged.
    damaged: HashSet<RecordKey>,
    known: Known,
    /// Nothing can be written any more.
    is_closed: bool,
}

impl Records {
    /// Opens a file of the records that `text` describes, or begins one: the file is made when something is written. Damaged parts
    /// are dropped ([`Records::notes`]), and removed where the file can be written to.
    ///
    /// # Errors
    /// It cannot be read, is something else, or has another text.
    pub fn open(path: impl AsRef<Path>, text: &str) -> Result<Self, IoError> {
        let path = path.as_ref();
        let mut records = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            file: None,
            places: HashMap::new(),
            links: HashMap::new(),
            notes: Vec::new(),
            added: Mutex::default(),
        };
        if fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(records);
        }
        // Nobody is in the midst of a block while it is looked at.
        let _lock = UpdateLock::of(path)?;
        let (file, is_writable) = match open_own(path, OpenOptions::new().read(true).write(true)) {
            Ok(file) => (file, true),
            Err(_) => (open_own(path, OpenOptions::new().read(true))?, false),
        };
        let mut known = Known::default();
        let scan = records.scan(&file, &mut known, is_writable)?;
        records.places.reserve(scan.records());
        scan.entries.into_iter().for_each(|entries| records.take(entries));
        records.notes.extend(scan.notes);
        records.file = Some(file);
        records.locked().known = known;
        Ok(records)
    }

    /// What was damaged and dropped, in words.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether it has no records.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether the file had a record when it was opened.
    pub fn has(&self, key: &RecordKey) -> bool {
        self.places.contains_key(key)
    }

    /// Bytes of a record that the file had when it was opened.
    pub fn bytes_of(&self, key: &RecordKey) -> Option<u32> {
        self.places.get(key).map(|place| place.bytes)
    }

    /// Where a link leads that the file had when it was opened.
    pub fn link(&self, key: &RecordKey) -> Option<RecordKey> {
        self.links.get(key).copied()
    }

    /// Reads a record that the file had when it was opened into `value`. False where there is none, or where it is damaged; then
    /// [`Records::push`] takes it again.
    pub fn read(&self, key: &RecordKey, value: &mut Vec<u8>) -> bool {
        let (Some(place), Some(file)) = (self.places.get(key), &self.file) else { return false };
        value.resize(place.bytes as usize, 0);
        let read = file.file().read_exact_at(value, place.at);
        let is_whole = read.is_ok() && crc32c::crc32c(value) == place.checksum;
        if !is_whole {
            self.locked().damaged.insert(*key);
        }
        is_whole
    }

    /// How many records that were read are damaged.
    pub fn damaged(&self) -> usize {
        self.locked().damaged.len()
    }

    /// Adds a record, unless the key has one. It is written with those after it, after some seconds or mebibytes.
    ///
    /// # Errors
    /// The file cannot be written to. Then nothing more is kept, and later calls do nothing.
    pub fn push(&self, key: RecordKey, value: &[u8]) -> Result<(), IoError> {
        let mut added = self.locked();
        let is_known = self.has(&key) && !added.damaged.contains(&key);
        if added.is_closed || is_known || !added.keys.insert(key) {
            return Ok(());
        }
        added.pending.push(key, value);
        if added.pending.is_due() { self.write(&mut added) } else { Ok(()) }
    }

    /// Adds a link, unless there is the same one.
    ///
    /// # Errors
    /// As [`Records::push`].
    pub fn push_link(&self, from: RecordKey, to: RecordKey) -> Result<(), IoError> {
        let mut added = self.locked();
        if added.is_closed || self.link(&from) == Some(to) || !added.keys.insert(from) {
            return Ok(());
        }
        added.pending.push_link(from, to);
        if added.pending.is_due() { self.write(&mut added) } else { Ok(()) }
    }

    /// Writes what was added, and flushes it to the disk.
    ///
    /// # Errors
    /// As [`Records::push`].
    pub fn finish(&self) -> Result<(), IoError> {
        self.write(&mut self.locked())
    }

    fn locked(&self) -> MutexGuard<'_, Added> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&mut self, entries: Entries) {
        match entries {
            Entries::Records(records) => self.places.extend(records),
            Entries::Links(links) => self.links.extend(links),
        }
    }

    fn write(&self, added: &mut Added) -> Result<(), IoError> {
        if added.is_closed || added.pending.is_empty() {
            return Ok(());
        }
        let written = self.append(added);
        added.pending = Pending::default();
        added.is_closed = written.is_err();
        written
    }

    /// Appends the pending blocks behind the last whole one of the file.
    fn append(&self, added: &mut Added) -> Result<(), IoError> {
        let os = |source| IoError::os("write", &self.path, None, source);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(os)?;
        }
        let _lock = UpdateLock::of(&self.path)?;
        let file = open_own(&self.path, OpenOptions::new().read(true).write(true).create(true))?;
        // What others added meanwhile is passed over, and what a killed one left of a block is cut off.
        self.scan(&file, &mut added.known, true)?;
        let mut bytes = Vec::new();
        if added.known.end == 0 {
            bytes = block::head(&self.text);
        }
        added.pending.encode(&mut bytes);
        let end = added.known.end;
        let written = file.file().write_all_at(&bytes, end).and_then(|()| file.file().sync_data());
        if let Err(source) = written {
            // A part of a block is of no use to anybody.
            let _ = file.set_len(end);
            return Err(os(source));
        }
        added.known.end += bytes.len() as u64;
        Ok(())
    }

    /// Reads what follows the part of the file that is `known`, which then reaches to the end of the last whole block. What is
    /// behind it is removed `if_writable`.
    fn scan(&self, file: &File, known: &mut Known, if_writable: bool) -> Result<Scan, IoError> {
        let os = |source| IoError::os("read", &self.path, None, source);
        let found = file.metadata().map_err(os)?;
        if known.file != found.ino() || known.end > found.len() {
            *known = Known { file: found.ino(), end: 0 };
        }
        let mut scan = Scan::default();
        if known.end == 0 {
            let head = block::read_head(file.file(), found.len(), &self.text).map_err(os)?;
            match head {
                block::Head::Ours(end) => known.end = end,
                block::Head::CutShort => {}
                block::Head::Other(why) => {
                    let what = format!("{} cannot be used", self.path.display());
                    return Err(Refused::new(what).because(why).remedy("remove it").into());
                }
            }
        }
        if known.end > 0 {
            known.end = scan.blocks(file.file(), known.end, found.len(), if_writable).map_err(os)?;
        }
        if known.end < found.len() {
            let (path, bytes) = (self.path.display(), found.len() - known.end);
            scan.notes.push(format!(
                "{path}: its last {bytes} bytes are not whole, as after a kill or a full disk; they were dropped"
            ));
            if if_writable {
                file.set_len(known.end).map_err(os)?;
            }
        }
        if scan.void > 0 {
            let (path, void) = (self.path.display(), scan.void);
            let parts = if void == 1 { "part of it was" } else { "parts of it were" };
            scan.notes.push(format!("{path} is damaged: {void} {parts} dropped"));
        }
        Ok(scan)
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // Work that an error or a signal ends is not lost; who wants to hear whether it was written calls `finish`.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests;
