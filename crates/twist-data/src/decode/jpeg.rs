//! JPEG, through `zune-jpeg`.

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::{DecodeError, DecodeLimits};
use crate::image::Rgb8;

/// The image as stored and how to turn it.
pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<(Rgb8, Orientation), DecodeError> {
    let mut decoder = open(bytes)?;
    let (width, height) = size(&decoder)?;
    limits.check(width, height)?;
    let orientation = orientation(&decoder);
    let pixels = decoder.decode().map_err(explain)?;
    Ok((Rgb8 { width, height, pixels }, orientation))
}

/// The size as stored and how to turn it.
pub(super) fn dimensions(bytes: &[u8]) -> Result<((u32, u32), Orientation), DecodeError> {
    let decoder = open(bytes)?;
    Ok((size(&decoder)?, orientation(&decoder)))
}

/// Reads the header.
fn open(bytes: &[u8]) -> Result<JpegDecoder<ZCursor<&[u8]>>, DecodeError> {
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(65_535)
        .set_max_height(65_535)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(explain)?;
    Ok(decoder)
}

fn size(decoder: &JpegDecoder<ZCursor<&[u8]>>) -> Result<(u32, u32), DecodeError> {
    let info = decoder.info().ok_or_else(|| damaged("no frame header"))?;
    Ok((u32::from(info.width), u32::from(info.height)))
}

fn orientation(decoder: &JpegDecoder<ZCursor<&[u8]>>) -> Orientation {
    decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif)).unwrap_or(Orientation::NoTransforms)
}

fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: "JPEG", reason: reason.to_owned() }
}

fn explain(error: DecodeErrors) -> DecodeError {
    match error {
        DecodeErrors::Unsupported(what) => {
            DecodeError::Unsupported { format: "JPEG", what: format!("{what:?}") }
        }
        other => damaged(&format!("{other:?}")),
    }
}
