//! Bytes of an image file to [`Rgb8`], by content: names and extensions are never looked at.
//!
//! Everything becomes 8-bit RGB as Pillow's `convert("RGB")` makes it: gray is repeated, palettes are looked up, alpha is
//! dropped, CMYK is multiplied out. Two things differ on purpose: 16-bit values are scaled (Pillow clips them), and the
//! EXIF orientation is applied. A file that is cut off is an error, because decoders fill the missing part with gray,
//! and a network would learn from it.
//!
//! JPEGs are always decoded whole and at full size. Of the time for a JPEG of 500 × 375 pixels, more than 60 % is entropy
//! decoding, which neither a scaled nor a partial decode can leave out, and a random crop rarely is twice the size of its
//! view, where scaling would begin. So crops are exact (of images that a
//! recipe does not have [reduced](crate::reduced) first), and no libjpeg with its build tools is needed: `zune-jpeg` takes
//! as long as libjpeg-turbo for large images and less for small ones.

mod error;
mod jpeg;
mod other;

pub use error::DecodeError;

use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, RgbImage};

use crate::image::Rgb8;

/// What a decoder may spend on one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most pixels of one image. A header that promises more is refused before memory for it is asked for.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    /// 2^27 ≈ 134 million pixels (a square of 11,585): any camera's image, and at most 400 MB in memory.
    fn default() -> Self {
        Self { max_pixels: 1 << 27 }
    }
}

impl DecodeLimits {
    /// Refuses an image of this size if it is too large or has no pixels.
    fn check(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            return Err(DecodeError::NoPixels { width, height });
        }
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(DecodeError::TooLarge { width, height, max_pixels: self.max_pixels });
        }
        Ok(())
    }
}

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
    /// When the bytes are no image of a supported format, damaged, cut off, or beyond the limits.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Rgb8, DecodeError> {
        let format = format_of(bytes)?;
        let (image, orientation) = guarded(format, || match format {
            ImageFormat::Jpeg => jpeg::decode(bytes, &self.limits),
            _ => other::decode(bytes, format, &self.limits),
        })?;
        Ok(upright(image, orientation))
    }

    /// Width and height of the upright image, from the header alone.
    ///
    /// # Errors
    /// As [`Decoder::decode`], except for damage that lies behind the header.
    pub fn dimensions(&mut self, bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
        let format = format_of(bytes)?;
        let ((width, height), orientation) = guarded(format, || match format {
            ImageFormat::Jpeg => jpeg::dimensions(bytes),
            _ => other::dimensions(bytes, format),
        })?;
        self.limits.check(width, height)?;
        Ok(if swaps_sides(orientation) { (height, width) } else { (width, height) })
    }
}

/// Runs a decoder, and makes an error of a panic in it: one defect in a dependency that one file in a million brings to
/// light must not end a run of days. Decoders are made anew for each image, so nothing broken survives.
fn guarded<T>(
    format: ImageFormat,
    decode: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(DecodeError::Damaged {
            format: name_of(format),
            reason: "its decoder panicked, as printed above".to_owned(),
        })
    })
}

/// The format that the first bytes belong to.
fn format_of(bytes: &[u8]) -> Result<ImageFormat, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Jpeg
            | ImageFormat::Png
            | ImageFormat::WebP
            | ImageFormat::Bmp
            | ImageFormat::Tiff),
        ) => Ok(format),
        _ => Err(DecodeError::UnknownFormat {
            start: format!("{:?}", bytes[..bytes.len().min(8)].escape_ascii().to_string()),
        }),
    }
}

/// Name of a supported format, for messages.
fn name_of(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        _ => "TIFF",
    }
}

/// Whether width and height change places.
fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

/// Turns and mirrors the image as its EXIF orientation asks.
fn upright(image: Rgb8, orientation: Orientation) -> Rgb8 {
    if orientation == Orientation::NoTransforms {
        return image;
    }
    let Rgb8 { width, height, pixels } = image;
    let Some(buffer) = RgbImage::from_raw(width, height, pixels) else {
        return Rgb8::default();
    };
    let mut image = DynamicImage::ImageRgb8(buffer);
    image.apply_orientation(orientation);
    from_dynamic(image)
}

/// 8-bit RGB of any image: alpha dropped, gray repeated, 16-bit values divided by 257 and rounded.
fn from_dynamic(image: DynamicImage) -> Rgb8 {
    let buffer = image.into_rgb8();
    Rgb8 { width: buffer.width(), height: buffer.height(), pixels: buffer.into_raw() }
}
