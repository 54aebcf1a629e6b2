//! A short numeric signature of a picture, to find near copies without a network.

use image::RgbImage;
use image::imageops::{self, FilterType};

/// Side at which two pictures are compared: fine enough for what a picture shows, too coarse for how it was stored.
const SIDE: u32 = 16;
/// Side of the gray picture that is compared first.
const COARSE: u32 = 8;
/// A gray picture whose values spread less than this, of 255, shows nothing that could be compared.
const FLAT: f32 = 2.0;

/// A picture, small and square.
pub(crate) struct Signature {
    /// Gray at 8 × 8, its mean taken away, of unit length; zeros for a flat picture, which is like nothing.
    coarse: Vec<f32>,
    /// Colours at 16 × 16.
    fine: Vec<u8>,
}

impl Signature {
    /// The signature of an image file; `None` when it cannot be read.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let pixels = image::load_from_memory(bytes).ok()?.into_rgb8();
        let fine: RgbImage = imageops::resize(&pixels, SIDE, SIDE, FilterType::Triangle);
        let gray = imageops::resize(&imageops::grayscale(&pixels), COARSE, COARSE, FilterType::Triangle);
        let coarse = centred(gray.as_raw());
        Some(Self { coarse, fine: fine.into_raw() })
    }

    /// The correlation of the two gray pictures, −1 to 1: cheap, for all pairs.
    pub(crate) fn likeness(&self, other: &Self) -> f32 {
        self.coarse.iter().zip(&other.coarse).map(|(a, b)| a * b).sum()
    }

    /// The correlation of the colours and their mean absolute difference, of 255.
    pub(crate) fn compare(&self, other: &Self) -> (f32, f32) {
        let difference: u32 = self.fine.iter().zip(&other.fine).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        let (a, b) = (centred(&self.fine), centred(&other.fine));
        let correlation = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        (correlation, difference as f32 / self.fine.len() as f32)
    }
}

/// `values` without their mean, divided by their length; zeros when they hardly differ.
fn centred(values: &[u8]) -> Vec<f32> {
    let mean = values.iter().map(|value| f32::from(*value)).sum::<f32>() / values.len() as f32;
    let mut centred: Vec<f32> = values.iter().map(|value| f32::from(*value) - mean).collect();
    let length = centred.iter().map(|value| value * value).sum::<f32>().sqrt();
    let flat = length < FLAT * (values.len() as f32).sqrt();
    centred.iter_mut().for_each(|value| *value = if flat { 0.0 } else { *value / length });
    centred
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn signature(width: u32, height: u32, color: impl Fn(f32, f32) -> [u8; 3]) -> Signature {
        let at = |x: u32, y: u32| (x as f32 / width as f32, y as f32 / height as f32);
        let pixels = RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = at(x, y);
            image::Rgb(color(x, y))
        });
        let mut bytes = Vec::new();
        pixels.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        Signature::of(&bytes).unwrap()
    }

    fn waves(width: u32, height: u32, shift: f32) -> Signature {
        signature(width, height, |x, y| {
            [((x * 9.0 + shift).sin() * 100.0 + 128.0) as u8, (y * 255.0) as u8, 40]
        })
    }

    #[test]
    fn the_same_scene_is_near_and_another_is_far() {
        let (own, larger, other) = (waves(64, 48, 0.0), waves(96, 72, 0.0), waves(64, 48, 3.0));
        let (like, apart) = own.compare(&larger);
        assert!(own.likeness(&larger) > 0.99 && like > 0.99 && apart < 3.0, "{like} {apart}");
        let (like, apart) = own.compare(&other);
        assert!(own.likeness(&other) < 0.9 && like < 0.9 && apart > 30.0, "{like} {apart}");
        assert!(Signature::of(b"no image").is_none());
    }

    /// Two things on white: most of their pixels are equal, and they are not copies.
    #[test]
    fn what_lies_on_white_is_told_apart() {
        let white = |inside: bool| if inside { [60, 70, 80] } else { [250, 250, 250] };
        let fish = signature(64, 64, |x, y| white((x - 0.5).abs() < 0.35 && (y - 0.5).abs() < 0.1));
        let horn = signature(64, 64, |x, y| white((x - 0.5).hypot(y - 0.4) < 0.2));
        let (like, _) = fish.compare(&horn);
        assert!(like < 0.8, "{like}");
        let flat = signature(64, 64, |_, _| [250, 250, 250]);
        assert_eq!(flat.likeness(&flat), 0.0, "a flat picture is like nothing");
    }
}
