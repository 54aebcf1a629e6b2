//! Pictures that tests make themselves.

use std::io::Cursor;
use std::sync::Arc;

use image::{DynamicImage, ImageFormat, RgbImage};
use twist_data::{Crop, DataError, Dataset, Operations, Rgb8, Stored, ViewDraw};

/// A smooth picture with edges and some noise, different for each seed.
pub(crate) fn picture(width: u32, height: u32, seed: u32) -> Rgb8 {
    let mut pixels = Vec::with_capacity(3 * (width * height) as usize);
    let mut noise = seed.wrapping_mul(0x9E37_79B9) | 1;
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let disc = ((u - 0.5).powi(2) + (v - 0.4).powi(2)).sqrt() < 0.1 + (seed % 7) as f32 * 0.04;
            for channel in 0..3 {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                let wave = ((u * (3.0 + channel as f32) + v * 5.0 + seed as f32).sin() * 0.5 + 0.5) * 200.0;
                let value = if disc { 230.0 - wave } else { wave } + (noise % 16) as f32;
                pixels.push(value.clamp(0.0, 255.0) as u8);
            }
        }
    }
    Rgb8::new(width, height, pixels).unwrap()
}

/// The picture as the `image` crate's type.
pub(crate) fn dynamic(image: &Rgb8) -> DynamicImage {
    RgbImage::from_raw(image.width, image.height, image.pixels.clone()).unwrap().into()
}

/// A file of any image.
pub(crate) fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Mean absolute difference of two images of the same size.
pub(crate) fn mean_difference(a: &Rgb8, b: &Rgb8) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let sum: f64 = a.pixels.iter().zip(&b.pixels).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
    sum / a.pixels.len() as f64
}

/// A data set of files in memory.
pub(crate) struct Files(pub(crate) Vec<Stored>);

impl Files {
    /// PNG pictures of different sizes; every index in `broken` holds text instead.
    pub(crate) fn new(count: u32, broken: &[u32]) -> Arc<Self> {
        let file = |index: u32| {
            if broken.contains(&index) {
                return Stored::Encoded(b"not an image".to_vec());
            }
            let image = picture(20 + index % 13, 24 + index % 7, index);
            match index % 2 {
                0 => Stored::Encoded(encode(&dynamic(&image), ImageFormat::Png)),
                _ => Stored::Pixels(Arc::new(image)),
            }
        };
        Arc::new(Self((0..count).map(file).collect()))
    }
}

impl Dataset for Files {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.0.get(index).cloned().ok_or(DataError::OutOfRange { index, len: self.0.len() })
    }

    fn path(&self, index: usize) -> String {
        format!("picture {index}")
    }

    fn label(&self, _: usize) -> Option<u32> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        format!("{} pictures", self.0.len())
    }
}

/// A plain resize of `crop`: no flip, colour, blur or anything else.
pub(crate) fn resize_only(crop: Crop) -> ViewDraw {
    let operations = Operations::default();
    ViewDraw {
        crop,
        flip: false,
        operations,
        jitter: None,
        gray: false,
        blur: None,
        solarize: None,
        erase: None,
    }
}
