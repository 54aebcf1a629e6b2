//! `thumbnails.tar` without reading it: where each thumbnail lies, so that one can be fetched when a page asks for it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// A larger file is not a thumbnail.
const MEMBER_LIMIT: u64 = 4 << 20;

pub(super) struct Archive {
    file: Option<File>,
    /// Begin and length of each image by its index in the evaluated data.
    members: HashMap<u32, (u64, u64)>,
}

impl Archive {
    /// Reads the headers of the archive at `path`; without one, or behind damage in it, thumbnails are missing.
    ///
    /// # Errors
    /// The file is there and cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = match twist_io::open_regular(path) {
            Ok(file) => file.into_parts().0,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { file: None, members: HashMap::new() });
            }
            Err(error) => return Err(error),
        };
        let members = members(&file)?;
        Ok(Self { file: Some(file), members })
    }

    /// Whether there is a thumbnail of the image with this index.
    pub(super) fn has(&self, index: u32) -> bool {
        self.members.contains_key(&index)
    }

    /// The thumbnail of the image with this index.
    pub(super) fn read(&self, index: u32) -> Option<Vec<u8>> {
        let (at, length) = *self.members.get(&index)?;
        let mut file = self.file.as_ref()?;
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut bytes = vec![0; length as usize];
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// Begin and length of every image in the archive, as far as it can be read.
fn members(file: &File) -> io::Result<HashMap<u32, (u64, u64)>> {
    let mut archive = tar::Archive::new(file);
    let found = archive.entries_with_seek()?.map_while(Result::ok).filter_map(|member| {
        let index = member.path().ok()?.file_stem()?.to_str()?.parse().ok()?;
        let length = member.size();
        (length <= MEMBER_LIMIT).then_some((index, (member.raw_file_position(), length)))
    });
    Ok(found.collect())
}

/// What a browser shows, by its first bytes; everything else is not passed on.
pub(super) fn mime(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'B', b'M', ..] => Some("image/bmp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thumbnails.tar");
        assert!(!Archive::open(&path).unwrap().has(0));
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in
            [("00000003.png", "three"), ("note.txt", "no image"), ("00000011.jpg", "eleven")]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        let mut bytes = archive.into_inner().unwrap();
        fs_err::write(&path, &bytes).unwrap();
        let found = Archive::open(&path).unwrap();
        assert_eq!(
            (found.read(3).unwrap(), found.read(11).unwrap()),
            (b"three".to_vec(), b"eleven".to_vec())
        );
        assert!(found.has(11) && !found.has(4) && found.read(4).is_none());

        bytes.truncate(1024 + 700);
        fs_err::write(&path, &bytes).unwrap();
        assert!(Archive::open(&path).unwrap().has(3), "what lies before the damage is there");
    }

    #[test]
    fn only_images_are_passed_on() {
        assert_eq!(mime(b"\x89PNG\r\n"), Some("image/png"));
        assert_eq!(mime(b"<svg onload=alert(1)>"), None);
        assert_eq!(mime(b""), None);
    }
}
