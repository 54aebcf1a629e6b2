//! The entries of an archive that are images, from its list alone.

use std::io::{Read, Seek};

use zip::read::ZipFileEntry;
use zip::result::ZipError;
use zip::{CompressionMethod, System, ZipArchive};

use crate::dataset::kinds::{Kind, base_name, begin_of};
use crate::dataset::left_out::{Leftovers, add_kind};
use crate::dataset::names::readable;
use crate::dataset::walk::is_of_system;

/// An image in an archive.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    /// Where it is in the list of the archive.
    pub(super) number: usize,
    pub(super) size: u64,
    /// CRC-32 of its bytes.
    pub(super) checksum: u32,
}

/// What to do about an entry that is damaged.
pub(super) const AGAIN: &str = "the archive is damaged: copy it again";

/// The images of an archive, in the order of a folder: by the names of folders, then of files. What is not an image is noted.
///
/// # Errors
/// The name of an entry that leads out of the archive, and how.
pub(super) fn entries<R: Read + Seek>(
    archive: &ZipArchive<R>,
    leftovers: &mut Leftovers,
) -> Result<Vec<Entry>, (String, &'static str)>
where
    ZipArchive<R>: Clone,
{
    let mut unpacked = archive.clone();
    let mut images = Vec::new();
    for number in 0..archive.len() {
        let Ok(entry) = archive.by_index_data(number) else { continue };
        let name = name_of(&entry);
        if let Some(why) = leads_out(&name) {
            return Err((readable(&name), why));
        }
        let name = name.strip_prefix(b"./").unwrap_or(&name).to_vec();
        if entry.is_dir() || name.ends_with(b"/") {
            continue;
        }
        let folder = &name[..name.len() - base_name(&name).len()];
        let mut folders = folder.split(|&byte| byte == b'/');
        if name.split(|&byte| byte == b'/').any(|part| part.first() == Some(&b'.')) {
            leftovers.add(["hidden entry", "hidden entries"], readable(&name));
        } else if folders.any(is_of_system) {
            leftovers.add(["entry of a system or server", "entries of systems and servers"], readable(&name));
        } else if entry.is_symlink() {
            leftovers.add(["link in an archive", "links in archives"], readable(&name));
        } else {
            // Only where the name is that of another format.
            let begin = || unpacked.by_index(number).map(begin_of).unwrap_or_default();
            match Kind::of(&name, begin) {
                Kind::Image => {
                    let (size, checksum) = (entry.size(), entry.crc32());
                    images.push(Entry { name, number, size, checksum });
                }
                Kind::Other(kind) => add_kind(leftovers, "entry", &name, kind),
            }
        }
    }
    images.sort_by(|a, b| a.name.split(|&byte| byte == b'/').cmp(b.name.split(|&byte| byte == b'/')));
    Ok(images)
}

/// The name with `/` between folders. Old programs for Windows wrote `\`; and some write UTF-8 without saying so.
fn name_of(entry: &ZipFileEntry<'_>) -> Vec<u8> {
    let raw = entry.name_raw();
    let name = match (std::str::from_utf8(raw), entry.name()) {
        (Err(_), Ok(decoded)) => decoded.into_owned().into_bytes(),
        _ => raw.to_vec(),
    };
    let is_of_windows = !matches!(entry.system(), System::Unix) && !name.contains(&b'/');
    match is_of_windows {
        true => name.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect(),
        false => name,
    }
}

/// How a name leads out of the folder that the archive would be unpacked into.
fn leads_out(name: &[u8]) -> Option<&'static str> {
    let mut parts = name.split(|&byte| byte == b'/' || byte == b'\\');
    if matches!(name, [b'/' | b'\\', ..] | [b'A'..=b'Z' | b'a'..=b'z', b':', b'/' | b'\\', ..]) {
        Some("has an absolute name, so it would be unpacked anywhere on the disk")
    } else if parts.any(|part| part == b"..") {
        Some("has a name with `..`, so it would be unpacked outside of its folder")
    } else {
        None
    }
}

/// What to do about an entry that can be unpacked by other programs.
const UNPACK: &str = "unpack the archive, for example with `7z x FILE`, and give the folder";

/// Why an entry that is packed by this method cannot be unpacked, and what helps; `None` where it can.
pub(super) fn unknown(method: CompressionMethod) -> Option<(String, &'static str)> {
    match method {
        CompressionMethod::Stored | CompressionMethod::Deflated => None,
        other => Some((
            format!("it is packed by {other}, and only entries that are stored or deflated are read"),
            UNPACK,
        )),
    }
}

/// Why an entry cannot be unpacked, and what helps.
pub(super) fn reason(error: ZipError) -> (String, &'static str) {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            ("it is encrypted".to_owned(), "unpack the archive with its password, and give the folder")
        }
        ZipError::UnsupportedArchive(why) => (why.to_owned(), UNPACK),
        other => (other.to_string(), AGAIN),
    }
}
