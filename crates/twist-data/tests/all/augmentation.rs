//! Views of odd images, exactness of small cases, and the steady state.

use twist_data::{
    Augmenter, Crop, DrawKey, EvalTransform, Interpolation, Normalize, RandAugment, Rgb8, ViewDraw,
    ViewPolicy, draw,
};

use crate::pictures::{picture, resize_only};

fn whole(image: &Rgb8) -> ViewDraw {
    resize_only(Crop { top: 0, left: 0, height: image.height, width: image.width })
}

fn apply(image: &Rgb8, policy: &ViewPolicy, draw: &ViewDraw) -> Vec<u8> {
    let mut out = vec![0; 3 * (policy.size as usize).pow(2)];
    Augmenter::new().apply(image, policy, draw, &mut out);
    out
}

#[test]
fn a_crop_of_the_views_size_is_copied() {
    let image = picture(61, 47, 1);
    let policy = ViewPolicy::new("v", 40, [0.2, 1.0], 0.0, 0.0);
    let crop = Crop { top: 3, left: 17, height: 40, width: 40 };
    let plain = apply(&image, &policy, &resize_only(crop));
    let flipped = apply(&image, &policy, &ViewDraw { flip: true, ..resize_only(crop) });
    for y in 0..40 {
        for x in 0..40 {
            let at = |x: u32| 3 * (y * 40 + x) as usize;
            assert_eq!(plain[at(x)..at(x) + 3], image.pixel(17 + x, 3 + y));
            assert_eq!(flipped[at(39 - x)..at(39 - x) + 3], image.pixel(17 + x, 3 + y));
        }
    }
}

#[test]
fn pixels_outside_the_crop_have_no_influence() {
    let image = picture(64, 64, 2);
    let policy = ViewPolicy::new("v", 48, [0.2, 1.0], 0.0, 0.0);
    let crop = Crop { top: 10, left: 20, height: 21, width: 30 };
    let mut cut = Vec::new();
    for y in 10..31 {
        (20..50).for_each(|x| cut.extend(image.pixel(x, y)));
    }
    let cut = Rgb8::new(30, 21, cut).unwrap();
    assert_eq!(apply(&image, &policy, &resize_only(crop)), apply(&cut, &policy, &whole(&cut)));
}

#[test]
fn a_flat_image_stays_flat_through_everything() {
    for value in [0u8, 77, 255] {
        let image = Rgb8::new(50, 30, vec![value; 4500]).unwrap();
        for size in [1, 16, 50] {
            let policy = ViewPolicy::new("v", size, [0.2, 1.0], 0.0, 0.0);
            for interpolation in [Interpolation::Bicubic, Interpolation::Bilinear] {
                let policy = ViewPolicy { interpolation, ..policy.clone() };
                for radius in [0.0, 0.1, 1.3, 2.6, 9.5] {
                    let draw = ViewDraw { blur: Some(radius), gray: true, ..whole(&image) };
                    let view = apply(&image, &policy, &draw);
                    assert!(view.iter().all(|&v| v == value), "{value} at {size} px, radius {radius}");
                }
            }
        }
    }
}

#[test]
fn views_of_any_image_size_work() {
    let mut augmenter = Augmenter::new();
    let mut made = 0;
    for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 5), (15, 16), (17, 16), (33, 500), (701, 9)] {
        let image = picture(width, height, width);
        for size in [1, 16, 31, 65] {
            let policy = ViewPolicy {
                erase: 0.5,
                rand_augment: Some(RandAugment { operations: 3, ..RandAugment::default() }),
                ..ViewPolicy::new("v", size, [0.08, 1.0], 0.5, 0.2)
            };
            let mut out = vec![0; 3 * (size as usize).pow(2)];
            for sample in 0..20 {
                let draw = draw(&policy, DrawKey { seed: 1, epoch: 0, sample, view: 0 }, width, height);
                augmenter.apply(&image, &policy, &draw, &mut out);
                // Reused buffers leave no trace.
                assert_eq!(out, apply(&image, &policy, &draw), "{width} x {height} to {size}, {draw:?}");
                made += 1;
            }
        }
    }
    assert_eq!(made, 8 * 4 * 20);
}

#[test]
fn the_evaluation_transform_of_an_image_of_its_size_is_the_identity() {
    let image = picture(32, 32, 3);
    let mut out = vec![0; 3 * 32 * 32];
    EvalTransform::new(32, 32, Interpolation::Bicubic).apply(&image, &mut out);
    assert_eq!(out, image.pixels);
}

#[test]
fn the_steady_state_allocates_nothing() {
    let images = [picture(500, 375, 1), picture(120, 333, 2)];
    let policies = [
        ViewPolicy::new("global", 224, [0.08, 1.0], 1.0, 0.2),
        ViewPolicy::new("local", 96, [0.05, 0.4], 0.5, 0.2),
        ViewPolicy::new("wide", 64, [0.05, 0.4], 1.0, 0.0),
        ViewPolicy {
            erase: 0.5,
            rand_augment: Some(RandAugment { operations: 8, ..RandAugment::default() }),
            ..ViewPolicy::new("rand", 224, [0.08, 1.0], 0.0, 0.0)
        },
    ];
    let policies = policies.map(|policy| ViewPolicy { blur_radius: [0.1, 4.0], ..policy });
    let mut augmenter = Augmenter::new();
    let mut eval = EvalTransform::new(256, 224, Interpolation::Bilinear);
    let mut out = vec![0; 3 * 224 * 224];
    let mut floats = vec![0.0; out.len()];
    let mut views = |samples: std::ops::Range<u64>| {
        for sample in samples {
            for image in &images {
                for policy in &policies {
                    let key = DrawKey { seed: 0, epoch: 0, sample, view: 0 };
                    let draw = draw(policy, key, image.width, image.height);
                    let out = &mut out[..3 * (policy.size as usize).pow(2)];
                    augmenter.apply(image, policy, &draw, out);
                }
                eval.apply(image, &mut out);
                Normalize::IMAGENET.apply(&out, &mut floats);
            }
        }
    };
    // The same views twice: the first time the buffers get their size.
    let warm_up = allocation_counter::measure(|| views(0..8));
    assert!(warm_up.count_total > 0, "the counter counts");
    let steady = allocation_counter::measure(|| views(0..8));
    assert_eq!(steady.count_total, 0, "{steady:?}");
}
