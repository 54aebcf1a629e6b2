//! Every image of `image_ops.safetensors`, made again from its source.

use std::collections::BTreeMap;

use serde_json::Value;
use twist_data::{Augmenter, ColorOp, Crop, EvalTransform, Interpolation, Jitter, Rgb8, ViewPolicy};

use crate::pictures::resize_only;
use crate::reference;

/// Largest and mean difference in steps of 8 bits that an operation may have.
struct Tolerance {
    max: u8,
    mean: f64,
}

const RESIZE: Tolerance = Tolerance { max: 1, mean: 0.05 };
const OTHER: Tolerance = Tolerance { max: 2, mean: 0.3 };

/// Makes every expected image and compares. Returns how many there were.
fn check(cases: &Value, images: &BTreeMap<String, Rgb8>) -> Result<usize, String> {
    let mut count = 0;
    for (key, expected) in images {
        let (image, operation) = key.split_once('.').ok_or("a key without an image")?;
        if operation == "source" || operation == "base" {
            continue;
        }
        let find =
            |name: &str| images.get(&format!("{image}.{name}")).ok_or(format!("{image} has no {name}"));
        let (got, tolerance) = match resized(operation, &cases[image], find("source")?)? {
            Some(got) => (got, RESIZE),
            None => (adjusted(operation, &cases[image], find("base")?)?, OTHER),
        };
        compare(key, &got, expected, &tolerance)?;
        count += 1;
    }
    Ok(count)
}

/// The result of a geometric operation; `None` when it is another one.
fn resized(operation: &str, case: &Value, source: &Rgb8) -> Result<Option<Rgb8>, String> {
    let (name, index) = operation.split_once('.').unwrap_or((operation, ""));
    let interpolation = match name.ends_with("bicubic") || name == "resized_crop" {
        true => Interpolation::Bicubic,
        false => Interpolation::Bilinear,
    };
    if let Some(sizes) = name.strip_prefix("eval_resize") {
        let sizes = sizes.strip_suffix("_bicubic").unwrap_or(sizes);
        let (resize, crop) = sizes.split_once("_center").ok_or("an evaluation without its sizes")?;
        let (resize, crop) = (number(resize)?, number(crop)?);
        let mut pixels = vec![0; 3 * (crop * crop) as usize];
        EvalTransform::new(resize, crop, interpolation).apply(source, &mut pixels);
        return Ok(Rgb8::new(crop, crop, pixels));
    }
    if !name.starts_with("resized_crop") {
        return Ok(None);
    }
    let crop = &case["crops"][number(index)? as usize];
    let field = |name: &str| crop[name].as_u64().map(|v| v as u32).ok_or(format!("a crop without {name}"));
    let size = field("size")?;
    let policy = ViewPolicy { interpolation, ..ViewPolicy::new("crop", size, [1.0, 1.0], 0.0, 0.0) };
    let (top, left, height, width) = (field("top")?, field("left")?, field("height")?, field("width")?);
    let draw = resize_only(Crop { top, left, height, width });
    let mut pixels = vec![0; 3 * (size * size) as usize];
    Augmenter::new().apply(source, &policy, &draw, &mut pixels);
    Ok(Rgb8::new(size, size, pixels))
}

/// The result of a colour operation or blur.
fn adjusted(operation: &str, case: &Value, base: &Rgb8) -> Result<Rgb8, String> {
    use ColorOp::{Brightness, Contrast, Hue, Saturation};
    let (name, index) = operation.split_once('.').unwrap_or((operation, "0"));
    let index = number(index)? as usize;
    let value = |list: &str| case[list][index].as_f64().ok_or(format!("no {list} {index}"));
    let mut draw = resize_only(Crop { top: 0, left: 0, height: 1, width: 1 });
    let plain = Jitter {
        order: [Brightness, Contrast, Saturation, Hue],
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
        hue: None,
    };
    match name {
        "brightness" => draw.jitter = Some(Jitter { brightness: value("factors")? as f32, ..plain }),
        "contrast" => draw.jitter = Some(Jitter { contrast: value("factors")? as f32, ..plain }),
        "saturation" => draw.jitter = Some(Jitter { saturation: value("factors")? as f32, ..plain }),
        "hue" => draw.jitter = Some(Jitter { hue: Some(value("hue")?), ..plain }),
        "blur" => draw.blur = Some(value("blur")? as f32),
        "grayscale" => draw.gray = true,
        "solarize" => draw.solarize = Some(128),
        other => return Err(format!("no operation is called {other}")),
    }
    let mut image = base.clone();
    Augmenter::new().adjust(&mut image, &draw);
    Ok(image)
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

fn compare(key: &str, got: &Rgb8, expected: &Rgb8, tolerance: &Tolerance) -> Result<(), String> {
    if (got.width, got.height) != (expected.width, expected.height) {
        return Err(format!("{key}: size {} x {}", got.width, got.height));
    }
    let differences = || got.pixels.iter().zip(&expected.pixels).map(|(&a, &b)| a.abs_diff(b));
    let max = differences().max().unwrap_or(0);
    let mean = differences().map(f64::from).sum::<f64>() / got.pixels.len() as f64;
    if max > tolerance.max || mean > tolerance.mean {
        return Err(format!("{key}: differs by {max} at most and {mean:.4} on average"));
    }
    Ok(())
}

#[test]
fn every_operation_is_pillows() {
    let (cases, images) = (reference::json("image_ops.json"), reference::images("image_ops.safetensors"));
    let count = check(&cases, &images).unwrap();
    let inputs = images.keys().filter(|key| key.ends_with(".source") || key.ends_with(".base")).count();
    assert!(count > 0 && inputs >= 2, "{count} cases from {inputs} inputs");
    assert_eq!(count + inputs, images.len(), "every image is an input or was compared");
    // Each image has its listed crops (twice), factors (three times), hues and blurs, and four single operations.
    let listed = |case: &Value| -> usize {
        let len = |list: &str| case[list].as_array().map_or(0, Vec::len);
        2 * len("crops") + 3 * len("factors") + len("hue") + len("blur") + 4
    };
    let listed: usize = cases.as_object().unwrap().values().map(listed).sum();
    assert_eq!(count, listed, "every case of the list was compared");
}

#[test]
fn the_check_sees_one_wrong_pixel() {
    let (cases, images) = (reference::json("image_ops.json"), reference::images("image_ops.safetensors"));
    let mut perturbed = 0;
    for key in images.keys().filter(|key| !key.ends_with(".source") && !key.ends_with(".base")) {
        // One image and what it is made from is enough, and quick.
        let image = key.split('.').next().unwrap();
        let mut few: BTreeMap<String, Rgb8> = images
            .iter()
            .filter(|(k, _)| *k == key || **k == format!("{image}.source") || **k == format!("{image}.base"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        assert_eq!(check(&cases, &few), Ok(1), "{key}");
        let pixels = &mut few.get_mut(key).unwrap().pixels;
        let middle = pixels.len() / 2;
        let pixel = &mut pixels[middle];
        *pixel = if *pixel > 128 { *pixel - 8 } else { *pixel + 8 };
        assert!(check(&cases, &few).is_err(), "{key} with a wrong pixel passed");
        perturbed += 1;
    }
    assert!(perturbed > 0);
}
