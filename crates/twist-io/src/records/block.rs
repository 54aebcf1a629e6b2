//! The bytes of heads and blocks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{Place, RecordKey};

const HEAD: &[u8; 8] = b"TWSTREC1";
const BLOCK: &[u8; 8] = b"TWSTBLK1";
/// Bytes of a head before its text.
const HEAD_BYTES: usize = 16;
/// Bytes of a block before its table.
pub(super) const BLOCK_BYTES: usize = 32;
/// Longest text that is read, in bytes.
const LONGEST_TEXT: u64 = 1 << 20;
/// Bytes of a table for each record, and for each link.
const OF_RECORD: u64 = 24;
const OF_LINK: u64 = 32;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Records,
    Links,
    Void,
}

/// The bytes before the first block.
pub(super) fn head(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + text.len());
    bytes.extend_from_slice(HEAD);
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(text.as_bytes()).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// What a file begins with.
pub(super) enum Head {
    /// It is a file of these records; the first block is here.
    Ours(u64),
    /// It was made, and not even its head was written.
    CutShort,
    /// It is something else, for this reason.
    Other(String),
}

/// Compares the head of a file of `length` bytes with `text`.
pub(super) fn read_head(file: &File, length: u64, text: &str) -> io::Result<Head> {
    let mut start = vec![0; HEAD_BYTES.min(usize::try_from(length).unwrap_or(HEAD_BYTES))];
    file.read_exact_at(&mut start, 0)?;
    if !start.starts_with(&HEAD[..HEAD.len().min(start.len())]) {
        return Ok(Head::Other("it is not a file of records of this version of Twist".into()));
    }
    if length < (HEAD_BYTES + text.len()) as u64 {
        return Ok(Head::CutShort);
    }
    let (own, checksum) = (u64::from(number(&start, 8)), number(&start, 12));
    let mut found = vec![0; own.min(LONGEST_TEXT).min(length - HEAD_BYTES as u64) as usize];
    file.read_exact_at(&mut found, HEAD_BYTES as u64)?;
    if crc32c::crc32c(&found) != checksum {
        return Ok(Head::Other("its head is damaged".into()));
    }
    if found != text.as_bytes() {
        return Ok(Head::Other("it holds other records than its name says".into()));
    }
    Ok(Head::Ours(HEAD_BYTES as u64 + own))
}

/// The bytes of a block before its table.
pub(super) fn block_head(kind: Kind, entries: usize, bytes: usize, table: &[u8]) -> [u8; BLOCK_BYTES] {
    let mut head = [0; BLOCK_BYTES];
    head[..8].copy_from_slice(BLOCK);
    head[8..12].copy_from_slice(&(kind as u32).to_le_bytes());
    head[12..16].copy_from_slice(&(entries as u32).to_le_bytes());
    head[16..24].copy_from_slice(&(bytes as u64).to_le_bytes());
    head[24..28].copy_from_slice(&crc32c::crc32c(table).to_le_bytes());
    let checksum = crc32c::crc32c(&head[..28]);
    head[28..].copy_from_slice(&checksum.to_le_bytes());
    head
}

/// What the table of a block says.
pub(super) enum Entries {
    Records(Vec<(RecordKey, Place)>),
    Links(Vec<(RecordKey, RecordKey)>),
}

/// What was found in a part of a file.
#[derive(Default)]
pub(super) struct Scan {
    /// In the order of the file: later ones hold.
    pub(super) entries: Vec<Entries>,
    /// Blocks whose tables are damaged.
    pub(super) void: usize,
    pub(super) notes: Vec<String>,
}

impl Scan {
    pub(super) fn records(&self) -> usize {
        let of = |entries: &Entries| match entries {
            Entries::Records(records) => records.len(),
            Entries::Links(_) => 0,
        };
        self.entries.iter().map(of).sum()
    }

    /// Reads the blocks from `at` on, of a file of `length` bytes, and returns where the last whole one ends. One with a damaged table
    /// is passed over, and marked as void `if_writable`.
    pub(super) fn blocks(
        &mut self,
        file: &File,
        mut at: u64,
        length: u64,
        if_writable: bool,
    ) -> io::Result<u64> {
        let mut head = [0; BLOCK_BYTES];
        while length - at >= BLOCK_BYTES as u64 {
            file.read_exact_at(&mut head, at)?;
            let Some(found) = BlockHead::of(&head) else { break };
            let begin = at + BLOCK_BYTES as u64;
            if found.bytes > length - begin || found.table() > found.bytes {
                break;
            }
            let mut table = vec![0; found.table() as usize];
            file.read_exact_at(&mut table, begin)?;
            let entries = (crc32c::crc32c(&table) == found.checksum)
                .then(|| found.entries(&table, begin + found.table()))
                .flatten();
            match entries {
                Some(entries) => self.entries.push(entries),
                None if found.kind == Kind::Void => {}
                None => {
                    self.void += 1;
                    if if_writable {
                        let void = block_head(Kind::Void, 0, found.bytes as usize, &[]);
                        file.write_all_at(&void, at)?;
                    }
                }
            }
            at = begin + found.bytes;
        }
        Ok(at)
    }
}

/// A block's head, whose checksum is right.
struct BlockHead {
    kind: Kind,
    entries: u64,
    /// Of table and values.
    bytes: u64,
    /// Of the table.
    checksum: u32,
}

impl BlockHead {
    fn of(head: &[u8; BLOCK_BYTES]) -> Option<Self> {
        if &head[..8] != BLOCK || crc32c::crc32c(&head[..28]) != number(head, 28) {
            return None;
        }
        let kind = [Kind::Records, Kind::Links, Kind::Void].into_iter().nth(number(head, 8) as usize)?;
        let bytes = u64::from(number(head, 16)) | u64::from(number(head, 20)) << 32;
        Some(Self { kind, entries: u64::from(number(head, 12)), bytes, checksum: number(head, 24) })
    }

    /// Bytes of the table.
    fn table(&self) -> u64 {
        self.entries
            * match self.kind {
                Kind::Records => OF_RECORD,
                Kind::Links => OF_LINK,
                Kind::Void => 0,
            }
    }

    /// The entries of the table, whose values begin at `at`; `None` where they do not add up.
    fn entries(&self, table: &[u8], mut at: u64) -> Option<Entries> {
        let key = |entry: &[u8], from: usize| -> RecordKey { std::array::from_fn(|i| entry[from + i]) };
        match self.kind {
            Kind::Records => {
                let end = at + (self.bytes - self.table());
                let record = |entry: &[u8]| {
                    let place = Place { at, bytes: number(entry, 16), checksum: number(entry, 20) };
                    at += u64::from(place.bytes);
                    (key(entry, 0), place)
                };
                let records = table.chunks_exact(OF_RECORD as usize).map(record).collect();
                (at == end).then_some(Entries::Records(records))
            }
            Kind::Links if self.bytes == self.table() => {
                let link = |entry: &[u8]| (key(entry, 0), key(entry, 16));
                Some(Entries::Links(table.chunks_exact(OF_LINK as usize).map(link).collect()))
            }
            Kind::Links | Kind::Void => None,
        }
    }
}

/// The number of four bytes at `at`.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}
