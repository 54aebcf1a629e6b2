//! RandAugment and erasing: what is drawn is distributed as timm's, and depends on nothing but its key.

use twist_data::{
    Augmenter, Crop, DrawKey, Erase, Operation, Operations, RandAugment, Rgb8, ViewDraw, ViewPolicy, draw,
};

use crate::pictures::resize_only;

/// The released policy.
fn rand() -> ViewPolicy {
    let plain = ViewPolicy::new("rand", 224, [0.08, 1.0], 0.0, 0.0);
    ViewPolicy { jitter: 0.0, gray: 0.0, erase: 0.25, rand_augment: Some(RandAugment::default()), ..plain }
}

const DRAWS: u64 = 100_000;

fn draw_many(policy: &ViewPolicy) -> Vec<ViewDraw> {
    let key = |sample| DrawKey { seed: 11, epoch: 2, sample, view: 1 };
    (0..DRAWS).map(|sample| draw(policy, key(sample), 300, 200)).collect()
}

/// Asserts that an event of probability `p` was seen so often among `n`: within four standard errors.
fn assert_share(seen: usize, n: usize, p: f64, what: &str) {
    let n = n as f64;
    let error = (seen as f64 / n - p).abs() / (p * (1.0 - p) / n).sqrt();
    assert!(error < 4.0, "{what}: {} is {error:.1} standard errors from {p}", seen as f64 / n);
}

/// Asserts the mean and standard deviation of `values`, to so much.
fn assert_moments(values: &[f64], mean: f64, std: f64, tolerance: f64, what: &str) {
    let n = values.len() as f64;
    let got = values.iter().sum::<f64>() / n;
    let got_std = (values.iter().map(|v| (v - got).powi(2)).sum::<f64>() / n).sqrt();
    assert!((got - mean).abs() < tolerance, "{what}: mean {got}, expected {mean}");
    assert!((got_std - std).abs() < tolerance, "{what}: standard deviation {got_std}, expected {std}");
}

/// Number of the operation among the fifteen.
fn kind(operation: &Operation) -> usize {
    match operation {
        Operation::AutoContrast => 0,
        Operation::Equalize => 1,
        Operation::Invert => 2,
        Operation::Rotate(_) => 3,
        Operation::Posterize(_) => 4,
        Operation::Solarize(_) => 5,
        Operation::SolarizeAdd(_) => 6,
        Operation::Color(_) => 7,
        Operation::Contrast(_) => 8,
        Operation::Brightness(_) => 9,
        Operation::Sharpness(_) => 10,
        Operation::ShearX(_) => 11,
        Operation::ShearY(_) => 12,
        Operation::TranslateX(_) => 13,
        Operation::TranslateY(_) => 14,
    }
}

#[test]
fn every_operation_is_as_frequent_and_they_are_independent() {
    let lists: Vec<_> = draw_many(&rand()).iter().map(|draw| draw.operations.list).collect();
    for place in 0..2 {
        let mut counts = [0; 15];
        lists.iter().filter_map(|list| list[place].as_ref()).for_each(|op| counts[kind(op)] += 1);
        for (kind, count) in counts.into_iter().enumerate() {
            assert_share(count, lists.len(), 0.5 / 15.0, &format!("operation {kind} in place {place}"));
        }
    }
    let both: Vec<_> = lists.iter().filter_map(|list| Some((kind(&list[0]?), kind(&list[1]?)))).collect();
    assert_share(both.len(), lists.len(), 0.25, "both");
    // With replacement.
    assert_share(both.iter().filter(|(a, b)| a == b).count(), both.len(), 1.0 / 15.0, "twice the same");
    assert!(lists.iter().all(|list| list[2..].iter().all(Option::is_none)));
    assert!(draw_many(&rand()).iter().all(|draw| draw.operations.fill == [124, 116, 104]));
}

/// Magnitudes with their signs, as they show in the operations that keep them whole.
fn magnitudes(rand_augment: RandAugment) -> Vec<f64> {
    let policy = ViewPolicy { rand_augment: Some(rand_augment), ..rand() };
    let magnitude = |operation| match operation {
        Operation::Rotate(degrees) => Some(degrees / 3.0),
        Operation::ShearX(shear) | Operation::ShearY(shear) => Some(shear / 0.03),
        Operation::TranslateX(part) | Operation::TranslateY(part) => Some(part / 0.045),
        _ => None,
    };
    draw_many(&policy)
        .into_iter()
        .flat_map(|draw| draw.operations.list)
        .filter_map(|operation| magnitude(operation?))
        .collect()
}

#[test]
fn magnitudes_are_normal_and_cut_at_ten() {
    let released = magnitudes(RandAugment::default());
    assert!(released.len() > 30_000);
    assert_share(released.iter().filter(|m| **m < 0.0).count(), released.len(), 0.5, "negative");
    let sizes: Vec<f64> = released.iter().map(|m| m.abs()).collect();
    assert!(sizes.iter().all(|m| *m <= 10.0 + 1e-9));
    // Beyond two standard deviations lie 2.275 %; the moments of what is cut there follow.
    assert_share(sizes.iter().filter(|m| **m > 10.0 - 1e-9).count(), sizes.len(), 0.022_75, "cut");
    assert_moments(&sizes, 8.995_75, 0.489_96, 0.01, "released");

    let middle = RandAugment { magnitude: 5.0, magnitude_std: 1.0, ..RandAugment::default() };
    let sizes: Vec<f64> = magnitudes(middle).iter().map(|m| m.abs()).collect();
    assert_moments(&sizes, 5.0, 1.0, 0.02, "in the middle");
    let near = sizes.iter().filter(|m| (*m - 5.0).abs() < 1.0).count();
    assert_share(near, sizes.len(), 0.682_689, "within one standard deviation");

    let fixed = RandAugment { magnitude_std: 0.0, ..RandAugment::default() };
    assert!(magnitudes(fixed).iter().all(|m| (m.abs() - 9.0).abs() < 1e-9));
}

#[test]
fn rectangles_have_the_area_and_the_shape_that_were_asked_for() {
    // Up to a fifth of the area every shape fits, so that no attempt is lost.
    let policy = ViewPolicy { erase: 1.0, erase_area: [0.05, 0.2], ..rand() };
    let erased: Vec<Erase> = draw_many(&policy).into_iter().filter_map(|draw| draw.erase).collect();
    assert_eq!(erased.len() as u64, DRAWS);
    let collect = |f: fn(&Erase) -> f64| erased.iter().map(f).collect::<Vec<f64>>();
    let part = collect(|e| f64::from(e.width * e.height) / 224f64.powi(2));
    assert_moments(&part, 0.125, 0.15 / 12f64.sqrt(), 0.001, "area");
    let aspect = collect(|e| (f64::from(e.height) / f64::from(e.width)).ln());
    assert_moments(&aspect, 0.0, 2.0 * (1.0 / 0.3f64).ln() / 12f64.sqrt(), 0.015, "aspect");
    let top = collect(|e| f64::from(e.top) / f64::from(224 - e.height));
    assert_moments(&top, 0.5, 1.0 / 12f64.sqrt(), 0.01, "top");
    let left = collect(|e| f64::from(e.left) / f64::from(224 - e.width));
    assert_moments(&left, 0.5, 1.0 / 12f64.sqrt(), 0.01, "left");

    let released: Vec<Erase> = draw_many(&rand()).into_iter().filter_map(|draw| draw.erase).collect();
    assert_share(released.len(), DRAWS as usize, 0.25, "erased");
    for e in &released {
        assert!(e.width < 224 && e.height < 224 && e.left + e.width <= 224 && e.top + e.height <= 224);
        let part = f64::from(e.width * e.height) / 224f64.powi(2);
        assert!((0.0195..0.3375).contains(&part), "{part}");
    }
}

#[test]
fn what_fits_nowhere_is_not_erased() {
    let policy = ViewPolicy { erase: 1.0, erase_area: [1.0, 1.0], ..rand() };
    assert!(draw_many(&policy).iter().all(|draw| draw.erase.is_none()));
}

#[test]
fn noise_is_normal_fills_its_rectangle_and_is_named_by_its_seed() {
    let erase = Erase {
        top: 20,
        left: 31,
        height: 151,
        width: 101,
        seed: 5,
        mean: [0.4, 0.5, 0.6],
        std: [0.05, 0.1, 0.12],
    };
    let noise = |erase: Erase| {
        let mut image = Rgb8::new(160, 180, vec![3; 3 * 160 * 180]).unwrap();
        let crop = Crop { top: 0, left: 0, height: 1, width: 1 };
        Augmenter::new().adjust(&mut image, &ViewDraw { erase: Some(erase), ..resize_only(crop) });
        image
    };
    let image = noise(erase);
    let inside = |x: u32, y: u32| (31..132).contains(&x) && (20..171).contains(&y);
    let mut channels = [const { Vec::new() }; 3];
    for (x, y) in (0..180).flat_map(|y| (0..160).map(move |x| (x, y))) {
        let pixel = image.pixel(x, y);
        if inside(x, y) {
            (0..3).for_each(|c| channels[c].push(f64::from(pixel[c])));
        } else {
            assert_eq!(pixel, [3; 3], "outside at {x}, {y}");
        }
    }
    assert_eq!(channels[0].len(), 151 * 101);
    for (c, values) in channels.iter().enumerate() {
        assert_moments(values, 255.0 * erase.mean[c], 255.0 * erase.std[c], 0.8, &format!("channel {c}"));
    }
    // Neighbours and channels know nothing of one another.
    let correlation = |a: &[f64], b: &[f64], c: usize, d: usize| {
        let centred = |v: f64, c: usize| (v / 255.0 - erase.mean[c]) / erase.std[c];
        a.iter().zip(b).map(|(&a, &b)| centred(a, c) * centred(b, d)).sum::<f64>() / a.len() as f64
    };
    for c in 0..3 {
        let (values, next) = (&channels[c], &channels[(c + 1) % 3]);
        assert!(correlation(values, next, c, (c + 1) % 3).abs() < 0.04);
        assert!([1, 2, 101].iter().all(|&lag| correlation(values, &values[lag..], c, c).abs() < 0.04));
    }
    assert_eq!(image, noise(erase));
    assert_ne!(image, noise(Erase { seed: 6, ..erase }));
}

#[test]
fn noise_beyond_the_range_of_bytes_is_cut() {
    let policy = ViewPolicy { erase: 1.0, rand_augment: None, jitter: 0.0, gray: 0.0, ..rand() };
    let image = Rgb8::new(1, 1, vec![0; 3]).unwrap();
    let draw = draw(&policy, DrawKey { seed: 0, epoch: 0, sample: 0, view: 0 }, 1, 1);
    let erase = draw.erase.unwrap();
    assert_eq!((erase.mean, erase.std), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]));
    let mut view = vec![0; 3 * 224 * 224];
    Augmenter::new().apply(&image, &policy, &draw, &mut view);
    let n = (erase.width * erase.height) as usize;
    // Red is white from (1 - 0.485) / 0.229 standard deviations on (less half a step of 8 bits): 1.242 %.
    assert_share(view.iter().step_by(3).filter(|v| **v == 255).count(), n, 0.012_42, "white");
}

#[test]
fn draws_depend_on_their_key_alone_and_leave_all_others_as_they_were() {
    let policy = ViewPolicy { erase: 1.0, ..rand() };
    let bare = ViewPolicy { jitter: 0.8, gray: 0.2, blur: 0.5, solarize: 0.2, ..rand() };
    let bare = ViewPolicy { erase: 0.0, rand_augment: None, ..bare };
    let both = ViewPolicy { erase: 1.0, rand_augment: Some(RandAugment::default()), ..bare.clone() };
    let mut seen = Vec::new();
    for sample in 0..500 {
        let key = DrawKey { seed: 0, epoch: 0, sample, view: 0 };
        let a = draw(&policy, key, 64, 64);
        assert_eq!(a, draw(&policy, key, 64, 64));
        seen.push(a.erase.unwrap().seed);
        let (off, on) = (draw(&bare, key, 64, 64), draw(&both, key, 64, 64));
        assert_eq!((off.erase, off.operations), (None, Operations::default()));
        assert_eq!(off, ViewDraw { erase: None, operations: Operations::default(), ..on });
        assert_eq!((on.erase, on.operations), (a.erase, a.operations));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 500, "every view has noise of its own");
}
