//! The operations of RandAugment, made again and compared with what Pillow made of the same images: not one value differs.

use std::collections::BTreeMap;

use twist_data::{Augmenter, Crop, Operation, Operations, Rgb8, ViewDraw};

use crate::pictures::resize_only;
use crate::reference;

/// Written by `files/make_operations.py`.
fn images() -> BTreeMap<String, Rgb8> {
    reference::images_in(include_bytes!("files/operations.safetensors"))
}

/// The operation of a key such as `wide.rotate.-13.7`, and the key of what it was applied to; `None` for such a source.
fn parse(key: &str) -> Option<(String, Operation)> {
    let mut parts = key.splitn(3, '.');
    let (image, name) = (parts.next()?, parts.next()?);
    let number = |text: Option<&str>| text.unwrap().parse::<f64>().unwrap();
    let argument = || number(key.splitn(3, '.').nth(2));
    let operation = match name {
        "source" => return None,
        "auto_contrast" => Operation::AutoContrast,
        "equalize" => Operation::Equalize,
        "invert" => Operation::Invert,
        "rotate" => Operation::Rotate(argument()),
        "posterize" => Operation::Posterize(argument() as u8),
        "solarize" => Operation::Solarize(argument() as u16),
        "solarize_add" => Operation::SolarizeAdd(argument() as u8),
        "color" => Operation::Color(argument() as f32),
        "contrast" => Operation::Contrast(argument() as f32),
        "brightness" => Operation::Brightness(argument() as f32),
        "sharpness" => Operation::Sharpness(argument() as f32),
        "shear_x" => Operation::ShearX(argument()),
        "shear_y" => Operation::ShearY(argument()),
        "translate_x" => Operation::TranslateX(argument()),
        "translate_y" => Operation::TranslateY(argument()),
        other => panic!("no operation is called {other}"),
    };
    Some((format!("{image}.source"), operation))
}

/// A draw of one operation and nothing else.
fn only(operation: Operation) -> ViewDraw {
    let mut operations = Operations { fill: [124, 116, 104], ..Operations::default() };
    operations.list[0] = Some(operation);
    ViewDraw { operations, ..resize_only(Crop { top: 0, left: 0, height: 1, width: 1 }) }
}

/// Keys of the cases whose result is not the expected one, and the number of cases.
fn compare(images: &BTreeMap<String, Rgb8>) -> (Vec<&str>, usize) {
    // One augmenter: no trace may be left in its buffers.
    let mut augmenter = Augmenter::new();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (key, expected) in images {
        let Some((source, operation)) = parse(key) else { continue };
        let mut image = images[&source].clone();
        augmenter.adjust(&mut image, &only(operation));
        if image != *expected {
            wrong.push(key.as_str());
        }
        count += 1;
    }
    (wrong, count)
}

#[test]
fn every_operation_is_pillows_to_the_last_bit() {
    let images = images();
    let (wrong, count) = compare(&images);
    assert!(wrong.is_empty(), "{wrong:?}");
    // Three operations have no argument, twelve have three to five, and there are four sources.
    assert_eq!((count, images.len()), (4 * (3 + 46), 4 * (3 + 46) + 4));
    let kinds: std::collections::BTreeSet<&str> =
        images.keys().filter_map(|key| key.split('.').nth(1)).collect();
    assert_eq!(kinds.len(), 15 + 1, "{kinds:?}");
}

#[test]
fn the_check_sees_one_value_that_is_off_by_one() {
    let mut images = images();
    let keys: Vec<String> = images.keys().filter(|key| parse(key).is_some()).cloned().collect();
    for (index, key) in keys.iter().enumerate() {
        let pixels = &mut images.get_mut(key).unwrap().pixels;
        let at = index * 7 % pixels.len();
        pixels[at] ^= 1;
    }
    assert_eq!(compare(&images), (keys.iter().map(String::as_str).collect(), keys.len()));
}
