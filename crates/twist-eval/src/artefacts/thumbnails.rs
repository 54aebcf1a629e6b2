//! `thumbnails.tar`: small pictures for the report, `{index:08}.png` or `.jpg`.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};
use twist_data::{Dataset, DecodeLimits, Decoder, Rgb8, Stored};

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
                    let Some(image) = pixels(dataset, index as usize, decoder) else { continue };
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
pub(crate) fn run_thumbnail(Rgb8 { width, height, pixels }: Rgb8) -> Option<(Vec<u8>, &'static str)> {
    encode(&RgbImage::from_raw(width, height, pixels)?, SIDE).ok()
}

/// The image as 8-bit RGB, if it can be read.
pub(super) fn pixels(dataset: &dyn Dataset, index: usize, decoder: &mut Decoder) -> Option<RgbImage> {
    let Rgb8 { width, height, pixels } = match dataset.read(index).ok()? {
        Stored::Pixels(pixels) => Arc::unwrap_or_clone(pixels),
        Stored::Encoded(bytes) => decoder.decode(&bytes).ok()?,
    };
    RgbImage::from_raw(width, height, pixels)
}

/// Image `index` as a PNG or JPEG file whose longer side is at most `side` pixels, if it can be read.
pub fn thumbnail(dataset: &dyn Dataset, index: usize, side: u32) -> Option<Vec<u8>> {
    let image = pixels(dataset, index, &mut Decoder::new(DecodeLimits::default()))?;
    encode(&image, side).ok().map(|(bytes, _)| bytes)
}

/// Shrinks to at most `side`; small images stay lossless.
fn encode(image: &RgbImage, side: u32) -> Result<(Vec<u8>, &'static str), image::ImageError> {
    let (width, height) = image.dimensions();
    let mut bytes = Cursor::new(Vec::new());
    if width.max(height) <= side {
        image.write_to(&mut bytes, ImageFormat::Png)?;
        return Ok((bytes.into_inner(), "png"));
    }
    let (width, height) = fit(width, height, side);
    let small = resize(image, width, height, FilterType::Triangle);
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).write_image(
        &small,
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok((bytes.into_inner(), "jpg"))
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
        let small = RgbImage::from_fn(32, 20, |x, y| image::Rgb([x as u8, y as u8, 7]));
        let (bytes, extension) = encode(&small, SIDE).unwrap();
        assert_eq!((extension, image::load_from_memory(&bytes).unwrap().into_rgb8()), ("png", small));
        let (bytes, extension) = encode(&RgbImage::new(400, 100), SIDE).unwrap();
        let large = image::load_from_memory(&bytes).unwrap();
        assert_eq!((extension, large.width(), large.height()), ("jpg", 96, 24));
        assert_eq!(fit(5_000, 1, 96), (96, 1));
    }
}
