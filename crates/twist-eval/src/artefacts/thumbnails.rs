//! `thumbnails.tar`: small pictures for the report, `{index:08}.png` or `.jpg`.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::error::{ParameterError, ParameterErrorKind};
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, ImageError, ImageFormat, ImageResult, Rgb};
use twist_data::{Dataset, Decoder, Rgb8, overview, pixels};

use crate::EvalError;
use crate::crops::Crops;

/// Longer side in pixels.
const SIDE: u32 = 96;
/// JPEG quality of what had to be shrunk.
const QUALITY: u8 = 85;

/// Writes thumbnails of the images `indices`; those that cannot be read are left out.
///
/// # Errors
/// The disk is full or read-only.
pub(crate) fn write(
    path: &Path,
    indices: &[u32],
    dataset: &dyn Dataset,
    decoder: &mut Decoder,
    crops: Option<&Crops>,
) -> Result<(), EvalError> {
    twist_io::write_atomic(path, |file| {
        let mut archive = tar::Builder::new(file);
        for &index in indices {
            let made = crops.and_then(|crops| crops.thumbnail(dataset, index as usize)).cloned();
            let (bytes, extension) = match made {
                Some(made) => made,
                None => {
                    let Ok(image) = pixels(dataset, index as usize, decoder) else { continue };
                    encode(&image, SIDE).map_err(std::io::Error::other)?
                }
            };
            let mut header = tar::Header::new_gnu(); // no owner, no time: equal images give equal archives
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, format!("{index:08}.{extension}"), bytes.as_slice())?;
        }
        archive.finish()
    })?;
    Ok(())
}

/// What [`write`] writes of an image: the file and its extension.
pub(crate) fn run_thumbnail(image: &Rgb8) -> Option<(Vec<u8>, &'static str)> {
    encode(image, SIDE).ok()
}

/// Image `index` as a PNG or JPEG file whose longer side is at most `side` pixels, if it can be read.
pub fn thumbnail(dataset: &dyn Dataset, index: usize, side: u32) -> Option<Vec<u8>> {
    let image = pixels(dataset, index, &mut Decoder::default()).ok()?;
    encode(&image, side).ok().map(|(bytes, _)| bytes)
}

/// Shrinks to at most `side`; small images stay lossless.
fn encode(image: &Rgb8, side: u32) -> ImageResult<(Vec<u8>, &'static str)> {
    let smaller = overview(image);
    let image = drawable(smaller.as_ref().unwrap_or(image))?;
    let (width, height) = image.dimensions();
    let mut bytes = Cursor::new(Vec::new());
    if width.max(height) <= side {
        image.write_to(&mut bytes, ImageFormat::Png)?;
        return Ok((bytes.into_inner(), "png"));
    }
    let (width, height) = fit(width, height, side);
    let small = resize(&image, width, height, FilterType::Triangle);
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).write_image(
        &small,
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok((bytes.into_inner(), "jpg"))
}

/// The image as the drawing functions take it, without a copy.
pub(super) fn drawable(image: &Rgb8) -> ImageResult<ImageBuffer<Rgb<u8>, &[u8]>> {
    let wrong = || ImageError::Parameter(ParameterError::from_kind(ParameterErrorKind::DimensionMismatch));
    ImageBuffer::from_raw(image.width, image.height, image.pixels.as_slice()).ok_or_else(wrong)
}

/// The largest size of the same proportions whose longer side is `side`, at least 1 pixel each way.
pub(super) fn fit(width: u32, height: u32, side: u32) -> (u32, u32) {
    let scale = f64::from(side) / f64::from(width.max(height).max(1));
    let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_stay_as_they_are_and_large_ones_shrink() {
        let blank = |width: u32, height: u32| {
            let pixels = (0..3 * width * height).map(|at| at as u8).collect();
            Rgb8::new(width, height, pixels).unwrap()
        };
        let small = blank(32, 20);
        let (bytes, extension) = encode(&small, SIDE).unwrap();
        let again = image::load_from_memory(&bytes).unwrap().into_rgb8().into_raw();
        assert_eq!((extension, again), ("png", small.pixels));
        let (bytes, extension) = encode(&blank(400, 100), SIDE).unwrap();
        let large = image::load_from_memory(&bytes).unwrap();
        assert_eq!((extension, large.width(), large.height()), ("jpg", 96, 24));
        assert_eq!(fit(5_000, 1, 96), (96, 1));
    }
}
