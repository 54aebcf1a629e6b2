//! How far two pictures are apart, pixel by pixel.

use image::RgbImage;
use image::imageops::{self, FilterType};

/// Side at which they are compared: fine enough for what a picture shows, too coarse for how it was stored.
const SIDE: u32 = 16;

/// The mean absolute difference of the colours of two image files, of 255, once both are small and square; `None` when one
/// cannot be read.
pub(crate) fn pixels_apart(a: &[u8], b: &[u8]) -> Option<f32> {
    let small = |bytes: &[u8]| -> Option<RgbImage> {
        let pixels = image::load_from_memory(bytes).ok()?.into_rgb8();
        Some(imageops::resize(&pixels, SIDE, SIDE, FilterType::Triangle))
    };
    let (a, b) = (small(a)?, small(b)?);
    let sum: u32 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    Some(sum as f32 / a.as_raw().len() as f32)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_same_scene_is_near_and_another_is_far() {
        let file = |width: u32, height: u32, shift: f32| {
            let pixels = RgbImage::from_fn(width, height, |x, y| {
                let wave = (x as f32 / width as f32 * 9.0 + shift).sin() * 100.0 + 128.0;
                image::Rgb([wave as u8, (y * 255 / height) as u8, 40])
            });
            let mut bytes = Vec::new();
            pixels.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
            bytes
        };
        let apart = |a: &[u8], b: &[u8]| pixels_apart(a, b).unwrap();
        assert!(apart(&file(64, 48, 0.0), &file(96, 72, 0.0)) < 3.0);
        assert!(apart(&file(64, 48, 0.0), &file(64, 48, 3.0)) > 30.0);
        assert_eq!(pixels_apart(b"no image", &file(8, 8, 0.0)), None);
    }
}
