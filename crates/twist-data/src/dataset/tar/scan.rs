//! The members of an archive, from its headers alone.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Seek, SeekFrom};

use tar::EntryType;

use crate::dataset::kinds::{Kind, begin_of, has_extension};
use crate::dataset::left_out::Leftovers;
use crate::dataset::names::readable;

/// Bytes of a header, and the unit to which contents are padded.
const BLOCK: u64 = 512;
/// Bytes read at once: a header, the small members around it, and often the next header.
const WINDOW: u64 = 8 << 10;
/// Largest name, extended header or label that is read into memory: a damaged size must not ask for gigabytes.
const SMALL: u64 = 16 << 20;
/// Bytes behind the last member that are looked at: `tar` fills its last record with zeros, of 10 KiB unless asked otherwise.
const PADDING: u64 = 1 << 20;
/// Key of the class names that [`crate::pack`] writes into the global header of each shard, as a JSON list.
pub(crate) const CLASSES_KEY: &str = "TWIST.classes";

/// A regular file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Name without leading `./` or `/`.
    pub(crate) name: Vec<u8>,
    /// Where its header begins, for messages.
    pub(crate) header: u64,
    /// Where its content begins.
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) kind: Kind,
    /// The content, for labels (`.cls`, `.json`).
    pub(crate) label: Option<Vec<u8>>,
}

/// Everything of an archive that is kept.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Regular files in archive order.
    pub(crate) members: Vec<Member>,
    /// Class names from the global header.
    pub(crate) classes: Option<Vec<String>>,
    /// Links and special members.
    pub(crate) leftovers: Leftovers,
}

/// Where and how an archive lies.
#[derive(Debug)]
pub(crate) enum Damage {
    Io(io::Error),
    Format {
        /// Byte at which it was noticed.
        offset: u64,
        reason: String,
    },
}

/// Reads the headers of an archive of `size` bytes through `read_exact_at(buffer, offset)`.
///
/// The members are found by the `tar` crate, which reads past the end of an archive that was cut off without a word: what
/// lies beyond the end, and a missing end mark, are noticed here.
pub(crate) fn scan(
    size: u64,
    read_exact_at: impl Fn(&mut [u8], u64) -> io::Result<()>,
) -> Result<Scan, Damage> {
    let (refused, read) = (RefCell::new(None), Cell::new(0));
    let window =
        Window { size, read_exact_at, refused: &refused, read: &read, at: 0, start: 0, bytes: Vec::new() };
    let mut archive = tar::Archive::new(window);
    let mut scan = Scan::default();
    let (mut at, mut end) = (0, 0);
    let damage = |offset: u64, reason: String| Damage::Format { offset, reason };
    // An error of the operating system does not mean that the archive is damaged.
    let told = |error: io::Error, offset: u64| match refused.take() {
        Some(source) => Damage::Io(source),
        None if size.saturating_sub(offset) < BLOCK => damage(
            offset,
            format!(
                "{} bytes are left, but a header has {BLOCK}: copy it again",
                size.saturating_sub(offset)
            ),
        ),
        None => damage(offset, format!("{error}: this is not a tar archive, or it is damaged")),
    };
    for entry in archive.entries_with_seek().map_err(Damage::Io)? {
        let mut entry = entry.map_err(|error| told(error, at))?;
        read.set(0);
        let (header, offset, length) = (entry.raw_header_position(), entry.raw_file_position(), entry.size());
        let name = tidy(&entry.path_bytes());
        if entry.header().entry_type().is_file() && length > size.saturating_sub(offset) {
            return Err(damage(
                header,
                format!(
                    "{} has {length} bytes, but the archive ends {} bytes after its header: it was cut off; copy it again",
                    readable(&name),
                    size.saturating_sub(offset)
                ),
            ));
        }
        let content = |entry: &mut tar::Entry<'_, _>| {
            if length > SMALL {
                return Err(damage(header, format!("a header of {length} bytes: the archive is damaged")));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map(|_| bytes).map_err(|error| told(error, header))
        };
        match entry.header().entry_type() {
            EntryType::XGlobalHeader => {
                if let Some(classes) =
                    global_classes(&content(&mut entry)?).map_err(|r| damage(header, r.into()))?
                {
                    scan.classes = Some(classes);
                }
            }
            EntryType::Directory => {}
            // Before POSIX, a folder was a file whose name ends so.
            EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => {}
            EntryType::Regular | EntryType::Continuous if is_sparse(&mut entry) => {
                scan.leftovers.add(["sparse member", "sparse members"], readable(&name));
            }
            EntryType::Regular | EntryType::Continuous => {
                let is_label = has_extension(&name, "cls") || has_extension(&name, "json");
                let label = if is_label { Some(content(&mut entry)?) } else { None };
                let kind = Kind::of(&name, || begin_of(&mut entry));
                scan.members.push(Member { name, header, offset, size: length, kind, label });
            }
            EntryType::Link | EntryType::Symlink => {
                scan.leftovers.add(["link in an archive", "links in archives"], readable(&name));
            }
            _ => scan.leftovers.add(["special member", "special members"], readable(&name)),
        }
        // Of a sparse file, `length` counts the holes too, which are not in the archive.
        let stored = match entry.header().entry_type() {
            EntryType::GNUSparse => entry.header().entry_size().unwrap_or(0),
            _ => length,
        };
        // Padding may be missing after the last member only; then the end mark is missing too.
        at = offset + stored.div_ceil(BLOCK) * BLOCK;
        end = at;
        if entry.header().entry_type() == EntryType::GNUSparse {
            // How many blocks its map of holes takes is not told, so what follows it is not looked at.
            end = size;
        }
    }
    read.set(0);
    match size.checked_sub(at) {
        Some(BLOCK..) => match behind_the_end(archive.into_inner(), end, size) {
            Ok(None) => Ok(scan),
            Ok(Some(offset)) => Err(damage(
                offset,
                "the archive goes on behind its end mark: it was joined from several, or a part of it was overwritten by \
                 zeros; copy it again, or unpack it and pack it anew"
                    .into(),
            )),
            Err(error) => Err(told(error, end)),
        },
        _ if size == 0 => Err(damage(0, "the file is empty: copy it again".into())),
        _ => Err(damage(
            at.min(size),
            "the archive has no end mark, so it is probably cut off: copy it again".into(),
        )),
    }
}

/// The place of the first byte behind the end mark at `end` that is not zero, if there is one near it.
fn behind_the_end(mut archive: impl Read + Seek, end: u64, size: u64) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; PADDING.min(size.saturating_sub(end)) as usize];
    archive.seek(SeekFrom::Start(end))?;
    archive.read_exact(&mut bytes)?;
    Ok(bytes.iter().position(|&byte| byte != 0).map(|place| end + place as u64))
}

/// Whether a member is a sparse file, whose bytes are not those of the file.
fn is_sparse<R: Read>(entry: &mut tar::Entry<'_, R>) -> bool {
    entry
        .pax_extensions()
        .ok()
        .flatten()
        .is_some_and(|records| records.flatten().any(|record| record.key_bytes().starts_with(b"GNU.sparse")))
}

/// The class names that `pack` put into the global header.
fn global_classes(content: &[u8]) -> Result<Option<Vec<String>>, &'static str> {
    for record in tar::PaxExtensions::new(content) {
        let record = record.map_err(|_| "an extended header is malformed")?;
        if record.key_bytes() == CLASSES_KEY.as_bytes() {
            let names = serde_json::from_slice(record.value_bytes());
            return names.map(Some).map_err(|_| "the class names in the global header are malformed");
        }
    }
    Ok(None)
}

/// Without the `./` or `/` that `tar c .` and others put in front.
fn tidy(name: &[u8]) -> Vec<u8> {
    let mut rest = name;
    while let Some(shorter) = rest.strip_prefix(b"./").or_else(|| rest.strip_prefix(b"/")) {
        rest = shorter;
    }
    rest.to_vec()
}

/// The archive as a stream that is read a stretch at a time.
struct Window<'a, R> {
    size: u64,
    read_exact_at: R,
    /// What the operating system refused, if it did.
    refused: &'a RefCell<Option<io::Error>>,
    /// Bytes read since the last member: contents are passed over, so more than a header is a header with a false size.
    read: &'a Cell<u64>,
    at: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<R: Fn(&mut [u8], u64) -> io::Result<()>> Read for Window<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.size {
            return Ok(0);
        }
        let held = self.start..self.start + self.bytes.len() as u64;
        if !held.contains(&self.at) {
            let wanted = WINDOW.min(self.size - self.at);
            self.bytes.resize(wanted as usize, 0);
            self.start = self.at;
            if let Err(error) = (self.read_exact_at)(&mut self.bytes, self.at) {
                self.bytes.clear();
                let again = io::Error::new(error.kind(), error.to_string());
                self.refused.replace(Some(error));
                return Err(again);
            }
        }
        let rest = self.bytes.get((self.at - self.start) as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        self.read.set(self.read.get() + count as u64);
        if self.read.get() > SMALL + WINDOW {
            return Err(io::Error::other(format!("a header of more than {SMALL} bytes")));
        }
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl<R> Seek for Window<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan_bytes(archive: &[u8]) -> Result<Scan, Damage> {
        scan(archive.len() as u64, |buffer, offset| {
            let from = offset as usize;
            buffer
                .copy_from_slice(archive.get(from..from + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn archive(members: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_slice()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    proptest! {
        #[test]
        fn every_member_is_found(
            members in prop::collection::vec(
                ("[a-z]{1,8}(/[a-z]{1,60}){0,4}\\.(png|cls)", prop::collection::vec(any::<u8>(), 0..20_000)), 0..8
            )
        ) {
            let bytes = archive(&members);
            let found = scan_bytes(&bytes).unwrap();
            prop_assert_eq!(found.members.len(), members.len());
            for (member, (name, content)) in found.members.iter().zip(&members) {
                prop_assert_eq!(&member.name, name.as_bytes());
                let range = member.offset as usize..(member.offset + member.size) as usize;
                prop_assert_eq!(&bytes[range], content.as_slice());
                prop_assert_eq!(member.label.is_some(), name.ends_with(".cls"));
            }
        }

        #[test]
        fn a_cut_is_always_noticed(cut in 0.0..1.0f64) {
            let bytes = archive(&[("a.png".into(), vec![1; 700]), ("b.png".into(), vec![2; 3])]);
            let end_mark = bytes.len() - 1024;
            let cut = (cut * end_mark as f64) as usize;
            let is_format_error = matches!(scan_bytes(&bytes[..cut]), Err(Damage::Format { .. }));
            prop_assert!(is_format_error);
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..4096), at in 0usize..2048, value: u8) {
            let _ = scan_bytes(&bytes);
            bytes = archive(&[("a.png".into(), vec![1; 700]), ("b.cls".into(), vec![b'2'; 3])]);
            bytes[at] = value;
            let _ = scan_bytes(&bytes);
        }
    }

    #[test]
    fn a_long_name_of_gigabytes_is_not_read() {
        let mut header = tar::Header::new_gnu();
        header.set_path("././@LongLink").unwrap();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(2 << 30);
        header.set_cksum();
        let first = *header.as_bytes();
        let read = Cell::new(0u64);
        let found = scan((2 << 30) + 4096, |buffer, offset| {
            read.set(read.get() + buffer.len() as u64);
            buffer.fill(b'a');
            if offset == 0 {
                buffer[..512].copy_from_slice(&first);
            }
            Ok(())
        });
        let Err(Damage::Format { reason, .. }) = found else { panic!("it has to be refused") };
        assert!(reason.contains("a header of more than"), "{reason}");
        assert!(read.get() < 2 * SMALL, "{} bytes were read", read.get());
    }

    #[test]
    fn what_lies_behind_the_end_mark_is_not_lost_in_silence() {
        let one = archive(&[("a.png".into(), vec![1; 700]), ("b.png".into(), vec![2; 3])]);
        let twice = [one.clone(), one.clone()].concat();
        let mut zeroed = one.clone();
        zeroed[1536..2048].fill(0);
        for (bytes, place) in [(&twice, one.len()), (&zeroed, 2048)] {
            let Err(Damage::Format { offset, reason }) = scan_bytes(bytes) else { panic!("images are lost") };
            assert!(reason.contains("behind its end mark"), "{reason}");
            assert_eq!(offset, place as u64);
        }
        let padded = [one, vec![0; 9 << 10]].concat();
        assert_eq!(scan_bytes(&padded).unwrap().members.len(), 2);
    }
}
