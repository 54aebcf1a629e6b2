//! Which file names are taken for images before any file is opened.

/// Extensions of the formats that are decoded, in lower case.
const EXTENSIONS: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "tif", "tiff"];

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
        for name in ["a.jpg", "b/c.JPEG", "x.y.png", "x.TIF", "dir.d/x.webp"] {
            assert!(is_image(name.as_bytes()), "{name}");
        }
        for name in ["jpg", ".jpg", "a.jpg.txt", "dir.jpg/x", "x.gif", "x."] {
            assert!(!is_image(name.as_bytes()), "{name}");
        }
        assert_eq!(base_name(b"a/b/c.png"), b"c.png");
    }
}
