//! What the embedded data set promises.

use std::collections::HashSet;

use super::figure::{Figure, Tone};
use super::{SHAPES_SIZE, Shapes, Split};

use crate::dataset::{Dataset, Stored};
use crate::error::DataError;

const GOLDEN_TRAIN: u64 = 0xbc21_4dde_5c32_74ce;
const GOLDEN_TEST: u64 = 0x9e7b_7d1c_43b5_6052;

fn pixels(data: &Shapes, index: usize) -> Vec<u8> {
    match data.read(index).unwrap() {
        Stored::Pixels(image) => {
            assert_eq!((image.width, image.height), (SHAPES_SIZE, SHAPES_SIZE));
            image.pixels.clone()
        }
        Stored::Encoded(_) => panic!("drawn images have no encoding"),
    }
}

fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The figures that the benchmarks quote belong to exactly these images: if you change a drawing, change `VERSION` too.
#[test]
fn every_machine_draws_the_same_images() {
    let hash = |split| {
        let data = Shapes::new(split, 50);
        fnv((0..data.len()).flat_map(|index| pixels(&data, index)))
    };
    assert_eq!((hash(Split::Train), hash(Split::Test)), (GOLDEN_TRAIN, GOLDEN_TEST));
}

#[test]
fn images_differ_between_indices_and_splits() {
    let mut seen = HashSet::new();
    for split in [Split::Train, Split::Test] {
        let data = Shapes::new(split, 150);
        for index in 0..data.len() {
            assert!(seen.insert(pixels(&data, index)), "{split:?} {index}");
        }
    }
    assert_eq!(seen.len(), 300);
}

#[test]
fn classes_are_balanced_and_named() {
    let data = Shapes::new(Split::Test, Split::Test.default_count());
    let mut counts = vec![0; data.classes().len()];
    let mut paths = HashSet::new();
    for index in 0..data.len() {
        let label = data.label(index).unwrap() as usize;
        counts[label] += 1;
        let path = data.path(index);
        assert!(path.ends_with(&data.classes()[label]), "{path}");
        assert!(paths.insert(path));
    }
    assert_eq!(counts, [100; 10]);
    assert_eq!(data.classes().iter().collect::<HashSet<_>>().len(), 10);
}

#[test]
fn there_is_nothing_beyond_the_end() {
    let data = Shapes::new(Split::Train, 3);
    assert!(matches!(data.read(3), Err(DataError::OutOfRange { index: 3, len: 3 })));
    assert_eq!((data.label(2), data.label(3)), (Some(2), None));
    assert_ne!(data.fingerprint(), Shapes::new(Split::Test, 3).fingerprint());
    assert_ne!(data.fingerprint(), Shapes::new(Split::Train, 4).fingerprint());
}

/// A figure must be visible, must leave background, and must lie where the renderer looks for it.
#[test]
fn figures_fit_their_disc() {
    for (figure, _) in Figure::ALL {
        let (mut inside, mut total) = (0, 0);
        for row in -150..150 {
            for column in -150..150 {
                let (x, y) = (column as f32 / 100.0, row as f32 / 100.0);
                let drawn = figure.at(x, y) != Tone::Outside;
                if x * x + y * y > super::render::REACH {
                    assert!(!drawn, "{figure:?} at ({x}, {y})");
                } else {
                    inside += u32::from(drawn);
                    total += 1;
                }
            }
        }
        let share = f64::from(inside) / f64::from(total);
        assert!((0.1..0.9).contains(&share), "{figure:?} covers {share}");
    }
}

/// Colour must hardly tell the class. Guessing the class whose mean colour is nearest is right for 18 of 100 images (measured on
/// the whole set); chance is 10.
#[test]
fn mean_colour_hardly_tells_the_class() {
    let means = |split, count| -> Vec<[f64; 3]> {
        let data = Shapes::new(split, count);
        (0..count)
            .map(|index| {
                let mut sum = [0.0; 3];
                for pixel in pixels(&data, index).chunks_exact(3) {
                    for (sum, &channel) in sum.iter_mut().zip(pixel) {
                        *sum += f64::from(channel);
                    }
                }
                sum.map(|sum| sum / f64::from(SHAPES_SIZE * SHAPES_SIZE))
            })
            .collect()
    };
    let mut centers = [[0.0; 3]; 10];
    for (index, mean) in means(Split::Train, 600).iter().enumerate() {
        for (center, channel) in centers[index % 10].iter_mut().zip(mean) {
            *center += channel / 60.0;
        }
    }
    let distance =
        |a: &[f64; 3], b: &[f64; 3]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum() };
    let held_out = means(Split::Test, 300);
    let right = held_out.iter().enumerate().filter(|(index, mean)| {
        let nearest =
            (0..10).min_by(|&a, &b| distance(&centers[a], mean).total_cmp(&distance(&centers[b], mean)));
        nearest == Some(index % 10)
    });
    let accuracy = right.count() as f64 / 300.0;
    assert!((0.05..0.25).contains(&accuracy), "{accuracy}");
}
