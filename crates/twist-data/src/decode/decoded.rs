//! An image as its file stores it, and how it is turned.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use super::note::DecodeNote;
use crate::image::Rgb8;

/// An image as its file stores it.
pub(super) struct Decoded {
    pub(super) image: Rgb8,
    pub(super) orientation: Orientation,
    pub(super) note: Option<DecodeNote>,
}

/// Whether width and height change places.
pub(super) fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

/// Turns and mirrors the image as its EXIF orientation asks.
pub(super) fn upright(image: Rgb8, orientation: Orientation) -> Rgb8 {
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
pub(super) fn from_dynamic(image: DynamicImage) -> Rgb8 {
    let buffer = image.into_rgb8();
    Rgb8 { width: buffer.width(), height: buffer.height(), pixels: buffer.into_raw() }
}
