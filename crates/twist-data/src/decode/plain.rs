//! WebP and BMP, through the `image` crate.

use std::io::Cursor;

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::decoded::{Decoded, from_dynamic};
use super::{DecodeError, DecodeLimits, DecodeNote, Format};

/// Bytes for each pixel: what the decoder works with, what it returns, and 8-bit RGB.
const EACH: u64 = 4 + 4 + 3;

/// Bytes that a file may need beside them, for tables and metadata.
const REST: u64 = 16 << 20;

/// The image as stored and how to turn it.
pub(super) fn decode(bytes: &[u8], format: Format, limits: &DecodeLimits) -> Result<Decoded, DecodeError> {
    if format == Format::WebP && is_cut_off(bytes) {
        let reason = "its data ends early".to_owned();
        return Err(DecodeError::Damaged { format: format.name(), reason });
    }
    let mut decoder = open(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    limits.check_bytes((width, height), EACH, bytes.len() as u64)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(|e| explain(e, format))?;
    // The flag for an animation in the header of an extended WebP (RFC 9649, 2.7).
    let moves = format == Format::WebP
        && bytes.get(12..16) == Some(b"VP8X")
        && bytes.get(20).is_some_and(|flags| flags & 2 != 0);
    Ok(Decoded { image: from_dynamic(image), orientation, note: moves.then_some(DecodeNote::FRAMES) })
}

/// The size as stored and how to turn it.
pub(super) fn dimensions(
    bytes: &[u8],
    format: Format,
    limits: &DecodeLimits,
) -> Result<((u32, u32), Orientation), DecodeError> {
    let mut decoder = open(bytes, format, limits)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((decoder.dimensions(), orientation))
}

/// Whether the file is shorter than it says. The decoder stops behind the first picture of an animation and would not notice; libwebp
/// refuses such files, too.
fn is_cut_off(bytes: &[u8]) -> bool {
    let said = bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
    (bytes.len() as u64) < 8 + u64::from(said)
}

/// Reads the header. Memory is limited beside the number of pixels, because a header may also be wrong about what surrounds
/// them.
fn open<'a>(
    bytes: &'a [u8],
    format: Format,
    limits: &DecodeLimits,
) -> Result<impl ImageDecoder + 'a, DecodeError> {
    let mut memory = Limits::no_limits();
    memory.max_alloc =
        Some(limits.max_bytes.min(limits.max_pixels.saturating_mul(EACH).saturating_add(REST)));
    let library = if format == Format::WebP { ImageFormat::WebP } else { ImageFormat::Bmp };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), library);
    reader.limits(memory);
    reader.into_decoder().map_err(|e| explain(e, format))
}

/// Our error for the `image` crate's.
fn explain(error: ImageError, format: Format) -> DecodeError {
    let format = format.name();
    match error {
        ImageError::Unsupported(_) => {
            DecodeError::Unsupported { format, what: "a rare kind of coding".to_owned() }
        }
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::InsufficientMemory => {
            DecodeError::Damaged {
                format,
                reason: "it asks for more memory than its pixels can need".to_owned(),
            }
        }
        other => DecodeError::Damaged { format, reason: other.to_string().trim().to_owned() },
    }
}
