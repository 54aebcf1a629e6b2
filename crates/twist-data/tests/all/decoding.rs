//! Formats, colours, orientation, damage and limits.

use image::{
    DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, Rgba, RgbaImage,
};
use proptest::prelude::*;
use twist_data::{DecodeError, DecodeLimits, Decoder, Rgb8};

use crate::pictures::{dynamic, encode, mean_difference, picture};

fn decode(bytes: &[u8]) -> Result<Rgb8, DecodeError> {
    Decoder::new(DecodeLimits::default()).decode(bytes)
}

const FORMATS: [ImageFormat; 5] =
    [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff];

#[test]
fn every_format_is_read_by_content() {
    let image = picture(57, 43, 4);
    for format in FORMATS {
        let bytes = encode(&dynamic(&image), format);
        let got = decode(&bytes).unwrap();
        let allowed = if format == ImageFormat::Jpeg { 6.0 } else { 0.0 };
        assert!(mean_difference(&got, &image) <= allowed, "{format:?}: {}", mean_difference(&got, &image));
        assert_eq!(Decoder::default().dimensions(&bytes).unwrap(), (57, 43), "{format:?}");
    }
}

#[test]
fn gray_alpha_and_sixteen_bits_become_rgb_as_they_should() {
    let side = 16;
    let ramp = |x: u32, y: u32| ((x * 16 + y) as u16 * 257).saturating_add(150 * ((x + y) % 2) as u16);
    let deep = move |x, y| (f64::from(ramp(x, y)) / 257.0).round() as u8;
    type Expected = Box<dyn Fn(u32, u32) -> [u8; 3]>;
    let cases: [(&str, DynamicImage, Expected); 7] = [
        (
            "gray",
            GrayImage::from_fn(side, side, |x, y| Luma([(x * 16 + y) as u8])).into(),
            Box::new(|x, y| [(x * 16 + y) as u8; 3]),
        ),
        (
            "gray with alpha",
            GrayAlphaImage::from_fn(side, side, |x, y| LumaA([(x * 16 + y) as u8, x as u8])).into(),
            Box::new(|x, y| [(x * 16 + y) as u8; 3]),
        ),
        (
            "rgb with alpha",
            RgbaImage::from_fn(side, side, |x, y| Rgba([x as u8, y as u8, 200, (17 * x) as u8])).into(),
            Box::new(|x, y| [x as u8, y as u8, 200]),
        ),
        (
            "16-bit gray",
            DynamicImage::ImageLuma16(ImageBuffer::from_fn(side, side, |x, y| Luma([ramp(x, y)]))),
            Box::new(move |x, y| [deep(x, y); 3]),
        ),
        (
            "16-bit gray with alpha",
            DynamicImage::ImageLumaA16(ImageBuffer::from_fn(side, side, |x, y| LumaA([ramp(x, y), 9]))),
            Box::new(move |x, y| [deep(x, y); 3]),
        ),
        (
            "16-bit rgb",
            DynamicImage::ImageRgb16(ImageBuffer::from_fn(side, side, |x, y| Rgb([ramp(x, y), 0, 65_535]))),
            Box::new(move |x, y| [deep(x, y), 0, 255]),
        ),
        (
            "16-bit rgb with alpha",
            DynamicImage::ImageRgba16(ImageBuffer::from_fn(side, side, |x, y| {
                Rgba([7 * 257, ramp(x, y), 0, 3])
            })),
            Box::new(move |x, y| [7, deep(x, y), 0]),
        ),
    ];
    for (name, image, expected) in cases {
        let got = decode(&encode(&image, ImageFormat::Png)).unwrap();
        for y in 0..side {
            for x in 0..side {
                assert_eq!(got.pixel(x, y), expected(x, y), "{name} at {x}, {y}");
            }
        }
    }
}

/// A palette PNG with transparency, 1-bit gray and CMYK JPEGs, written by Pillow 13.0 (`tests/all/files/make.py`), with Pillow's pixels.
#[test]
fn files_that_only_other_programs_write() {
    let cases: [(&str, &[u8], &[u8], f64); 6] = [
        ("palette", include_bytes!("files/palette.png"), include_bytes!("files/palette.rgb"), 0.0),
        ("one bit", include_bytes!("files/one_bit.png"), include_bytes!("files/one_bit.rgb"), 0.0),
        ("CMYK JPEG", include_bytes!("files/cmyk.jpg"), include_bytes!("files/cmyk.rgb"), 0.5),
        ("gray JPEG", include_bytes!("files/gray.jpg"), include_bytes!("files/gray.rgb"), 0.5),
        (
            "progressive JPEG",
            include_bytes!("files/progressive.jpg"),
            include_bytes!("files/progressive.rgb"),
            1.0,
        ),
        ("CMYK TIFF", include_bytes!("files/cmyk.tif"), include_bytes!("files/cmyk_tif.rgb"), 0.5),
    ];
    for (name, file, pixels, allowed) in cases {
        let got = decode(file).unwrap();
        let expected = Rgb8::new(got.width, got.height, pixels.to_vec()).unwrap();
        let difference = mean_difference(&got, &expected);
        assert!(difference <= allowed, "{name}: {difference}");
    }
}

/// Bytes of a JPEG with an EXIF orientation.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif = [
        &[0xFF, 0xE1, 0, 34][..],
        b"Exif\0\0MM\0*\0\0\0\x08",
        &[0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0],
    ];
    [&jpeg[..2], &exif.concat(), &jpeg[2..]].concat()
}

#[test]
fn the_exif_orientation_is_applied() {
    let image = picture(24, 16, 5);
    let jpeg = encode(&dynamic(&image), ImageFormat::Jpeg);
    let plain = decode(&jpeg).unwrap();
    let (w, h) = (plain.width - 1, plain.height - 1);
    type Source = fn(u32, u32, u32, u32) -> (u32, u32);
    // Where the pixel that is shown at (x, y) is stored.
    let orientations: [Source; 8] = [
        |x, y, _, _| (x, y),
        |x, y, w, _| (w - x, y),
        |x, y, w, h| (w - x, h - y),
        |x, y, _, h| (x, h - y),
        |x, y, _, _| (y, x),
        |x, y, _, h| (y, h - x),
        |x, y, w, h| (w - y, h - x),
        |x, y, w, _| (w - y, x),
    ];
    for (orientation, source) in (1..).zip(orientations) {
        let bytes = oriented(&jpeg, orientation);
        let got = decode(&bytes).unwrap();
        let size = if orientation > 4 { (16, 24) } else { (24, 16) };
        assert_eq!((got.width, got.height), size, "orientation {orientation}");
        assert_eq!(Decoder::default().dimensions(&bytes).unwrap(), size, "orientation {orientation}");
        for y in 0..got.height {
            for x in 0..got.width {
                let (from_x, from_y) = source(x, y, w, h);
                assert_eq!(
                    got.pixel(x, y),
                    plain.pixel(from_x, from_y),
                    "orientation {orientation} at {x}, {y}"
                );
            }
        }
    }
}

/// The header of a PNG that claims a size.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut ihdr = b"IHDR".to_vec();
    ihdr.extend(width.to_be_bytes());
    ihdr.extend(height.to_be_bytes());
    ihdr.extend([8, 2, 0, 0, 0]);
    let crc = ihdr.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    });
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &ihdr[..], &(!crc).to_be_bytes(), &[0, 0, 0, 0], b"IDAT\x35\xaf\x06\x1e"]
        .concat()
}

#[test]
fn a_bomb_is_refused_before_memory_is_asked_for() {
    let bytes = png_header(60_000, 60_000);
    let mut error = None;
    let used = allocation_counter::measure(|| error = decode(&bytes).err());
    let error = error.unwrap();
    assert!(matches!(error, DecodeError::TooLarge { width: 60_000, height: 60_000, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("3600000000") && text.contains("134217728"), "{text}");
    assert!(used.bytes_max < 4 << 20, "{} bytes were allocated", used.bytes_max);
    let limits = DecodeLimits { max_pixels: 100, ..DecodeLimits::default() };
    for format in FORMATS {
        let bytes = encode(&dynamic(&picture(11, 10, 1)), format);
        let error = Decoder::new(limits).decode(&bytes).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { max_pixels: 100, .. }), "{format:?}: {error:?}");
        let error = Decoder::new(limits).dimensions(&bytes).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { .. }), "{format:?}: {error:?}");
    }
}

#[test]
fn cut_off_files_are_errors() {
    let image = dynamic(&picture(64, 48, 6));
    let mut cuts = 0;
    for format in FORMATS {
        let bytes = encode(&image, format);
        for part in 1..20 {
            let cut = &bytes[..bytes.len() * part / 20];
            let error =
                decode(cut).expect_err(&format!("{format:?} of {} bytes cut to {}", bytes.len(), cut.len()));
            assert!(!matches!(error, DecodeError::TooLarge { .. }), "{format:?}: {error}");
            cuts += 1;
        }
        // The last few bytes too, except those of a trailer behind the last pixel.
        assert!(decode(&bytes[..bytes.len() - bytes.len() / 50 - 16]).is_err(), "{format:?}");
    }
    assert_eq!(cuts, 5 * 19);
}

#[test]
fn what_is_no_image_says_what_it_is() {
    assert!(matches!(decode(b"").unwrap_err(), DecodeError::Empty));
    let error = decode(b"hello, I am text named .jpg").unwrap_err();
    assert!(matches!(&error, DecodeError::UnknownFormat { start } if start.contains("hello")), "{error:?}");
    let error = decode(b"8BPS and so on").unwrap_err();
    assert!(matches!(error, DecodeError::OtherFormat { name: "a Photoshop document", .. }), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Damaged files give an error or an image of the size that they claim, and never a panic.
    #[test]
    fn mutated_files_never_panic(
        format in 0..FORMATS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        do_cut in any::<bool>(),
    ) {
        let mut bytes = encode(&dynamic(&picture(19, 13, 8)), FORMATS[format]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if do_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut decoder = Decoder::new(DecodeLimits { max_pixels: 1 << 20, ..DecodeLimits::default() });
        if let Ok(image) = decoder.decode(&bytes) {
            prop_assert_eq!(image.pixels.len(), 3 * (image.width * image.height) as usize);
            prop_assert_eq!(decoder.dimensions(&bytes).unwrap(), (image.width, image.height));
        }
    }
}
