//! One picture of many small tiles: the thumbnails that appear under the pointer on the map.
//!
//! A JPEG of 32 × 32 pixels is mostly header; two thousand of them in one sheet take a third of the room.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::data_uri;
use crate::run::Thumbnail;

/// Tiles are multiples of 16, the block of a JPEG with halved colour, so that none bleeds into its neighbour.
const SMALL_TILE: u32 = 32;
const LARGE_TILE: u32 = 48;
/// Quality of the sheet, of 100.
const QUALITY: u8 = 75;

/// A sheet of tiles, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub(crate) uri: String,
    pub(crate) columns: u32,
    pub(crate) rows: u32,
}

/// Puts `pictures` on a sheet, each centred in its tile; a place without a picture stays gray. `None` without pictures.
pub(crate) fn sheet(pictures: &[Option<&Thumbnail>]) -> Option<Sheet> {
    let largest = pictures.iter().flatten().map(|picture| picture.width.max(picture.height)).max()?;
    let tile = if largest <= SMALL_TILE + 8 { SMALL_TILE } else { LARGE_TILE };
    let columns = (pictures.len() as f64).sqrt().ceil() as u32;
    let rows = (pictures.len() as u32).div_ceil(columns);
    let mut canvas = RgbImage::from_pixel(columns * tile, rows * tile, Rgb([128, 128, 128]));
    for (place, picture) in (0u32..).zip(pictures) {
        let Some(pixels) = picture.and_then(|picture| image::load_from_memory(&picture.bytes).ok()) else {
            continue;
        };
        let pixels = pixels.into_rgb8();
        let scale = f64::from(tile) / f64::from(pixels.width().max(pixels.height()));
        let size = |side: u32| ((f64::from(side) * scale).round() as u32).clamp(1, tile);
        let (width, height) = (size(pixels.width()), size(pixels.height()));
        let fitted = if (width, height) == pixels.dimensions() {
            pixels
        } else {
            imageops::resize(&pixels, width, height, FilterType::Triangle)
        };
        let (left, top) =
            (place % columns * tile + (tile - width) / 2, place / columns * tile + (tile - height) / 2);
        imageops::replace(&mut canvas, &fitted, i64::from(left), i64::from(top));
    }
    let mut bytes = Vec::new();
    canvas.write_with_encoder(JpegEncoder::new_with_quality(Cursor::new(&mut bytes), QUALITY)).ok()?;
    Some(Sheet { uri: data_uri("image/jpeg", &bytes), columns, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_row_by_row() {
        let picture = |gray: u8| {
            let pixels = RgbImage::from_pixel(20, 10, Rgb([gray; 3]));
            let mut bytes = Vec::new();
            pixels.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
            Thumbnail { bytes: bytes.into(), mime: "image/png", width: 20, height: 10 }
        };
        let (dark, light) = (picture(10), picture(240));
        let sheet = sheet(&[Some(&dark), None, Some(&light)]).unwrap();
        assert_eq!((sheet.columns, sheet.rows), (2, 2));
        let encoded = sheet.uri.strip_prefix("data:image/jpeg;base64,").unwrap();
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
        let pixels = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(pixels.dimensions(), (64, 64));
        assert!(pixels[(16, 16)][0] < 30 && pixels[(16, 48)][0] > 220);
        assert!((110..=146).contains(&pixels[(48, 16)][0]));
    }

    #[test]
    fn no_pictures_make_no_sheet() {
        assert!(sheet(&[]).is_none() && sheet(&[None, None]).is_none());
    }
}
