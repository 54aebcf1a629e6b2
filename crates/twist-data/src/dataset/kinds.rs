//! What is taken for an image before it is decoded: by its name, and where the name is that of another format, by its first bytes.

use std::io::Read;
use std::path::Path;

use crate::decode::Format;
use crate::foreign::{self, Foreign};

/// Extensions of the formats that are decoded, in lower case.
const EXTENSIONS: [&str; 12] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "tif", "tiff", "gif", "jxl"];

/// The extension of a file name as written: what follows the last dot, if anything stands before it.
fn written_extension(name: &[u8]) -> Option<&[u8]> {
    let base = base_name(name);
    let dot = base.iter().rposition(|&b| b == b'.').filter(|&dot| dot > 0)?;
    Some(&base[dot + 1..])
}

/// The extension of a file name in lower case.
pub(crate) fn extension(name: &[u8]) -> Option<String> {
    written_extension(name).map(|e| String::from_utf8_lossy(e).to_ascii_lowercase())
}

/// Whether the name has this extension, which is given in lower case.
pub(crate) fn has_extension(name: &[u8], extension: &str) -> bool {
    written_extension(name).is_some_and(|e| e.eq_ignore_ascii_case(extension.as_bytes()))
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An image, until it is decoded.
    Image,
    /// Something else; what it is, where that is known.
    Other(Option<&'static Foreign>),
}

impl Kind {
    /// The kind of the file `name`. `begin` reads its first bytes, and is asked where the name is that of a format that is not
    /// read: a telephone calls a JPEG `.heic`. Camera raw files are TIFF inside, and their name is believed.
    pub(crate) fn of(name: &[u8], begin: impl FnOnce() -> Vec<u8>) -> Self {
        if is_image(name) {
            return Self::Image;
        }
        let Some(named) = extension(name).as_deref().and_then(foreign::by_extension) else {
            return Self::Other(None);
        };
        let begin = begin();
        if Format::of(&begin).is_some() && !named.is_raw() {
            return Self::Image;
        }
        Self::Other(foreign::by_content(&begin).or(Some(named)))
    }
}

/// Bytes at the beginning of a file that tell what it is.
const TELLING: u64 = 1024;

/// The first bytes of what is read; fewer where it cannot be read, which is noticed where all of it is read.
pub(crate) fn begin_of(source: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    drop(source.take(TELLING).read_to_end(&mut bytes));
    bytes
}

pub(crate) fn begin_of_file(path: &Path) -> Vec<u8> {
    // A pipe would wait for a writer.
    let file = path.is_file().then(|| fs_err::File::open(path).ok()).flatten();
    file.map(begin_of).unwrap_or_default()
}

/// Whether the name ends as files of images or other known contents do.
pub(crate) fn is_known(name: &[u8]) -> bool {
    is_image(name) || extension(name).is_some_and(|extension| foreign::by_extension(&extension).is_some())
}

/// Whether the name ends as image files do. The content is only looked at when the image is decoded.
pub(crate) fn is_image(name: &[u8]) -> bool {
    EXTENSIONS.iter().any(|extension| has_extension(name, extension))
}

/// The last component of a slash-separated name.
pub(crate) fn base_name(name: &[u8]) -> &[u8] {
    let start = name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
    &name[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions() {
        for name in ["a.jpg", "b/c.JPEG", "x.y.png", "x.TIF", "dir.d/x.webp", "a.gif", "a.JXL"] {
            assert!(is_image(name.as_bytes()), "{name}");
        }
        for name in ["jpg", ".jpg", "a.jpg.txt", "dir.jpg/x", "x.avif", "x."] {
            assert!(!is_image(name.as_bytes()), "{name}");
        }
        assert_eq!(base_name(b"a/b/c.png"), b"c.png");
    }

    #[test]
    fn a_file_called_like_another_format_is_told_by_its_content() {
        let (jpeg, heic) = (b"\xff\xd8\xff\xe0".to_vec(), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec());
        let name = |kind: Kind| match kind {
            Kind::Image => "an image",
            Kind::Other(known) => known.map_or("unknown", |known| known.name),
        };
        let of = |file: &str, begin: &[u8]| name(Kind::of(file.as_bytes(), || begin.to_vec()));
        assert_eq!(of("a.heic", &jpeg), "an image");
        assert_eq!(of("a.HEIC", &heic), "a HEIC image");
        assert_eq!(of("a.avif", &heic), "a HEIC image");
        assert_eq!(of("a.avif", b""), "an AVIF image");
        assert_eq!(of("a.nef", b"II*\0\x08\0\0\0"), "a camera raw image");
        let unread = |file: &str| name(Kind::of(file.as_bytes(), || panic!("{file} was opened")));
        assert_eq!((unread("a.jpg"), unread("notes.md"), unread("a")), ("an image", "unknown", "unknown"));
    }
}
