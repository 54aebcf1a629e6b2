//! JPEGs as nearly all are, through `zune-jpeg`: fast, and strict about what is missing.

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::{DecodeErrors, UnsupportedSchemes};

use super::damaged;
use crate::decode::DecodeError;

/// A file whose header has been read.
pub(super) struct Whole<'a>(JpegDecoder<ZCursor<&'a [u8]>>);

impl<'a> Whole<'a> {
    /// Reads the header.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let options = DecoderOptions::new_fast()
            .set_strict_mode(true)
            .set_max_width(65_535)
            .set_max_height(65_535)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(explain)?;
        Ok(Self(decoder))
    }

    /// Width and height as stored.
    pub(super) fn size(&self) -> Result<(u32, u32), DecodeError> {
        let info = self.0.info().ok_or_else(|| damaged("no frame header"))?;
        Ok((u32::from(info.width), u32::from(info.height)))
    }

    pub(super) fn orientation(&self) -> Orientation {
        self.0.exif().and_then(|exif| Orientation::from_exif_chunk(exif)).unwrap_or(Orientation::NoTransforms)
    }

    /// Red, green, blue of all pixels.
    pub(super) fn pixels(mut self) -> Result<Vec<u8>, DecodeError> {
        self.0.decode().map_err(explain)
    }
}

fn explain(error: DecodeErrors) -> DecodeError {
    let what = match error {
        DecodeErrors::Unsupported(UnsupportedSchemes::LosslessHuffman) => "lossless coding",
        DecodeErrors::Unsupported(_) => "a rare kind of coding",
        other => return damaged(&format!("{other:?}").replace('"', "")),
    };
    DecodeError::Unsupported { format: "JPEG", what: what.to_owned() }
}
