//! Files that are not read here: what they are, by their first bytes or else by their extension, and what to do with them.

/// A kind of file that people keep among their images.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// What it is, with its article.
    pub(crate) name: &'static str,
    /// Extensions in lower case; none where only the content tells.
    extensions: &'static [&'static str],
    /// What to do, with a command that does it.
    pub(crate) remedy: &'static str,
}

/// Declares the kinds and the list of them all: what one is called, its extensions, and what to do.
macro_rules! kinds {
    ($($kind:ident = $name:literal, $extensions:expr, $remedy:literal;)*) => {
        $(const $kind: Foreign = Foreign { name: $name, extensions: &$extensions, remedy: $remedy };)*
        const ALL: &[&Foreign] = &[$(&$kind),*];
    };
}

kinds! {
    HEIC = "a HEIC image", ["heic", "heif", "hif"],
        "convert it, for example with `heif-convert FILE FILE.jpg` or `magick mogrify -format jpg FILE`";
    AVIF = "an AVIF image", ["avif", "avifs"],
        "convert it, for example with `avifdec FILE FILE.png` or `magick mogrify -format png FILE`";
    JPEG_2000 = "a JPEG 2000 image", ["jp2", "j2k", "j2c", "jpf", "jpx"],
        "convert it, for example with `magick mogrify -format png FILE`";
    PHOTOSHOP = "a Photoshop document", ["psd", "psb"],
        "convert it, for example with `magick 'FILE[0]' FILE.png`";
    RAW = "a camera raw image", ["cr2", "cr3", "nef", "arw", "dng", "raf", "orf", "rw2", "pef", "srw"],
        "develop it, for example with `darktable-cli FILE FILE.jpg`";
    PORTABLE = "a PNM image", ["pnm", "pbm", "pgm", "ppm", "pam"],
        "convert it, for example with `magick mogrify -format png FILE`";
    HIGH_RANGE = "an image with high dynamic range", ["exr", "hdr"],
        "convert it to 8 bits with a tone mapping of your choice";
    OTHER_IMAGE = "an image of an unsupported format", ["ico", "cur", "tga", "dds", "qoi", "pcx", "xbm", "xpm", "jxr", "wdp"],
        "convert it, for example with `magick mogrify -format png FILE`";
    DICOM = "a DICOM image", ["dcm", "dicom"],
        "convert it with the window that you look at, for example with `dcmj2pnm +on +Wm FILE FILE.png`";
    VECTOR = "an SVG drawing", ["svg", "svgz"],
        "render it, for example with `rsvg-convert FILE -o FILE.png`";
    PDF = "a PDF document", ["pdf"], "render its pages, for example with `pdftoppm -png FILE FILE`";
    VIDEO = "a video", ["mp4", "mov", "m4v", "avi", "mkv", "webm", "mpg"],
        "take images out of it, for example one a second with `ffmpeg -i FILE -vf fps=1 frame-%05d.jpg`";
    LFS = "a pointer of git-lfs", [], "fetch the image that it stands for with `git lfs pull`";
    HTML = "an HTML page", [],
        "a server answered with a page instead of the image; download the image again";
    XML = "an XML text", [],
        "a server answered with a message instead of the image; download the image again";
    APPLE_DOUBLE = "a macOS resource file", [],
        "it belongs to the image whose name lacks the first two characters; remove it";
    GZIP = "an archive compressed with gzip", ["gz", "tgz"],
        "unpack it with `tar xf FILE` (a single file with `gunzip FILE`) and give what comes out";
    XZ = "an archive compressed with xz", ["xz", "txz"],
        "unpack it with `tar xf FILE` (a single file with `unxz FILE`) and give what comes out";
    ZSTD = "an archive compressed with zstd", ["zst", "tzst"],
        "unpack it with `tar --zstd -xf FILE` (a single file with `unzstd FILE`) and give what comes out";
    BZIP2 = "an archive compressed with bzip2", ["bz2", "tbz", "tbz2"],
        "unpack it with `tar xf FILE` (a single file with `bunzip2 FILE`) and give what comes out";
    ZIP = "a ZIP archive", ["zip"], "give it as DATA by itself, under a name that ends in .zip; or unpack it with `unzip FILE`";
    LMDB = "an LMDB database", ["mdb", "lmdb"],
        "write its images into files or a tar archive (docs/data.md has a script), and give those";
    SEVEN_ZIP = "a 7z archive", ["7z"], "unpack it with `7z x FILE` and give the folder that comes out";
    RAR = "a RAR archive", ["rar"], "unpack it with `unrar x FILE` and give the folder that comes out";
    ZEROS = "a file of zeros", [], "a copy or download was interrupted; copy the image again";
}

impl Foreign {
    /// Whether it is an image as the sensor of a camera saw it.
    pub(crate) fn is_raw(&self) -> bool {
        *self == RAW
    }
}

/// The kind with this extension, which is given in lower case.
pub(crate) fn by_extension(extension: &str) -> Option<&'static Foreign> {
    ALL.iter().copied().find(|kind| kind.extensions.contains(&extension))
}

/// The kind that begins with these bytes.
pub(crate) fn by_content(bytes: &[u8]) -> Option<&'static Foreign> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.get(4..8) == Some(b"ftyp") {
        return brand(bytes);
    }
    Some(match bytes {
        _ if starts(b"\0\0\0\x0cjP  \r\n\x87\n") || starts(b"\xff\x4f\xff\x51") => &JPEG_2000,
        _ if starts(b"8BPS") => &PHOTOSHOP,
        _ if starts(b"\x76\x2f\x31\x01") || starts(b"#?RADIANCE") => &HIGH_RANGE,
        _ if starts(b"\0\0\x01\0") || starts(b"DDS ") || starts(b"qoif") || starts(b"II\xbc\x01") => {
            &OTHER_IMAGE
        }
        [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..] => &PORTABLE,
        _ if bytes.get(128..132) == Some(b"DICM") => &DICOM,
        _ if starts(b"%PDF") => &PDF,
        _ if starts(b"\x1a\x45\xdf\xa3") || (starts(b"RIFF") && bytes.get(8..12) == Some(b"AVI ")) => &VIDEO,
        _ if starts(b"version https://git-lfs") => &LFS,
        _ if starts(b"\0\x05\x16\x07") => &APPLE_DOUBLE,
        _ if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") => &ZIP,
        _ if starts(b"\x1f\x8b") => &GZIP,
        _ if starts(b"\xfd7zXZ\0") => &XZ,
        _ if starts(b"\x28\xb5\x2f\xfd") => &ZSTD,
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] => &BZIP2,
        _ if starts(b"7z\xbc\xaf\x27\x1c") => &SEVEN_ZIP,
        _ if starts(b"Rar!\x1a\x07") => &RAR,
        // The first page: 16 bytes of its own, then the magic number in the order of the machine.
        _ if matches!(bytes.get(16..20), Some(b"\xde\xc0\xef\xbe" | b"\xbe\xef\xc0\xde")) => &LMDB,
        [_, ..] if bytes.iter().take(512).all(|&byte| byte == 0) => &ZEROS,
        _ => return markup(bytes),
    })
}

/// The kind of a file in ISO's base media format, by its major brand.
fn brand(bytes: &[u8]) -> Option<&'static Foreign> {
    Some(match bytes.get(8..12)? {
        b"avif" | b"avis" => &AVIF,
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"hevm" | b"hevs" => &HEIC,
        // Any codec; which one, the compatible brands say.
        b"mif1" | b"msf1" => match bytes.get(16..bytes.len().min(64)) {
            Some(others) if others.chunks_exact(4).any(|other| other == b"avif") => &AVIF,
            _ => &HEIC,
        },
        b"crx " => &RAW,
        _ => &VIDEO,
    })
}

/// The kind of a text in angle brackets.
fn markup(bytes: &[u8]) -> Option<&'static Foreign> {
    let text = &bytes[..bytes.len().min(1024)];
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start().to_ascii_lowercase();
    let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
    Some(match text.as_slice() {
        [b'<', ..] if has(b"<html") || has(b"<!doctype html") || has(b"<head") => &HTML,
        [b'<', ..] if has(b"<svg") => &VECTOR,
        [b'<', ..] if text.starts_with(b"<?xml") || text.starts_with(b"<error") => &XML,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LMDB_BEGIN: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\xde\xc0\xef\xbe\x01\0\0\0";

    #[test]
    fn contents_are_told_apart() {
        let cases: [(&[u8], &Foreign); 19] = [
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", &HEIC),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", &HEIC),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", &AVIF),
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", &AVIF),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01", &RAW),
            (b"\0\0\0\x18ftypisom", &VIDEO),
            (LMDB_BEGIN, &LMDB),
            (b"P6\n2 2\n255\n", &PORTABLE),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:", &LFS),
            (b"\n <!DOCTYPE HTML PUBLIC><html>", &HTML),
            (b"\xef\xbb\xbf<html><body>", &HTML),
            (b"<?xml version=\"1.0\"?><svg xmlns=", &VECTOR),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", &XML),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", &ZEROS),
            (b"PK\x03\x04\x14\0", &ZIP),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &GZIP),
            (b"\xfd7zXZ\0\0\x04", &XZ),
            (b"\x28\xb5\x2f\xfd\x04", &ZSTD),
            (b"BZh91AY&SY", &BZIP2),
        ];
        for (bytes, kind) in cases {
            assert_eq!(by_content(bytes), Some(kind), "{}", bytes.escape_ascii());
        }
        for bytes in [&b"hello"[..], b"ftyp", b"\0\0\0\x18ftyp", b"\xff\xd8\xff", b"<", b"P6"] {
            assert_eq!(by_content(bytes), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn extensions_have_one_kind() {
        let all: Vec<&str> = ALL.iter().flat_map(|kind| kind.extensions).copied().collect();
        assert_eq!(by_extension("heic"), Some(&HEIC));
        assert_eq!(by_extension("jpg"), None);
        assert!(all.iter().all(|e| all.iter().filter(|other| *other == e).count() == 1), "{all:?}");
    }
}
