//! `augmentation.png`: what the network is trained on, one row for each sample image: the original, then both views
//! of several draws.

use std::io::Write;
use std::path::Path;

use image::imageops::{FilterType, crop_imm, replace, resize};
use image::{GenericImageView, ImageFormat, Rgb, RgbImage};
use twist_data::{Augmenter, Dataset, Decoder, DrawKey, ViewPolicy, draw, overview, pixels};
use twist_model::ModelError;

use super::thumbnails::{drawable, fit};
use crate::EvalError;
use crate::labels::spread;

/// Sample images, draws of each, side of a cell and the gap between cells in pixels.
const ROWS: usize = 8;
const DRAWS: u64 = 4;
const CELL: u32 = 96;
const GAP: u32 = 6;

/// Writes the sheet for the training images `dataset` and the views of the run with this seed.
///
/// # Errors
/// No image can be read, or the disk is full or read-only.
pub(crate) fn write(
    path: &Path,
    dataset: &dyn Dataset,
    views: &[ViewPolicy],
    seed: u64,
    decoder: &mut Decoder,
) -> Result<(), EvalError> {
    let columns = 1 + DRAWS as u32 * views.len() as u32;
    let height_of = |rows: u32| GAP + rows * (CELL + GAP);
    let mut sheet =
        RgbImage::from_pixel(GAP + columns * (CELL + GAP), height_of(ROWS as u32), Rgb([255, 255, 255]));
    let (mut augmenter, mut rows) = (Augmenter::new(), 0);
    for index in spread(dataset.len(), ROWS) {
        // One after another and without copies: an image may take hundreds of megabytes.
        let Ok(original) = pixels(dataset, index as usize, decoder) else { continue };
        let smaller = overview(&original);
        let source = smaller.as_ref().unwrap_or(&original);
        place(&mut sheet, 0, rows, &drawable(source)?);
        for epoch in 0..DRAWS {
            for (view, policy) in (0u32..).zip(views) {
                let key = DrawKey { seed, epoch, sample: u64::from(index), view };
                let mut out = vec![0; (policy.size * policy.size * 3) as usize];
                augmenter.apply(source, policy, &draw(policy, key, source.width, source.height), &mut out);
                if let Some(picture) = RgbImage::from_raw(policy.size, policy.size, out) {
                    place(
                        &mut sheet,
                        1 + epoch as i64 * views.len() as i64 + i64::from(view),
                        rows,
                        &picture,
                    );
                }
            }
        }
        rows += 1;
    }
    if rows == 0 {
        return Err(ModelError::NoFeatures.into());
    }
    let sheet = crop_imm(&sheet, 0, 0, sheet.width(), height_of(rows as u32)).to_image();
    let mut bytes = std::io::Cursor::new(Vec::new());
    sheet.write_to(&mut bytes, ImageFormat::Png)?;
    twist_io::write_atomic(path, |file| file.write_all(bytes.get_ref()))?;
    Ok(())
}

/// Draws `picture` into a cell, centred; small ones are enlarged without smoothing so that their pixels show.
fn place(sheet: &mut RgbImage, column: i64, row: i64, picture: &impl GenericImageView<Pixel = Rgb<u8>>) {
    let (width, height) = fit(picture.width(), picture.height(), CELL);
    let filter = if picture.width() < width { FilterType::Nearest } else { FilterType::Triangle };
    let scaled = resize(picture, width, height, filter);
    let corner = |place: i64, length: u32| {
        i64::from(GAP) + place * i64::from(CELL + GAP) + i64::from((CELL - length) / 2)
    };
    replace(sheet, &scaled, corner(column, width), corner(row, height));
}
