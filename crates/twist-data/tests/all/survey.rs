//! Descriptions and verification of data sets.

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb};
use twist_data::{Spread, SurveyOptions, info, verify};

use crate::pictures::encode;
use crate::workplace::Workplace;

/// Two sound images, a duplicate with another label, and four that cannot be read.
fn place() -> Workplace {
    let place = Workplace::new();
    let red = DynamicImage::ImageRgb8(ImageBuffer::from_pixel(10, 4, Rgb([255, 0, 0])));
    let gray = DynamicImage::ImageLuma16(ImageBuffer::from_pixel(20, 30, Luma([65535])));
    let red = encode(&red, ImageFormat::Png);
    place.write("a/red.png", &red);
    place.write("b/red.png", &red);
    place.write("b/white.tif", &encode(&gray, ImageFormat::Tiff));
    place.write("a/text.jpg", b"this is text");
    place.write("a/empty.png", b"");
    place.write("b/cut.png", &red[..red.len() / 2]);
    // The header of a BMP of 60,000 by 60,000 pixels.
    let side = 60_000u32.to_le_bytes();
    let bomb =
        [&b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"[..], &side, &side, &[1, 0, 24, 0], &[0; 24]].concat();
    place.write("b/huge.bmp", &bomb);
    place
}

#[test]
fn classes_that_no_image_has_are_set_apart() {
    let place = Workplace::with_images(&["1.png", "2.png", "3.png"]);
    place.write("rating.csv", b"path,label\n1.png,1\n2.png,2\n3.png,2\n");
    let data = place.open_with("", twist_data::LabelSource::File(place.path("rating.csv"))).unwrap();
    let found = info(data.as_ref(), None, &SurveyOptions::default());
    let classes: Vec<_> = found.classes.iter().map(|class| (class.name.as_str(), class.images)).collect();
    assert_eq!((classes, found.imbalance), (vec![("1", 1), ("2", 2)], Some(2.0)));
    assert_eq!(found.empty_classes, ["0"]);
}

#[test]
fn everything_is_counted() {
    let data = place();
    let data = data.open("").unwrap();
    let found = info(data.as_ref(), None, &SurveyOptions::default());
    assert_eq!((found.images, found.inspected, found.labelled), (7, 7, 7));
    assert_eq!(found.width, Spread { min: 10, median: 10, max: 20 });
    assert_eq!(found.height, Spread { min: 4, median: 4, max: 30 });
    assert_eq!(
        found.formats.iter().map(|(k, v)| (k.as_str(), *v)).collect::<Vec<_>>(),
        [("PNG", 2), ("TIFF", 1)]
    );
    assert_eq!(
        found.channels.iter().map(|(k, v)| (k.as_str(), *v)).collect::<Vec<_>>(),
        [("RGB", 2), ("gray 16-bit", 1)]
    );
    assert_eq!(
        found.classes.iter().map(|c| (c.name.as_str(), c.images)).collect::<Vec<_>>(),
        [("a", 3), ("b", 4)]
    );
    assert!((found.imbalance.unwrap() - 4.0 / 3.0).abs() < 1e-12);
    let mean = found.mean.unwrap();
    assert!((mean[0] - 1.0).abs() < 1e-12 && (mean[1] - 1.0 / 3.0).abs() < 1e-12, "{mean:?}");
    assert!((found.std.unwrap()[1] - (2.0f64 / 9.0).sqrt()).abs() < 1e-12);
    assert_eq!((found.duplicates.images, found.duplicates.conflicting), (1, 1));
    assert_eq!(found.duplicates.examples, [["b/red.png".to_owned(), "a/red.png".to_owned()]]);
    let unreadable: Vec<&str> = found.unreadable.iter().map(|u| u.path.as_str()).collect();
    assert_eq!(unreadable, ["a/empty.png", "a/text.jpg", "b/cut.png", "b/huge.bmp"]);
    assert!(found.unreadable.iter().all(|u| !u.reason.is_empty()));
    assert!(found.unreadable[3].reason.contains("60000"), "{}", found.unreadable[3].reason);
    assert!(serde_json::to_value(&found).unwrap()["fingerprint"].is_string());
}

#[test]
fn threads_change_nothing_and_samples_are_smaller() {
    let place = place();
    let data = place.open("").unwrap();
    let text = |threads| {
        let options = SurveyOptions { threads, progress: None };
        serde_json::to_string(&info(data.as_ref(), None, &options)).unwrap()
    };
    assert_eq!(text(1), text(4));
    let sampled = info(data.as_ref(), Some(2), &SurveyOptions::default());
    assert_eq!((sampled.images, sampled.inspected, sampled.labelled), (7, 2, 7));
}

#[test]
fn verification_names_each_damaged_file() {
    let place = place();
    let report = verify(place.open("").unwrap().as_ref(), &SurveyOptions::default());
    assert_eq!(report.images, 7);
    assert_eq!(report.unreadable.len(), 4);
    for name in ["a/red.png", "a/text.jpg", "a/empty.png", "b/cut.png", "b/huge.bmp"] {
        let found = report.unreadable.iter().any(|u| u.path == name);
        assert_eq!(found, name != "a/red.png", "{name}");
    }
}
