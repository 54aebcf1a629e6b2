//! GIF, animated WebP and JPEG XL: the first picture as Pillow shows it, and what is cut off.

use proptest::prelude::*;
use twist_data::{DecodeError, DecodeLimits, DecodeNote, Decoder, Rgb8};

use crate::workplace::{Workplace, paths};

/// A file of `tests/all/files`, written by `make_frames.py` there.
fn file(name: &str) -> Vec<u8> {
    fs_err::read(format!("{}/tests/all/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn decode(bytes: &[u8]) -> Result<(Rgb8, Option<DecodeNote>), DecodeError> {
    Decoder::default().decode_noted(bytes)
}

/// Every file with the largest difference to Pillow that it may have.
const FILES: [(&str, u8); 14] = [
    ("indices.gif", 0),
    ("interlaced.gif", 0),
    ("transparent.gif", 0),
    ("gray.gif", 0),
    ("animated.gif", 0),
    ("offset.gif", 0),
    ("offset_transparent.gif", 0),
    ("animated.webp", 0),
    ("animated_alpha.webp", 0),
    ("lossless.jxl", 0),
    ("gray.jxl", 0),
    ("alpha.jxl", 0),
    ("turned.jxl", 0),
    ("lossy.jxl", 1),
];

#[test]
fn the_first_picture_is_that_of_pillow() {
    for (name, allowed) in FILES {
        let (image, note) = decode(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((image.width, image.height), (29, 19), "{name}");
        let pillow = file(&format!("{name}.rgb"));
        let most = image.pixels.iter().zip(&pillow).map(|(&a, &b)| a.abs_diff(b)).max().unwrap();
        assert!(most <= allowed, "{name}: {most}");
        let moves = name.starts_with("animated");
        let said = note.map(|note| note.to_string());
        assert_eq!(said.is_some_and(|said| said.contains("pictures of an animation")), moves, "{name}");
        assert_eq!(Decoder::default().dimensions(&file(name)).unwrap(), (29, 19), "{name}");
    }
}

#[test]
fn what_is_cut_off_is_an_error() {
    let mut cuts = 0;
    for (name, _) in FILES {
        let whole = file(name);
        for part in 1..20 {
            let cut = &whole[..whole.len() * part / 20];
            let error = decode(cut).expect_err(&format!("{name} cut to {} of {}", cut.len(), whole.len()));
            // Of the first bytes nothing is left that says what they are.
            let is_told = matches!(error, DecodeError::Damaged { .. }) || cut.len() < 12;
            assert!(is_told, "{name}: {error}");
            cuts += 1;
        }
        if !name.ends_with(".gif") {
            assert!(decode(&whole[..whole.len() - 1]).is_err(), "{name} without its last byte");
        }
    }
    assert_eq!(cuts, 14 * 19);
}

/// Two pictures of 3 × 2 pixels.
fn animated_png() -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 3, 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    [7, 90].iter().for_each(|&value| writer.write_image_data(&[value; 18]).unwrap());
    writer.finish().unwrap();
    png
}

/// Where the first picture of an animated WebP ends.
fn end_of_first(webp: &[u8]) -> usize {
    let at = webp.windows(4).position(|name| name == b"ANMF").unwrap();
    at + 8 + u32::from_le_bytes(webp[at + 4..at + 8].try_into().unwrap()) as usize
}

#[test]
fn an_animation_that_is_cut_off_behind_its_first_picture_is_damaged() {
    for name in ["animated.webp", "animated_alpha.webp"] {
        let whole = file(name);
        let end = end_of_first(&whole).next_multiple_of(2);
        assert!(end < whole.len());
        for cut in [end, end + 7, whole.len() - 2] {
            let error = decode(&whole[..cut]).unwrap_err().to_string();
            assert!(error.starts_with("damaged or cut-off WebP: its data ends early"), "{error}");
        }
    }
    let png = animated_png();
    assert!(decode(&png).unwrap().1.unwrap().to_string().contains("pictures of an animation"));
    let end = png.windows(4).rposition(|name| name == b"fcTL").unwrap() - 4;
    for cut in [end, end + 20, png.len() - 12, png.len() - 1] {
        let error = decode(&png[..cut]).unwrap_err().to_string();
        assert!(error.starts_with("damaged or cut-off PNG: its data ends early"), "{error}");
    }
    let gif = file("animated.gif");
    // Within the second picture.
    let error = decode(&gif[..gif.len() * 2 / 3]).unwrap_err().to_string();
    assert!(error.starts_with("damaged or cut-off GIF: its data ends early"), "{error}");
}

#[test]
fn a_gif_without_its_last_byte_is_read_with_a_remark() {
    let whole = file("indices.gif");
    assert_eq!(whole.last(), Some(&b';'));
    let (image, note) = decode(&whole[..whole.len() - 1]).unwrap();
    assert_eq!(image, decode(&whole).unwrap().0);
    assert!(note.unwrap().to_string().contains("no mark of its end"));
}

#[test]
fn pixels_beyond_the_palette_are_damage() {
    // One pixel of colour 3, in a palette of two colours: codes of three bits, 4 to clear, 3, 5 to end.
    let gif = |index: u8| -> Vec<u8> {
        let codes = [0b100 | index << 3 | 0b101 << 6, 0b101 >> 2];
        [
            &b"GIF89a\x01\0\x01\0\x80\0\0\x0a\x14\x1e\xff\xff\xff"[..],
            b",\0\0\0\0\x01\0\x01\0\0\x02\x02",
            &codes,
            b"\0;",
        ]
        .concat()
    };
    assert_eq!(decode(&gif(0)).unwrap().0.pixels, [10, 20, 30]);
    let error = decode(&gif(3)).unwrap_err().to_string();
    assert!(error.contains("palette"), "{error}");
}

#[test]
fn limits_hold() {
    for (name, _) in FILES {
        let few = DecodeLimits { max_pixels: 100, ..DecodeLimits::default() };
        let narrow = DecodeLimits { max_side: 20, ..DecodeLimits::default() };
        let little = DecodeLimits { max_bytes: 1_200, ..DecodeLimits::default() };
        let error = Decoder::new(few).decode(&file(name)).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { max_pixels: 100, .. }), "{name}: {error:?}");
        let error = Decoder::new(narrow).decode(&file(name)).unwrap_err();
        assert!(matches!(error, DecodeError::TooLong { .. }), "{name}: {error:?}");
        let error = Decoder::new(little).decode(&file(name)).unwrap_err();
        let is_memory = matches!(error, DecodeError::TooMuchMemory { .. } | DecodeError::Damaged { .. });
        assert!(is_memory, "{name}: {error:?}");
    }
}

#[test]
fn a_promise_of_gigabytes_is_refused_before_memory_is_asked_for() {
    let mut gif = file("indices.gif");
    gif[6..10].fill(0xff);
    // The largest size that a header of JPEG XL can have: its second byte says 30 bits for the height.
    let jxl =
        [&b"\xff\x0a"[..], &[0b1111_1110, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0; 40]].concat();
    for bytes in [gif, jxl] {
        let mut error = None;
        let used = allocation_counter::measure(|| error = decode(&bytes).err());
        assert!(error.is_some());
        assert!(used.bytes_max < 4 << 20, "{} bytes were allocated: {error:?}", used.bytes_max);
    }
}

#[test]
fn files_are_found_and_named() {
    let place = Workplace::new();
    for name in ["indices.gif", "lossy.jxl", "animated.webp"] {
        place.write(&format!("a/{name}"), &file(name));
    }
    // The content tells, whatever the name says.
    place.write("a/gif.jpg", &file("indices.gif"));
    let data = place.open("a").unwrap();
    assert_eq!(paths(&*data), ["animated.webp", "gif.jpg", "indices.gif", "lossy.jxl"]);
    let info = twist_data::info(&*data, None, &twist_data::SurveyOptions::default());
    let json = serde_json::to_value(&info).unwrap().to_string();
    for word in ["\"GIF\"", "\"JPEG XL\"", "palette"] {
        assert!(json.contains(word), "{word}: {json}");
    }
    for (name, extension) in [("indices.gif", "gif"), ("lossy.jxl", "jxl"), ("animated.webp", "webp")] {
        assert_eq!(twist_data::extension_of(&file(name)), Some(extension));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Damaged files give an error or an image of the size that they claim, and never a panic.
    #[test]
    fn mutated_files_never_panic(
        number in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = file(FILES[number].0);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let limits = DecodeLimits { max_pixels: 1 << 20, max_bytes: 64 << 20, ..DecodeLimits::default() };
        let mut decoder = Decoder::new(limits);
        if let Ok(image) = decoder.decode(&bytes) {
            prop_assert_eq!(image.pixels.len(), 3 * (image.width * image.height) as usize);
            prop_assert_eq!(decoder.dimensions(&bytes).unwrap(), (image.width, image.height));
        }
    }
}
