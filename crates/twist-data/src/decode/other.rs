//! PNG, WebP, BMP and TIFF, through the `image` crate.

use std::io::Cursor;

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{DecodeError, DecodeLimits, from_dynamic, name_of};
use crate::image::Rgb8;

/// The image as stored and how to turn it.
pub(super) fn decode(
    bytes: &[u8],
    format: ImageFormat,
    limits: &DecodeLimits,
) -> Result<(Rgb8, Orientation), DecodeError> {
    let mut decoder = open(bytes, format, limits.max_pixels)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(|e| explain(e, format))?;
    Ok((from_dynamic(image), orientation))
}

/// The size as stored and how to turn it.
pub(super) fn dimensions(
    bytes: &[u8],
    format: ImageFormat,
) -> Result<((u32, u32), Orientation), DecodeError> {
    let mut decoder = open(bytes, format, u64::MAX)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((decoder.dimensions(), orientation))
}

/// Reads the header. Memory is limited beside the number of pixels, because a header may also lie about what surrounds
/// them (compressed text, tables): 8 bytes for each allowed pixel, the widest that is decoded, and 16 MiB for the rest.
fn open(bytes: &[u8], format: ImageFormat, max_pixels: u64) -> Result<impl ImageDecoder + '_, DecodeError> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(max_pixels.saturating_mul(8).saturating_add(16 << 20));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    reader.into_decoder().map_err(|e| explain(e, format))
}

/// Our error for the `image` crate's.
fn explain(error: ImageError, format: ImageFormat) -> DecodeError {
    let format = name_of(format);
    match error {
        ImageError::Unsupported(unsupported) => {
            DecodeError::Unsupported { format, what: unsupported.to_string() }
        }
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::InsufficientMemory => {
            DecodeError::Damaged {
                format,
                reason: "it asks for more memory than its pixels can need".to_owned(),
            }
        }
        other => DecodeError::Damaged { format, reason: other.to_string() },
    }
}
