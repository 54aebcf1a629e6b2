//! Bytes of an image file to [`Rgb8`], by content: names and extensions are never looked at.
//!
//! Everything becomes 8-bit RGB as Pillow's `convert("RGB")` makes it: gray is repeated, palettes are looked up, alpha is
//! dropped, CMYK is multiplied out. Two things differ on purpose: deeper samples are scaled by the rule in `samples` (Pillow
//! clips them), and the EXIF orientation is applied. A file that is cut off is an error, because decoders fill the missing
//! part with gray, and a network would learn from it. What is odd and loses no pixel is read, with a [`DecodeNote`].
//!
//! What an image costs is computed from its header and compared with [`DecodeLimits`] before memory is asked for: a file of
//! two kilobytes may promise gigabytes.
//!
//! JPEGs are always decoded whole and at full size. Entropy decoding takes more than 60 % of the time for a JPEG of
//! 500 × 375 pixels. A scaled or partial decode must do it too, and a random crop is rarely twice the size of its view, where
//! scaling would begin. So crops are exact (of images that a recipe does not have [reduced](crate::reduced) first). No libjpeg
//! with its build tools is needed: `zune-jpeg` takes as long as libjpeg-turbo for large images and less for small ones.

mod decoded;
mod error;
mod format;
mod limits;
mod note;

mod gif;
mod jpeg;
mod jpeg_xl;
mod plain;
mod png;
mod tiff;

mod samples;

use self::decoded::{Decoded, swaps_sides, upright};
pub use self::error::DecodeError;
pub(crate) use self::format::Format;
pub(crate) use self::jpeg_xl::channels as jpeg_xl_channels;
pub use self::limits::DecodeLimits;
pub(crate) use self::limits::MAX_FILE_BYTES;
pub use self::note::DecodeNote;
use crate::foreign;
use crate::image::Rgb8;

/// Decodes images, one after another.
///
/// ```
/// use twist_data::{DecodeLimits, Decoder};
///
/// let bmp_of_one_blue_pixel = [
///     b'B', b'M', 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, 0, 0, 0, 0,
///     4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0,
/// ];
/// let image = Decoder::new(DecodeLimits::default()).decode(&bmp_of_one_blue_pixel).unwrap();
/// assert_eq!((image.width, image.height, image.pixel(0, 0)), (1, 1, [0, 0, 255]));
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    limits: DecodeLimits,
}

impl Decoder {
    /// A decoder that refuses images beyond the limits.
    pub fn new(limits: DecodeLimits) -> Self {
        Self { limits }
    }

    /// The whole image, upright.
    ///
    /// # Errors
    /// When the bytes are not an image of a supported format, damaged, cut off, or beyond the limits.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Rgb8, DecodeError> {
        self.decode_noted(bytes).map(|(image, _)| image)
    }

    /// As [`Decoder::decode`], with what is odd about the file.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_noted(&mut self, bytes: &[u8]) -> Result<(Rgb8, Option<DecodeNote>), DecodeError> {
        let format = format_of(bytes)?;
        let limits = &self.limits;
        let Decoded { image, orientation, note } = guarded(format, || match format {
            Format::Jpeg => jpeg::decode(bytes, limits),
            Format::Png => png::decode(bytes, limits),
            Format::Tiff => tiff::decode(bytes, limits),
            Format::Gif => gif::decode(bytes, limits),
            Format::JpegXl => jpeg_xl::decode(bytes, limits),
            Format::WebP | Format::Bmp => plain::decode(bytes, format, limits),
        })?;
        if swaps_sides(orientation) {
            limits.check_bytes((image.width, image.height), 2 * 3, bytes.len() as u64)?;
        }
        Ok((upright(image, orientation), note))
    }

    /// Width and height of the upright image, from the header alone.
    ///
    /// # Errors
    /// As [`Decoder::decode`], except for damage that lies behind the header.
    pub fn dimensions(&mut self, bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
        let format = format_of(bytes)?;
        let limits = &self.limits;
        let ((width, height), orientation) = guarded(format, || match format {
            Format::Jpeg => jpeg::dimensions(bytes),
            Format::Png => png::dimensions(bytes, limits),
            Format::Tiff => tiff::dimensions(bytes, limits),
            Format::Gif => gif::dimensions(bytes, limits),
            Format::JpegXl => jpeg_xl::dimensions(bytes, limits),
            Format::WebP | Format::Bmp => plain::dimensions(bytes, format, limits),
        })?;
        limits.check_size(width, height)?;
        Ok(if swaps_sides(orientation) { (height, width) } else { (width, height) })
    }
}

/// Runs a decoder, and makes an error of a panic in it: one defect in a dependency that one file in a million brings to
/// light must not end a run of days. Each image gets a new decoder, so no broken state survives.
fn guarded<T>(format: Format, decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(DecodeError::Damaged {
            format: format.name(),
            reason: "its decoder panicked, as printed above".to_owned(),
        })
    })
}

/// The format, or what the bytes are instead.
fn format_of(bytes: &[u8]) -> Result<Format, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    Format::of(bytes).ok_or_else(|| match foreign::by_content(bytes) {
        Some(kind) => DecodeError::OtherFormat { name: kind.name, remedy: kind.remedy },
        None => DecodeError::UnknownFormat { start: bytes[..bytes.len().min(16)].escape_ascii().to_string() },
    })
}
