//! Images that are valid and rare, that lie, or that are something else: right pixels, a remark, or a refusal that helps.

use std::sync::Arc;

use twist_data::{
    BatchRequest, Dataset, DecodeError, DecodeLimits, DecodeNote, Decoder, EvalTransform, Interpolation,
    Loader, LoaderOptions, Pipeline, Rgb8, SurveyOptions, in_memory, info, noted, reduced, subset, verify,
};

use crate::pictures::{encode, mean_difference};
use crate::tiffs::Tiff;
use crate::workplace::Workplace;

fn decode(bytes: &[u8]) -> Result<(Rgb8, Option<DecodeNote>), DecodeError> {
    Decoder::default().decode_noted(bytes)
}

/// An image and the largest difference of a value from Pillow's.
fn against(bytes: &[u8], pillow: &[u8]) -> (Option<DecodeNote>, u8, f64) {
    let (image, note) = decode(bytes).unwrap();
    let expected = Rgb8::new(image.width, image.height, pillow.to_vec()).unwrap();
    let most = image.pixels.iter().zip(pillow).map(|(&a, &b)| a.abs_diff(b)).max().unwrap();
    (note, most, mean_difference(&image, &expected))
}

const SCANS: &[u8] = include_bytes!("files/scans_420.jpg");
const SCANS_RGB: &[u8] = include_bytes!("files/scans_420.rgb");
const COARSER: &[u8] = include_bytes!("files/luma_coarser.jpg");
const COARSER_RGB: &[u8] = include_bytes!("files/luma_coarser.rgb");
const PROGRESSIVE: &[u8] = include_bytes!("files/progressive.jpg");

/// Written by cjpeg and Pillow (`tests/all/files/make_odd.py`), with Pillow's pixels.
#[test]
fn components_in_scans_of_their_own_keep_their_colours() {
    let restarts: (&[u8], &[u8]) =
        (include_bytes!("files/scans_440_restarts.jpg"), include_bytes!("files/scans_440_restarts.rgb"));
    let inks: (&[u8], &[u8]) =
        (include_bytes!("files/scans_cmyk.jpg"), include_bytes!("files/scans_cmyk.rgb"));
    for (name, (file, pillow)) in [
        ("4:2:0", (SCANS, SCANS_RGB)),
        ("4:4:0", restarts),
        ("CMYK", inks),
        ("luma coarser", (COARSER, COARSER_RGB)),
    ] {
        let (note, most, mean) = against(file, pillow);
        assert!(most <= 4 && mean < 0.5, "{name}: at most {most}, on average {mean}");
        assert_eq!(note, None, "{name}");
        assert_eq!(Decoder::default().dimensions(file).unwrap(), (29, 19), "{name}");
    }
    let error = decode(include_bytes!("files/scans_odd.jpg")).unwrap_err().to_string();
    assert!(error.contains("4x2, 2x1, 1x1") && error.contains("cjpeg"), "{error}");
}

#[test]
fn scans_that_are_cut_off_or_missing_are_errors() {
    let third_scan = SCANS.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    for part in 1..20 {
        assert!(decode(&SCANS[..SCANS.len() * part / 20]).is_err(), "{part} twentieths");
    }
    let missing = [&SCANS[..third_scan], &[0xff, 0xd9]].concat();
    assert!(decode(&missing).is_err());
}

/// Where each segment before the first scan begins, with its marker.
fn segments(jpeg: &[u8]) -> Vec<(usize, u8)> {
    let (mut found, mut at) = (Vec::new(), 2);
    loop {
        found.push((at, jpeg[at + 1]));
        if jpeg[at + 1] == 0xda {
            return found;
        }
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
}

fn inserted(jpeg: &[u8], at: usize, what: &[u8]) -> Vec<u8> {
    [&jpeg[..at], what, &jpeg[at..]].concat()
}

#[test]
fn bytes_between_segments_are_skipped_with_a_remark() {
    let mut tried = 0;
    for jpeg in [SCANS, COARSER, PROGRESSIVE] {
        let plain = decode(jpeg).unwrap().0;
        for (at, marker) in segments(jpeg) {
            for (junk, bytes) in [(&b"\0"[..], 1), (b"junk junk", 9), (b"ab\xff\0cd", 6)] {
                let (image, note) = decode(&inserted(jpeg, at, junk)).unwrap();
                assert!(image == plain, "before {marker:x}");
                assert_eq!(note, Some(DecodeNote::ExtraBytes { bytes }), "before {marker:x}");
                tried += 1;
            }
            assert_eq!(decode(&inserted(jpeg, at, &[0xff; 5])).unwrap(), (plain.clone(), None), "fill bytes");
            assert!(decode(&inserted(jpeg, at, &[0xff, 0xd3])).unwrap().0 == plain, "a stray restart");
        }
    }
    assert_eq!(tried, 69);
}

#[test]
fn headers_that_contradict_themselves_are_read_as_libjpeg_does() {
    let plain = decode(SCANS).unwrap().0;
    let adobe = |transform: u8| [&b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"[..], &[transform]].concat();
    // JFIF says YCbCr, whatever Adobe's segment says.
    for (transform, is_known) in [(0, true), (1, true), (2, false), (7, false)] {
        let (image, note) = decode(&inserted(SCANS, 2, &adobe(transform))).unwrap();
        assert!(image == plain, "transform {transform}");
        assert_eq!(note.is_none(), is_known, "transform {transform}: {note:?}");
    }
    let mut version = SCANS.to_vec();
    version[2 + 4 + 5] = 9;
    let (image, note) = decode(&version).unwrap();
    assert!(image == plain && note.is_some_and(|note| note.to_string().contains("JFIF")));
    let (scan, _) = *segments(SCANS).last().unwrap();
    let mut parameters = SCANS.to_vec();
    let end = scan + 2 + usize::from(parameters[scan + 3]);
    parameters[end - 3..end].copy_from_slice(&[1, 63, 0x11]);
    let (image, note) = decode(&parameters).unwrap();
    assert!(image == plain && note.is_some_and(|note| note.to_string().contains("progressive")));
}

/// JFIF or Adobe say that the colours are not red, green and blue, whatever the components are called.
#[test]
fn names_of_components_count_only_where_nothing_else_says_the_colours() {
    let called_rgb = |jpeg: &[u8]| {
        let mut jpeg = jpeg.to_vec();
        let scans: Vec<usize> =
            (0..jpeg.len() - 1).filter(|&at| jpeg[at..].starts_with(b"\xff\xda\0")).collect();
        let frame = segments(&jpeg).into_iter().find(|(_, kind)| matches!(kind, 0xc0..=0xc2)).unwrap().0;
        (0..3).for_each(|component| jpeg[frame + 10 + 3 * component] = b"RGB"[component]);
        for scan in scans {
            for at in (0..usize::from(jpeg[scan + 4])).map(|one| scan + 5 + 2 * one) {
                jpeg[at] = b"RGB"[usize::from(jpeg[at]) - 1];
            }
        }
        jpeg
    };
    let without_jfif = |jpeg: &[u8]| [&jpeg[..2], &jpeg[20..]].concat();
    let adobe = |transform: u8| [&b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"[..], &[transform]].concat();
    let rgb = include_bytes!("files/progressive.rgb");
    for (file, pillow) in [(PROGRESSIVE, &rgb[..]), (SCANS, SCANS_RGB), (COARSER, COARSER_RGB)] {
        assert!(file[6..].starts_with(b"JFIF"));
        let bare = without_jfif(&called_rgb(file));
        for jpeg in [called_rgb(file), inserted(&bare, 2, &adobe(1))] {
            let (_, most, mean) = against(&jpeg, pillow);
            assert!(most <= 4 && mean < 0.5, "at most {most}, on average {mean}");
        }
        let as_rgb = decode(&bare).unwrap().0;
        let (_, most, _) = against(&bare, pillow);
        assert!(most > 50, "nothing says otherwise: {most}");
        for jpeg in [inserted(&bare, 2, &adobe(0)), inserted(&without_jfif(file), 2, &adobe(0))] {
            assert!(decode(&jpeg).unwrap().0 == as_rgb);
        }
    }
}

/// With values of Pillow.
#[test]
fn colours_that_were_multiplied_by_alpha_are_divided_by_it() {
    let pixels = [
        [10, 20, 30, 255],
        [10, 20, 30, 128],
        [100, 50, 25, 100],
        [7, 3, 1, 9],
        [200, 10, 0, 100],
        [5, 6, 7, 0],
        [1, 1, 1, 3],
        [127, 64, 33, 254],
    ];
    let pillow = [
        [10, 20, 30],
        [19, 39, 59],
        [255, 127, 63],
        [198, 85, 28],
        [255, 25, 0],
        [0, 0, 0],
        [85, 85, 85],
        [127, 64, 33],
    ];
    let rgba = |alpha: u16| Tiff { samples: 4, more: vec![(338, alpha)], ..Tiff::rgb(8, 1, 8, 1) };
    let (image, _) = decode(&rgba(1).file(&[pixels.concat()])).unwrap();
    assert_eq!(image.pixels, pillow.concat());
    let (image, _) = decode(&rgba(2).file(&[pixels.concat()])).unwrap();
    assert_eq!(image.pixels, pixels.map(|[r, g, b, _]| [r, g, b]).concat(), "not multiplied");
    let gray = Tiff { samples: 2, more: vec![(338, 1)], ..Tiff::gray(8, 1, 8, 1) };
    let (image, _) = decode(&gray.file(&[pixels.map(|[r, _, _, a]| [r, a]).concat()])).unwrap();
    assert_eq!(image.pixels, pillow.map(|[r, _, _]| [r; 3]).concat());
    let planes: Vec<Vec<u8>> = (0..4).map(|plane| pixels.map(|pixel| pixel[plane]).to_vec()).collect();
    let error = decode(&Tiff { planar: true, ..rgba(1) }.file(&planes)).unwrap_err().to_string();
    assert!(error.contains("multiplied by alpha"), "{error}");
}

/// As libtiff reads it (and Pillow with it): every byte of the parts is the other way round, compressed or not.
#[test]
fn tiffs_whose_lowest_bit_is_the_first_pixel() {
    let order = |file: Tiff| Tiff { more: vec![(266, 2)], ..file };
    let two_rows = [vec![0b0000_1101, 0b0000_0001, 0b0000_0000, 0b0000_0011]];
    let (image, _) = decode(&order(Tiff::gray(10, 2, 1, 1)).file(&two_rows)).unwrap();
    let white: Vec<bool> = image.pixels.chunks(3).map(|pixel| pixel[0] == 255).collect();
    let expected: Vec<bool> =
        "1011000010 0000000011".bytes().filter(|&b| b != b' ').map(|b| b == b'1').collect();
    assert_eq!(white, expected);
    let (image, _) = decode(&order(Tiff::gray(2, 1, 8, 1)).file(&[vec![0b1000_0000, 3]])).unwrap();
    assert_eq!([image.pixels[0], image.pixels[3]], [1, 192]);

    // Group 4: the tag that says the order, and the strips turned round.
    let file: &[u8] = include_bytes!("files/fax4.tif");
    let place = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let directory = place(file, 4);
    let count = usize::from(u16::from_le_bytes([file[directory], file[directory + 1]]));
    let entry = |tag: u16| {
        let mut entries = (0..count).map(|entry| directory + 2 + 12 * entry);
        entries.find(|&at| file[at..at + 2] == tag.to_le_bytes()).unwrap()
    };
    let (start, length) = (place(file, entry(273) + 8), place(file, entry(279) + 8));
    let mut turned = file.to_vec();
    turned[start..start + length].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
    let subfile = entry(284);
    // In the place of a tag that says what holds without it.
    turned[subfile..subfile + 2].copy_from_slice(&266u16.to_le_bytes());
    turned[subfile + 8] = 2;
    let (_, most, _) = against(&turned, include_bytes!("files/fax4.rgb"));
    assert_eq!(most, 0);
}

#[test]
fn tiffs_of_other_programs() {
    let cases: [(&str, &[u8], &[u8], u8); 5] = [
        ("palette", include_bytes!("files/indices.tif"), include_bytes!("files/indices.rgb"), 0),
        ("BigTIFF", include_bytes!("files/big.tif"), include_bytes!("files/big.rgb"), 0),
        ("JPEG of RGB", include_bytes!("files/jpeg_rgb.tif"), include_bytes!("files/jpeg_rgb.rgb"), 2),
        ("JPEG of YCbCr", include_bytes!("files/jpeg_ycc.tif"), include_bytes!("files/jpeg_ycc.rgb"), 4),
        ("Group 4 fax", include_bytes!("files/fax4.tif"), include_bytes!("files/fax4.rgb"), 0),
    ];
    for (name, file, pillow, allowed) in cases {
        let (note, most, _) = against(file, pillow);
        assert!(most <= allowed && note.is_none(), "{name}: {most}");
        assert_eq!(Decoder::default().dimensions(file).unwrap(), (29, 19), "{name}");
        // Cut where pixels are: behind the header, or before a directory at the end.
        assert!(decode(&file[..file.len() / 2]).is_err(), "{name}");
    }
    let error = decode(include_bytes!("files/fax3.tif")).unwrap_err().to_string();
    let expected = "TIFF with CCITT Group 3 fax compression is not supported: convert the file, for example with \
                    `magick FILE OUT.png`";
    assert_eq!(error, expected);
}

/// Eight samples of each number format that mean 0, ½ and 1, and the same for gray and colour.
#[test]
fn deep_samples_are_scaled_by_one_rule() {
    let halves = [0.0, 0.5, 1.0, 0.25, 0.75, 1.0, 0.0, 0.1];
    let expected = halves.map(|value: f64| (value * 255.0).round() as u8);
    type Write = fn(f64) -> Vec<u8>;
    let formats: [(u16, u16, Write); 6] = [
        (8, 1, |v| vec![(v * 255.0).round() as u8]),
        (16, 1, |v| ((v * 65_535.0).round() as u16).to_le_bytes().to_vec()),
        (32, 1, |v| ((v * f64::from(u32::MAX)).round() as u32).to_le_bytes().to_vec()),
        (64, 1, |v| ((v * u64::MAX as f64) as u64).to_le_bytes().to_vec()),
        (32, 3, |v| (v as f32).to_le_bytes().to_vec()),
        (64, 3, |v| v.to_le_bytes().to_vec()),
    ];
    for (bits, format, write) in formats {
        let gray = Tiff::gray(8, 1, bits, format).file(&[halves.iter().flat_map(|&v| write(v)).collect()]);
        let rgb = halves.iter().flat_map(|&v| [write(v), write(0.0), write(1.0)].concat()).collect();
        let rgb = Tiff::rgb(8, 1, bits, format).file(&[rgb]);
        let (gray, rgb) = (decode(&gray).unwrap().0, decode(&rgb).unwrap().0);
        for (x, &value) in (0..).zip(&expected) {
            assert_eq!(gray.pixel(x, 0), [value; 3], "{bits} bits of format {format}");
            assert_eq!(rgb.pixel(x, 0), [value, 0, 255], "{bits} bits of format {format}");
        }
    }
    let inverted = Tiff { model: 0, ..Tiff::gray(2, 1, 16, 1) }.file(&[vec![0, 0, 0xff, 0xff]]);
    assert_eq!(decode(&inverted).unwrap().0.pixels, [255, 255, 255, 0, 0, 0]);
    let two_bits = Tiff::gray(5, 1, 2, 1).file(&[vec![0b0001_1011, 0b1000_0000]]);
    assert_eq!(decode(&two_bits).unwrap().0.pixels, [0, 85, 170, 255, 170].map(|v| [v; 3]).concat());
}

#[test]
fn values_without_a_place_between_black_and_white_are_refused() {
    let floats = |values: [f32; 3]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    for (values, word) in [
        ([0.0, f32::NAN, 1.0], "NaN"),
        ([0.0, 254.5, 1.0], "254.5"),
        ([0.0, -3.0, 1.0], "-3"),
        ([0.0, f32::INFINITY, 1.0], "inf"),
    ] {
        for tiff in [Tiff::gray(3, 1, 32, 3), Tiff::rgb(1, 1, 32, 3)] {
            let error = decode(&tiff.file(&[floats(values)])).unwrap_err();
            assert!(matches!(error, DecodeError::Values { .. }), "{error:?}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
    for bits in [8, 16, 32] {
        let signed = Tiff::gray(3, 1, bits, 2).file(&[vec![0; 3 * usize::from(bits) / 8]]);
        let error = decode(&signed).unwrap_err().to_string();
        assert!(error.contains("signed samples"), "{error}");
    }
    let error = decode(&Tiff::gray(2, 1, 12, 1).file(&[vec![0; 3]])).unwrap_err().to_string();
    assert!(
        error.starts_with("TIFF with gray colours of 12 bits a channel is not supported: convert"),
        "{error}"
    );
}

#[test]
fn planes_and_tiles_come_together() {
    let (width, height) = (20u32, 18u32);
    let value = |x: u32, y: u32, channel: u32| (x * 9 + y * 3 + channel * 40) as u8;
    let tiles = |channels: &[u32]| -> Vec<Vec<u8>> {
        let mut parts = Vec::new();
        for (top, left) in [(0, 0), (0, 16), (16, 0), (16, 16)] {
            let pixels = (top..top + 16).flat_map(|y| (left..left + 16).map(move |x| (x, y)));
            parts.push(pixels.flat_map(|(x, y)| channels.iter().map(move |&c| value(x, y, c))).collect());
        }
        parts
    };
    let chunky = Tiff { tile: Some(16), ..Tiff::rgb(width, height, 8, 1) }.file(&tiles(&[0, 1, 2]));
    let planes = [tiles(&[0]), tiles(&[1]), tiles(&[2])].concat();
    let planar = Tiff { tile: Some(16), planar: true, ..Tiff::rgb(width, height, 8, 1) }.file(&planes);
    let strip = |channel| (0..height).flat_map(|y| (0..width).map(move |x| value(x, y, channel))).collect();
    let strips =
        Tiff { planar: true, ..Tiff::rgb(width, height, 8, 1) }.file(&[strip(0), strip(1), strip(2)]);
    for (name, file) in [("tiles", chunky), ("planes of tiles", planar), ("planes of strips", strips)] {
        let image = decode(&file).unwrap().0;
        for (x, y) in [(0, 0), (15, 15), (16, 3), (19, 17), (2, 16)] {
            assert_eq!(image.pixel(x, y), [0, 1, 2].map(|c| value(x, y, c)), "{name} at {x}, {y}");
        }
    }
}

#[test]
fn the_survey_says_what_is_odd() {
    let place = Workplace::new();
    let twelve_bits: Vec<u8> = (0..64u16).flat_map(|v| (v * 64).to_le_bytes()).collect();
    place.write("dark.tif", &Tiff::gray(8, 8, 16, 1).file(&[twelve_bits]));
    place.write("white.tif", &Tiff::gray(8, 8, 8, 1).file(&[vec![250; 64]]));
    place.write("junk.jpg", &inserted(PROGRESSIVE, segments(PROGRESSIVE)[1].0, b"junk"));
    let data = place.open("").unwrap();
    let found = info(data.as_ref(), None, &SurveyOptions::default());
    assert_eq!((found.nearly_black.images, found.nearly_white.images), (1, 1));
    assert_eq!(found.nearly_black.examples, ["dark.tif"]);
    assert_eq!(found.nearly_white.examples, ["white.tif"]);
    let remarks: Vec<(&str, &str)> =
        found.remarks.iter().map(|remark| (remark.path.as_str(), remark.what.as_str())).collect();
    assert_eq!(remarks.len(), 2, "{remarks:?}");
    assert!(remarks[0].0 == "dark.tif" && remarks[0].1.contains("only the lowest 12"), "{remarks:?}");
    assert!(remarks[1].0 == "junk.jpg" && remarks[1].1.contains("4 extra bytes"), "{remarks:?}");
    let report = verify(data.as_ref(), &SurveyOptions::default());
    assert_eq!((report.unreadable.len(), report.remarks), (0, found.remarks));
}

/// Whatever thread decodes an image, its note is kept for those who ask for it.
#[test]
fn notes_are_heard_through_every_wrapper() {
    let place = Workplace::with_images(&["a.png"]);
    place.write("b.jpg", &inserted(PROGRESSIVE, segments(PROGRESSIVE)[1].0, b"junk"));
    type Wrap = fn(Arc<dyn Dataset>) -> Arc<dyn Dataset>;
    let wraps: [(&str, Wrap); 4] = [
        ("the loader", |data| data),
        ("memory", |data| in_memory(data, None, u64::MAX)),
        ("reduction", |data| reduced(data, 8)),
        ("a part", |data| subset(data, &[(1, None), (0, None)], Vec::new()).unwrap()),
    ];
    for (name, wrap) in wraps {
        let (data, notes) = noted(place.open("").unwrap());
        let transform = EvalTransform::new(8, 8, Interpolation::Bilinear);
        let request = BatchRequest { epoch: 0, indices: vec![0, 1] };
        let options = LoaderOptions { threads: 1, ..LoaderOptions::default() };
        let pipeline = Pipeline::Eval(transform);
        let mut loader = Loader::new(wrap(data), pipeline, [request].into_iter(), options).unwrap();
        loader.next().unwrap().unwrap();
        assert_eq!(notes.after(0), [(1, DecodeNote::ExtraBytes { bytes: 4 })], "{name}");
        assert!(notes.after(1).is_empty(), "{name}");
    }
}

#[test]
fn other_files_are_named_with_a_command() {
    for (bytes, name, command) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "a HEIC image", "heif-convert"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "an AVIF image", "avifdec"),
        (b"<!DOCTYPE html><html></html>", "an HTML page", "download the image again"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of git-lfs", "git lfs pull"),
    ] {
        let error = decode(bytes).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(command), "{error}");
    }
    let error = decode(b"\x01\x02text").unwrap_err().to_string();
    assert!(error.contains(r#"it starts with "\x01\x02text""#), "{error}");
}

/// A TIFF of one strip that promises 2^27 pixels of 8 bytes is refused by what it would take, before it is taken.
#[test]
fn memory_is_limited_by_a_budget() {
    let promised = Tiff { samples: 4, ..Tiff::rgb(11_585, 11_585, 16, 1) }.file(&[vec![0; 100]]);
    let mut error = None;
    let used = allocation_counter::measure(|| error = decode(&promised).err());
    assert!(matches!(error, Some(DecodeError::TooMuchMemory { .. })), "{error:?}");
    assert!(used.bytes_max < 1 << 20, "{} bytes were allocated", used.bytes_max);
    // The longest line that decodes, and the next one, in every format that can claim it.
    let mut wide = encode(&image::DynamicImage::new_luma8(65_536, 1), image::ImageFormat::Png);
    assert!(matches!(decode(&wide).unwrap_err(), DecodeError::TooLong { width: 65_536, .. }));
    wide = encode(&image::DynamicImage::new_luma8(65_535, 1), image::ImageFormat::Png);
    assert!(decode(&wide).is_ok());
    let long = Tiff::gray(65_536, 1, 8, 1).file(&[vec![0; 65_536]]);
    assert!(matches!(decode(&long).unwrap_err(), DecodeError::TooLong { max_side: 65_535, .. }));
    assert!(decode(&Tiff::gray(65_535, 1, 8, 1).file(&[vec![0; 65_535]])).is_ok());
    let limits = DecodeLimits { max_bytes: 5_000, ..DecodeLimits::default() };
    let error = Decoder::new(limits).decode(COARSER).map(|_| ());
    assert!(matches!(error, Err(DecodeError::TooMuchMemory { max_bytes: 5_000, .. })), "{error:?}");
}

#[test]
fn a_sparse_file_is_not_read() {
    let place = Workplace::with_images(&["a.png"]);
    let sparse = place.write("b.jpg", b"\xff\xd8\xff\xe0");
    fs_err::OpenOptions::new().write(true).open(sparse).unwrap().set_len(4 << 30).unwrap();
    let data = place.open("").unwrap();
    let used = allocation_counter::measure(|| {
        let error = data.read(1).unwrap_err().to_string();
        assert!(error.contains("4295 MB") && error.contains("402 MB"), "{error}");
    });
    assert!(used.bytes_max < 1 << 20, "{} bytes were allocated", used.bytes_max);
}

/// A gray square.
fn flat(side: u32) -> image::DynamicImage {
    image::RgbImage::from_pixel(side, side, image::Rgb([40; 3])).into()
}

#[test]
fn further_pages_and_frames_are_remarked_on() {
    use tiff::encoder::{TiffEncoder, colortype::Gray8};
    use tiff::tags::Tag;
    let pages = |kinds: &[u32]| {
        let mut file = std::io::Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).unwrap();
        for (page, kind) in kinds.iter().enumerate() {
            let mut image = encoder.new_image::<Gray8>(2, 2).unwrap();
            image.encoder().write_tag(Tag::NewSubfileType, *kind).unwrap();
            image.write_data(&[40 * (1 + page as u8); 4]).unwrap();
        }
        file.into_inner()
    };
    let said = |bytes: &[u8]| {
        let (image, note) = decode(bytes).unwrap();
        assert_eq!(image.pixel(0, 0), [40; 3]);
        note.map(|note| note.to_string())
    };
    // A smaller copy and a mask are not separate images.
    for (kinds, has_more) in
        [(&[0][..], false), (&[0, 1], false), (&[0, 4], false), (&[0, 0], true), (&[0, 1, 2], true)]
    {
        let note = said(&pages(kinds));
        assert_eq!(note.is_some(), has_more, "{kinds:?}: {note:?}");
        assert!(note.is_none_or(|note| note.contains("several pages, and only the first is read")));
    }

    let animation = |frames: u32| {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 2, 2);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_animated(frames, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        (0..frames).for_each(|_| writer.write_image_data(&[40; 4]).unwrap());
        writer.finish().unwrap();
        file
    };
    assert_eq!(said(&animation(1)), None);
    assert!(said(&animation(2)).unwrap().contains("pictures of an animation, and only the first is read"));

    // A WebP of one frame, and the same frame in an animation.
    let still = encode(&flat(2), image::ImageFormat::WebP);
    assert_eq!(said(&still), None);
    let chunk = |name: &[u8], content: &[u8]| {
        [name, &(content.len() as u32).to_le_bytes(), content, &vec![0; content.len() % 2]].concat()
    };
    let frame = [&[0; 6][..], &[1, 0, 0, 1, 0, 0, 100, 0, 0, 2], &still[12..]].concat();
    let chunks = [
        b"WEBP".to_vec(),
        chunk(b"VP8X", &[2, 0, 0, 0, 1, 0, 0, 1, 0, 0]),
        chunk(b"ANIM", &[0; 6]),
        chunk(b"ANMF", &frame),
    ];
    assert!(said(&chunk(b"RIFF", &chunks.concat())).unwrap().contains("an animation"));
}

#[test]
fn arithmetic_coding_is_named_with_a_command() {
    let plain = encode(&flat(8), image::ImageFormat::Jpeg);
    for (file, from, to) in [(&plain[..], 0xc0, 0xc9), (PROGRESSIVE, 0xc2, 0xca)] {
        let mut arithmetic = file.to_vec();
        let frame = arithmetic.windows(2).position(|pair| pair == [0xff, from]).unwrap();
        arithmetic[frame + 1] = to;
        let said = [
            decode(&arithmetic).unwrap_err().to_string(),
            Decoder::default().dimensions(&arithmetic).unwrap_err().to_string(),
        ];
        for error in said {
            assert!(error.contains("arithmetic coding") && error.contains("jpegtran"), "{error}");
        }
    }
}
