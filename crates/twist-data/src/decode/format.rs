//! The formats that are decoded, by their first bytes.

use std::fmt;

/// A format of image files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Png,
    WebP,
    Bmp,
    Tiff,
    Gif,
    JpegXl,
}

/// All formats as a sentence names them.
pub(crate) const NAMES: &str = "JPEG, PNG, WebP, BMP, TIFF, GIF, JPEG XL";

impl Format {
    /// The format that the first bytes belong to, if it is one that is decoded.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        Some(match bytes {
            // There may be stray bytes before the first segment, as between any two.
            _ if starts(b"\xff\xd8") => Self::Jpeg,
            _ if starts(b"\x89PNG\r\n\x1a\n") => Self::Png,
            _ if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => Self::WebP,
            _ if starts(b"BM") => Self::Bmp,
            _ if starts(b"II*\0") || starts(b"MM\0*") => Self::Tiff,
            // BigTIFF.
            _ if starts(b"II+\0\x08\0\0\0") || starts(b"MM\0+\0\x08\0\0") => Self::Tiff,
            _ if starts(b"GIF87a") || starts(b"GIF89a") => Self::Gif,
            _ if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL \r\n\x87\n") => Self::JpegXl,
            _ => return None,
        })
    }

    /// The extension that files of this format have.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tif",
            Self::Gif => "gif",
            Self::JpegXl => "jxl",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Gif => "GIF",
            Self::JpegXl => "JPEG XL",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_named_in_the_sentence() {
        use Format::{Bmp, Gif, Jpeg, JpegXl, Png, Tiff, WebP};
        let all = [Jpeg, Png, WebP, Bmp, Tiff, Gif, JpegXl];
        assert_eq!(all.map(Format::name).join(", "), NAMES);
    }

    #[test]
    fn contents_have_one_format() {
        for (bytes, format) in [
            (&b"\xff\xd8\xff\xe0"[..], Some(Format::Jpeg)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(Format::WebP)),
            (b"RIFF\x10\0\0\0AVI LIST", None),
            (b"MM\0+\0\x08\0\0", Some(Format::Tiff)),
            (b"GIF89a", Some(Format::Gif)),
            (b"\xff\x0a\xfa\x1f", Some(Format::JpegXl)),
            (b"\0\0\0\x0cJXL \r\n\x87\n\0", Some(Format::JpegXl)),
            (b"", None),
        ] {
            assert_eq!(Format::of(bytes), format, "{}", bytes.escape_ascii());
        }
    }
}
