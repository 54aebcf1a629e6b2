//! Describes a data set.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use super::pass::{Remark, SurveyOptions, Unreadable};
use super::pixels::Moments;
use super::probe::probe;
use crate::dataset::{Dataset, LeftOut, Stored};
use crate::decode::DecodeNote;

/// Smallest, middle and largest of a set of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: u32,
    /// The middle one; of an even number, the lower of the two in the middle.
    pub median: u32,
    /// The largest.
    pub max: u32,
}

/// A class and its number of images.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ClassCount {
    /// Its name.
    pub name: String,
    /// Images in the whole data set, whether inspected or not.
    pub images: u64,
}

/// Images with exactly the same bytes (or pixels, where they are stored as such).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Duplicates {
    /// Images equal to an earlier one.
    pub images: u64,
    /// Those of them that have another label than the earlier one.
    pub conflicting: u64,
    /// The first few pairs: an image and the earlier one.
    pub examples: Vec<[String; 2]>,
}

/// Images that are almost black, or almost white: often a sign that their values are scaled otherwise than their type says.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Shade {
    /// How many there are.
    pub images: u64,
    /// The first few of them.
    pub examples: Vec<String>,
}

/// A description of a data set.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DataInfo {
    /// Number of images.
    pub images: usize,
    /// Images that were opened for everything below, fewer when only a sample was asked for.
    pub inspected: usize,
    /// Images with a label.
    pub labelled: u64,
    /// Every class that has images, with their number.
    pub classes: Vec<ClassCount>,
    /// Names of classes that no image has.
    pub empty_classes: Vec<String>,
    /// Images of the largest class over those of the smallest; `None` without classes.
    pub imbalance: Option<f64>,
    /// Width in pixels, upright.
    pub width: Spread,
    /// Height in pixels, upright.
    pub height: Spread,
    /// Bytes of the inspected images as stored.
    pub bytes: u64,
    /// Inspected images by format; `pixels` for those without an encoding.
    pub formats: BTreeMap<String, u64>,
    /// Inspected images by kind of channels before they become RGB.
    pub channels: BTreeMap<String, u64>,
    /// Mean of the red, green and blue values in `[0, 1]`. Each image counts the same, whatever its size.
    pub mean: Option<[f64; 3]>,
    /// Standard deviation of the values over the pixels, in the same way.
    pub std: Option<[f64; 3]>,
    /// Inspected images whose values have a mean below 0.05 of white.
    pub nearly_black: Shade,
    /// Inspected images whose values have a mean above 0.95 of white.
    pub nearly_white: Shade,
    /// Inspected images that are odd and were read all the same.
    pub remarks: Vec<Remark>,
    /// Inspected images that cannot be decoded.
    pub unreadable: Vec<Unreadable>,
    /// Images that are there more than once.
    pub duplicates: Duplicates,
    /// What else was found beside the images.
    pub left_out: Vec<LeftOut>,
    /// Identity of the data set.
    pub fingerprint: String,
}

struct Look {
    index: usize,
    size: (u32, u32),
    bytes: u64,
    format: &'static str,
    channels: String,
    moments: Moments,
    hash: [u8; 16],
    note: Option<DecodeNote>,
}

/// Pairs of duplicates that are named, and images of a shade.
const EXAMPLES: usize = 5;

/// Mean of the values below which an image is nearly black, and above one minus which it is nearly white.
const NEARLY: f64 = 0.05;

/// Describes a data set by decoding its images, or `sample` of them, spread evenly over it.
///
/// The result does not depend on the number of threads.
pub fn info(dataset: &dyn Dataset, sample: Option<usize>, options: &SurveyOptions<'_>) -> DataInfo {
    let indices = spread_over(dataset.len(), sample);
    let looks = options.run(dataset, &indices, |index, stored, image, note| {
        let (bytes, (format, channels)) = match stored {
            Stored::Pixels(image) => (&image.pixels, ("pixels", "RGB".to_owned())),
            Stored::Encoded(bytes) => (bytes, probe(bytes).unwrap_or(("unknown", "unknown".to_owned()))),
        };
        Look {
            index,
            size: (image.width, image.height),
            bytes: bytes.len() as u64,
            format,
            channels,
            moments: Moments::of(image),
            hash: content_hash(bytes),
            note,
        }
    });
    let (mut readable, mut unreadable) = (Vec::with_capacity(looks.len()), Vec::new());
    for look in looks {
        match look {
            Ok(look) => readable.push(look),
            Err(error) => unreadable.push(error),
        }
    }
    let count = |of: &dyn Fn(&Look) -> &str| {
        let mut counts = BTreeMap::new();
        readable.iter().for_each(|look| *counts.entry(of(look).to_owned()).or_insert(0) += 1);
        counts
    };
    let moments: Vec<Moments> = readable.iter().map(|l| l.moments).collect();
    let summary = Moments::summary(&moments);
    let (classes, empty): (Vec<_>, Vec<_>) = classes(dataset).into_iter().partition(|class| class.images > 0);
    DataInfo {
        images: dataset.len(),
        inspected: indices.len(),
        labelled: classes.iter().map(|c| c.images).sum(),
        imbalance: imbalance(&classes),
        width: spread(readable.iter().map(|l| l.size.0)),
        height: spread(readable.iter().map(|l| l.size.1)),
        bytes: readable.iter().map(|l| l.bytes).sum(),
        formats: count(&|l| l.format),
        channels: count(&|l| &l.channels),
        mean: summary.map(|(mean, _)| mean),
        std: summary.map(|(_, std)| std),
        nearly_black: shade(dataset, &readable, |brightness| brightness < NEARLY),
        nearly_white: shade(dataset, &readable, |brightness| brightness > 1.0 - NEARLY),
        remarks: readable.iter().filter_map(|l| Remark::of(dataset, l.index, l.note.clone())).collect(),
        duplicates: duplicates(dataset, &readable),
        left_out: dataset.left_out().to_vec(),
        fingerprint: dataset.fingerprint(),
        classes,
        empty_classes: empty.into_iter().map(|class| class.name).collect(),
        unreadable,
    }
}

/// `wanted` indices spread evenly over `len`; all of them where that is enough.
fn spread_over(len: usize, wanted: Option<usize>) -> Vec<usize> {
    match wanted {
        Some(wanted) if wanted < len => {
            (0..wanted).map(|i| (i as u128 * len as u128 / wanted as u128) as usize).collect()
        }
        _ => (0..len).collect(),
    }
}

/// Enough of a hash that equal ones mean equal content.
pub(crate) fn content_hash(bytes: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(bytes);
    std::array::from_fn(|i| digest[i])
}

fn classes(dataset: &dyn Dataset) -> Vec<ClassCount> {
    let mut counts: Vec<ClassCount> =
        dataset.classes().iter().map(|name| ClassCount { name: name.clone(), images: 0 }).collect();
    for label in (0..dataset.len()).filter_map(|index| dataset.label(index)) {
        if let Some(class) = counts.get_mut(label as usize) {
            class.images += 1;
        }
    }
    counts
}

/// Largest class over smallest.
fn imbalance(classes: &[ClassCount]) -> Option<f64> {
    let smallest = classes.iter().map(|c| c.images).min()?;
    let largest = classes.iter().map(|c| c.images).max()?;
    Some(largest as f64 / smallest as f64)
}

/// Smallest, median, largest; zeros for none.
fn spread(values: impl Iterator<Item = u32>) -> Spread {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    match (values.first(), values.last()) {
        (Some(&min), Some(&max)) => Spread { min, median: values[(values.len() - 1) / 2], max },
        _ => Spread::default(),
    }
}

/// Images of a brightness.
fn shade(dataset: &dyn Dataset, looks: &[Look], is_meant: impl Fn(f64) -> bool) -> Shade {
    let found: Vec<usize> =
        looks.iter().filter(|look| is_meant(look.moments.brightness())).map(|look| look.index).collect();
    let examples = found.iter().take(EXAMPLES).map(|&index| dataset.path(index)).collect();
    Shade { images: found.len() as u64, examples }
}

/// Images whose hash was seen before.
fn duplicates(dataset: &dyn Dataset, looks: &[Look]) -> Duplicates {
    let mut duplicates = Duplicates::default();
    let mut first: HashMap<[u8; 16], usize> = HashMap::with_capacity(looks.len());
    for look in looks {
        let earlier = *first.entry(look.hash).or_insert(look.index);
        if earlier == look.index {
            continue;
        }
        duplicates.images += 1;
        duplicates.conflicting += u64::from(dataset.label(look.index) != dataset.label(earlier));
        if duplicates.examples.len() < EXAMPLES {
            duplicates.examples.push([dataset.path(look.index), dataset.path(earlier)]);
        }
    }
    duplicates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_evenly() {
        assert_eq!(spread_over(10, Some(4)), [0, 2, 5, 7]);
        assert_eq!(spread_over(3, Some(5)), [0, 1, 2]);
        assert_eq!(spread_over(3, None), [0, 1, 2]);
    }

    #[test]
    fn spreads() {
        assert_eq!(spread([5, 1, 9, 7].into_iter()), Spread { min: 1, median: 5, max: 9 });
        assert_eq!(spread([].into_iter()), Spread::default());
    }
}
