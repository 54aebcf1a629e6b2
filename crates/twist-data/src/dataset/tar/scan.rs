//! The members of an archive, from its headers alone.

use std::io;

use super::header::{BLOCK, Header, Kind, parse};
use crate::dataset::kinds::has_extension;
use crate::dataset::left_out::Leftovers;
use crate::dataset::names::readable;

/// Bytes read at once: a header, the small members around it, and often the next header.
const WINDOW: u64 = 8 << 10;
/// Largest name, extended header or label that is read into memory: a damaged size must not ask for gigabytes.
const SMALL: u64 = 16 << 20;
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
    /// Bytes of content.
    pub(crate) size: u64,
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
    /// The operating system refused to read.
    Io(io::Error),
    /// The content is not a sound archive.
    Format {
        /// Byte at which it was noticed.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Reads the headers of an archive of `size` bytes through `read_exact_at(buffer, offset)`.
pub(crate) fn scan(
    size: u64,
    read_exact_at: impl Fn(&mut [u8], u64) -> io::Result<()>,
) -> Result<Scan, Damage> {
    let mut window = Window { size, read_exact_at, start: 0, bytes: Vec::new() };
    let mut scan = Scan::default();
    let mut next = Next::default();
    let mut at = 0;
    loop {
        let damage = |reason: String| Damage::Format { offset: at, reason };
        if at >= size {
            return Err(damage(if size == 0 {
                "the file is empty: copy it again".to_owned()
            } else {
                "the archive stops without its end mark, as a copy does that was cut off: copy it again"
                    .to_owned()
            }));
        }
        if size - at < BLOCK {
            return Err(damage(format!(
                "{} bytes are left where a header has {BLOCK}: copy it again",
                size - at
            )));
        }
        let mut block = [0; 512];
        block.copy_from_slice(window.get(at, BLOCK)?);
        let header = parse(&block).map_err(|reason| damage(reason.to_owned()))?;
        let Some(Header { name, size: stated, kind }) = header else {
            return Ok(scan);
        };
        let offset = at + BLOCK;
        let length =
            if matches!(kind, Kind::File | Kind::Special) { next.size.unwrap_or(stated) } else { stated };
        if length > size - offset {
            let name = readable(next.name.as_deref().unwrap_or(&name));
            return Err(damage(format!(
                "{name} has {length} bytes, but the archive ends {} bytes after its header: it was cut off; copy it again",
                size - offset
            )));
        }
        let content = |window: &mut Window<_>| {
            if length > SMALL {
                return Err(damage(format!("a header of {length} bytes: the archive is damaged")));
            }
            window.get(offset, length).map(<[u8]>::to_vec)
        };
        match kind {
            Kind::LongName => next.name = Some(until_zero(&content(&mut window)?)),
            Kind::LongLink => {}
            Kind::Extended => next.extend(&content(&mut window)?).map_err(|r| damage(r.to_owned()))?,
            Kind::Global => {
                if let Some(classes) =
                    global_classes(&content(&mut window)?).map_err(|r| damage(r.to_owned()))?
                {
                    scan.classes = Some(classes);
                }
            }
            Kind::File | Kind::Folder | Kind::Link | Kind::Special => {
                let Next { name: long, sparse, .. } = std::mem::take(&mut next);
                let name = tidy(long.unwrap_or(name));
                match kind {
                    // Before POSIX, a folder was a file whose name ends so. (Only the whole name tells: the part of a
                    // long one that fits into the header may end anywhere.)
                    Kind::File if name.ends_with(b"/") => {}
                    Kind::File if sparse => {
                        scan.leftovers.add(["sparse member", "sparse members"], readable(&name))
                    }
                    Kind::File => {
                        let is_label = has_extension(&name, "cls") || has_extension(&name, "json");
                        let label = if is_label { Some(content(&mut window)?) } else { None };
                        scan.members.push(Member { name, header: at, offset, size: length, label });
                    }
                    Kind::Link => {
                        scan.leftovers.add(["link in an archive", "links in archives"], readable(&name))
                    }
                    Kind::Special => {
                        scan.leftovers.add(["special member", "special members"], readable(&name))
                    }
                    _ => {}
                }
            }
        }
        // Padding may be missing after the last member only; then the end mark is missing too, and said above.
        at = offset + length.div_ceil(BLOCK) * BLOCK;
    }
}

/// What extended headers say about the member that follows.
#[derive(Default)]
struct Next {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Next {
    fn extend(&mut self, content: &[u8]) -> Result<(), &'static str> {
        for (key, value) in records(content)? {
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"size" => {
                    let number = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
                    self.size = Some(number.ok_or("the size in an extended header is not a number")?);
                }
                key if key.starts_with(b"GNU.sparse") => self.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Key and value of a record.
type Record<'a> = (&'a [u8], &'a [u8]);

/// The `length key=value\n` records of an extended header; the length counts the whole record.
fn records(mut content: &[u8]) -> Result<Vec<Record<'_>>, &'static str> {
    const BAD: &str = "an extended header is malformed";
    let mut records = Vec::new();
    while !content.is_empty() && content[0] != 0 {
        let space = content.iter().position(|&b| b == b' ').ok_or(BAD)?;
        let length: usize =
            std::str::from_utf8(&content[..space]).ok().and_then(|l| l.parse().ok()).ok_or(BAD)?;
        let record = content.get(space + 1..length).ok_or(BAD)?.strip_suffix(b"\n").ok_or(BAD)?;
        let equals = record.iter().position(|&b| b == b'=').ok_or(BAD)?;
        records.push((&record[..equals], &record[equals + 1..]));
        content = &content[length..];
    }
    Ok(records)
}

/// The class names that `pack` put into the global header.
fn global_classes(content: &[u8]) -> Result<Option<Vec<String>>, &'static str> {
    match records(content)?.into_iter().find(|(key, _)| *key == CLASSES_KEY.as_bytes()) {
        None => Ok(None),
        Some((_, value)) => serde_json::from_slice(value)
            .map(Some)
            .map_err(|_| "the class names in the global header are malformed"),
    }
}

/// A GNU long name ends with a zero.
fn until_zero(name: &[u8]) -> Vec<u8> {
    name.split(|&b| b == 0).next().unwrap_or_default().to_vec()
}

/// Without the `./` or `/` that `tar c .` and others put in front.
fn tidy(name: Vec<u8>) -> Vec<u8> {
    let mut rest = name.as_slice();
    while let Some(shorter) = rest.strip_prefix(b"./").or_else(|| rest.strip_prefix(b"/")) {
        rest = shorter;
    }
    rest.to_vec()
}

/// A stretch of the archive in memory.
struct Window<R> {
    size: u64,
    read_exact_at: R,
    start: u64,
    bytes: Vec<u8>,
}

impl<R: Fn(&mut [u8], u64) -> io::Result<()>> Window<R> {
    /// `length` bytes at `offset`, which lie inside the archive.
    fn get(&mut self, offset: u64, length: u64) -> Result<&[u8], Damage> {
        let end = offset + length;
        let held = self.start..self.start + self.bytes.len() as u64;
        if offset < held.start || end > held.end {
            let wanted = length.max(WINDOW).min(self.size - offset);
            self.bytes.resize(wanted as usize, 0);
            self.start = offset;
            (self.read_exact_at)(&mut self.bytes, offset).map_err(Damage::Io)?;
        }
        let from = (offset - self.start) as usize;
        Ok(&self.bytes[from..from + length as usize])
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
    fn extended_headers() {
        let content = b"19 path=a/b/cd.png\n12 size=123\n";
        let mut next = Next::default();
        next.extend(content).unwrap();
        assert_eq!(next.name.as_deref(), Some(&b"a/b/cd.png"[..]));
        assert_eq!(next.size, Some(123));
        for bad in [&b"99 path=a\n"[..], b"x path=a\n", b"3 \n", b"10 pathabc\n"] {
            assert!(records(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
