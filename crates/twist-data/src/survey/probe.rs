//! Format and channels of an image file, from its first bytes.

use crate::decode::{Format, jpeg_xl_channels};

/// Name of the format and kind of channels: `("PNG", "palette")`, `("TIFF", "RGB 16-bit")`.
pub(crate) fn probe(bytes: &[u8]) -> Option<(&'static str, String)> {
    let format = Format::of(bytes)?;
    let channels = match format {
        Format::Jpeg => jpeg(bytes),
        Format::Png => png(bytes),
        Format::WebP => webp(bytes),
        Format::Bmp => bmp(bytes),
        Format::Tiff => tiff(bytes),
        Format::Gif => Some("palette".to_owned()),
        Format::JpegXl => jpeg_xl_channels(bytes).map(|(kind, bits)| with_depth(kind, bits)),
    };
    Some((format.name(), channels.unwrap_or_else(|| "unknown".to_owned())))
}

/// The extension that files of this content have, or `None` for what is not a supported image.
pub fn extension_of(bytes: &[u8]) -> Option<&'static str> {
    Format::of(bytes).map(Format::extension)
}

/// The extension, as [`extension_of`] writes it, that the name of a file has; `None` for what is not one of a supported image.
pub fn extension_of_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "jpe" | "jfif" => "jpg",
        "png" => "png",
        "webp" => "webp",
        "bmp" | "dib" => "bmp",
        "tif" | "tiff" => "tif",
        "gif" => "gif",
        "jxl" => "jxl",
        _ => return None,
    })
}

/// `RGB` for 8 bits per channel, `RGB 16-bit` otherwise.
fn with_depth(kind: &str, bits: u64) -> String {
    if bits == 8 { kind.to_owned() } else { format!("{kind} {bits}-bit") }
}

/// Big-endian number of `length` bytes at `at`.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    Some(bytes.get(at..at.checked_add(length)?)?.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
}

/// Number of `length` bytes in the byte order that a TIFF or BMP uses.
fn ordered(bytes: &[u8], at: usize, length: usize, little: bool) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    let join = |n: u64, &b: &u8| n << 8 | u64::from(b);
    Some(if little { field.iter().rev().fold(0, join) } else { field.iter().fold(0, join) })
}

/// Components of the first frame header (ITU T.81, B.2.2).
fn jpeg(bytes: &[u8]) -> Option<String> {
    let mut at = 2;
    loop {
        // Fill bytes, and bytes that do not belong between segments.
        while *bytes.get(at)? != 0xff || matches!(bytes.get(at + 1)?, 0 | 0xff) {
            at += 1;
        }
        let marker = *bytes.get(at + 1)?;
        let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if is_frame {
            let kind = match number(bytes, at + 9, 1)? {
                1 => "gray",
                3 => "RGB",
                4 => "CMYK",
                _ => return None,
            };
            return Some(with_depth(kind, number(bytes, at + 4, 1)?));
        }
        at += 2 + usize::try_from(number(bytes, at + 2, 2)?).ok()?;
    }
}

/// Colour type and depth of the header chunk (PNG specification, 11.2.1).
fn png(bytes: &[u8]) -> Option<String> {
    let kind = match number(bytes, 25, 1)? {
        0 => "gray",
        2 => "RGB",
        3 => return Some("palette".to_owned()),
        4 => "gray + alpha",
        6 => "RGBA",
        _ => return None,
    };
    Some(with_depth(kind, number(bytes, 24, 1)?))
}

/// The alpha flag of the first chunk (RFC 9649, 2.5 to 2.7).
fn webp(bytes: &[u8]) -> Option<String> {
    let has_alpha = match bytes.get(12..16)? {
        b"VP8X" => bytes.get(20)? & 0x10 != 0,
        b"VP8L" => ordered(bytes, 21, 4, true)? >> 28 & 1 == 1,
        _ => false,
    };
    Some(if has_alpha { "RGBA" } else { "RGB" }.to_owned())
}

/// Bits per pixel.
fn bmp(bytes: &[u8]) -> Option<String> {
    let is_old = ordered(bytes, 14, 4, true)? == 12;
    let bits = ordered(bytes, if is_old { 24 } else { 28 }, 2, true)?;
    Some(if bits <= 8 { "palette" } else { "RGB" }.to_owned())
}

/// Tags 258 (bits), 262 (interpretation), 277 (samples) of the first directory (TIFF 6.0, section 8).
fn tiff(bytes: &[u8]) -> Option<String> {
    let little = bytes.starts_with(b"II");
    // Of a BigTIFF (version 43) most numbers are wider.
    let is_big = ordered(bytes, 2, 2, little)? == 43;
    let (wide, count_bytes, header) = if is_big { (8, 8, 8) } else { (4, 2, 4) };
    let directory =
        usize::try_from(ordered(bytes, header, wide, little)?).ok().filter(|&at| at < bytes.len())?;
    let entries = usize::try_from(ordered(bytes, directory, count_bytes, little)?).ok()?;
    let entry_bytes = 4 + 2 * wide;
    let tag = |wanted: u64| {
        let mut places =
            (0..entries.min(bytes.len() / entry_bytes)).map(|e| directory + count_bytes + entry_bytes * e);
        let at = places.find(|&at| ordered(bytes, at, 2, little) == Some(wanted))?;
        // Short values that fit lie in the entry, more of them where it points to.
        let count = ordered(bytes, at + 4, wide, little)?;
        let value = at + 4 + wide;
        let place = if count > wide as u64 / 2 {
            usize::try_from(ordered(bytes, value, wide, little)?).ok()?
        } else {
            value
        };
        ordered(bytes, place, 2, little)
    };
    let samples = tag(277).unwrap_or(1);
    let kind = match (tag(262)?, samples) {
        (0 | 1, 1) => "gray",
        (0 | 1, _) => "gray + alpha",
        (2 | 6, 3) => "RGB",
        (2 | 6, _) => "RGBA",
        (3, _) => return Some("palette".to_owned()),
        (5, _) => "CMYK",
        _ => return None,
    };
    Some(with_depth(kind, tag(258).unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageBuffer, ImageFormat};

    use super::*;

    fn written(image: &DynamicImage, format: ImageFormat) -> Option<(&'static str, String)> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        probe(bytes.get_ref())
    }

    #[test]
    fn channels_of_written_images() {
        let gray = DynamicImage::ImageLuma8(ImageBuffer::new(9, 7));
        let gray16 = DynamicImage::ImageLuma16(ImageBuffer::new(9, 7));
        let rgb = DynamicImage::ImageRgb8(ImageBuffer::new(9, 7));
        let rgb16 = DynamicImage::ImageRgb16(ImageBuffer::new(9, 7));
        let rgba = DynamicImage::ImageRgba8(ImageBuffer::new(9, 7));
        for (image, format, name, channels) in [
            (&gray, ImageFormat::Jpeg, "JPEG", "gray"),
            (&rgb, ImageFormat::Jpeg, "JPEG", "RGB"),
            (&gray, ImageFormat::Png, "PNG", "gray"),
            (&gray16, ImageFormat::Png, "PNG", "gray 16-bit"),
            (&rgba, ImageFormat::Png, "PNG", "RGBA"),
            (&rgb16, ImageFormat::Tiff, "TIFF", "RGB 16-bit"),
            (&gray, ImageFormat::Tiff, "TIFF", "gray"),
            (&rgba, ImageFormat::Tiff, "TIFF", "RGBA"),
            (&rgb, ImageFormat::Bmp, "BMP", "RGB"),
            (&gray, ImageFormat::Bmp, "BMP", "palette"),
            (&rgb, ImageFormat::WebP, "WebP", "RGB"),
            (&rgba, ImageFormat::WebP, "WebP", "RGBA"),
        ] {
            assert_eq!(written(image, format), Some((name, channels.to_owned())), "{format:?}");
        }
        let files: [(&[u8], &str, &str); 4] = [
            (include_bytes!("../../tests/all/files/indices.gif"), "GIF", "palette"),
            (include_bytes!("../../tests/all/files/gray.jxl"), "JPEG XL", "gray"),
            (include_bytes!("../../tests/all/files/alpha.jxl"), "JPEG XL", "RGBA"),
            (include_bytes!("../../tests/all/files/turned.jxl"), "JPEG XL", "RGB"),
        ];
        for (bytes, name, channels) in files {
            assert_eq!(probe(bytes), Some((name, channels.to_owned())));
        }
        assert_eq!(probe(b"just text"), None);
        assert_eq!(probe(b"\xff\xd8\xff"), Some(("JPEG", "unknown".to_owned())));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64), kind in 0usize..5) {
            let starts: [&[u8]; 5] = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF....WEBP", b"BM", b"II*\0"];
            let bytes = [starts[kind], &bytes].concat();
            probe(&bytes);
        }
    }
}
