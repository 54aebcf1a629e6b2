//! Near copies among many images: candidates by their hashes, then a comparison of each candidate.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::compare::{Likeness, Sample, compare};
use super::index::Index;
use super::sets::DisjointSets;
use super::thumbnail::Thumbnail;
use super::windows::{Coefficients, MIRRORED, WINDOWS, Window, hash};
use crate::survey::OnProgress;

/// Bits in which the hashes of two windows that may show the same differ, at most, of 63.
const MOST_BITS: u32 = 14;
/// Windows of one pair that are compared, the nearest by their hashes.
const TRIED: usize = 3;
/// Correlation of the gray values of near copies, at least.
pub(super) const VALUES: f32 = 0.95;
/// Correlation of the edges of near copies, at least.
pub(super) const EDGES: f32 = 0.9;
/// How much the shape of a window and that of its copy may differ, as a ratio of their ratios of width to height. A copy of the
/// whole image may be stretched.
const SHAPE: f32 = 1.12;
/// Images whose candidates are sought at once. Between two blocks it is noted what belongs together already.
const BLOCK: usize = 2048;

/// An image as it is compared.
pub(super) struct Picture<'a> {
    /// The image in gray.
    pub(super) thumbnail: &'a Thumbnail,
    /// Width over height.
    pub(super) shape: f32,
    /// Whether it belongs to the other data set.
    pub(super) is_other: bool,
}

/// Two images of which one shows the other, or a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    /// The one that shows all, and the other.
    pub(super) pair: [usize; 2],
    /// How alike they are.
    pub(super) likeness: Likeness,
}

/// What may be skipped, because of what was found before.
struct Known {
    /// Images that belong together have the same number.
    sets: Vec<usize>,
    /// Whether an image is in the other data set as well.
    is_leak: Vec<bool>,
}

impl Known {
    /// Whether a comparison of two images can say something new.
    fn leaves_open(&self, pictures: &[Picture<'_>], a: usize, b: usize) -> bool {
        match (pictures[a].is_other, pictures[b].is_other) {
            (false, false) => self.sets[a] != self.sets[b],
            (false, true) => !self.is_leak[a],
            (true, false) => !self.is_leak[b],
            (true, true) => false,
        }
    }
}

/// A place where one image may show another.
#[derive(Clone, Copy)]
struct Place {
    window: Window,
    is_mirrored: bool,
    /// Bits in which the hashes differ.
    apart: u32,
}

/// Pairs of near copies, enough of them to connect all images of the data set that are connected, and to find each that is in the
/// other data set: where that is known already, nothing is compared. `progress` is called with the number of images done so far.
pub(super) fn near_copies(pictures: &[Picture<'_>], progress: OnProgress<'_>) -> Vec<Near> {
    let hashes = pictures.par_iter().map(|picture| hash(&WINDOWS.whole(picture.thumbnail))).collect();
    let (index, done) = (Index::new(hashes), AtomicUsize::new(0));
    let (mut sets, mut is_leak) = (DisjointSets::new(pictures.len()), vec![false; pictures.len()]);
    let (mut pairs, numbers) = (Vec::new(), (0..pictures.len()).collect::<Vec<usize>>());
    for block in numbers.chunks(BLOCK) {
        let known = Known { sets: sets.roots(), is_leak: is_leak.clone() };
        let of_one = |&number: &usize| {
            let found =
                copies_of(pictures, number, &index, |other| known.leaves_open(pictures, number, other));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            found
        };
        let found: Vec<Vec<Near>> = block.par_iter().map(of_one).collect();
        for near in found.into_iter().flatten() {
            match near.pair.map(|number| pictures[number].is_other) {
                [false, false] => sets.join(near.pair[0], near.pair[1]),
                [is_other, _] => is_leak[near.pair[usize::from(is_other)]] = true,
            }
            pairs.push(near);
        }
    }
    pairs
}

/// The copies of what image `number` shows, or of parts of it.
fn copies_of(
    pictures: &[Picture<'_>],
    number: usize,
    index: &Index,
    may: impl Fn(usize) -> bool,
) -> Vec<Near> {
    let mut places: HashMap<usize, Vec<Place>> = HashMap::new();
    let all = WINDOWS.coefficients(pictures[number].thumbnail);
    for (window, coefficients) in WINDOWS.all.iter().zip(&all) {
        for (is_mirrored, code) in codes(coefficients) {
            index.near(code, coefficients, MOST_BITS, |other, apart| {
                let other = other as usize;
                // Of two whole images, one finds the other.
                let is_mine = other > number || !window.is_whole();
                if other != number && is_mine && fits(pictures, number, window, other) && may(other) {
                    add(places.entry(other).or_default(), Place { window: *window, is_mirrored, apart });
                }
            });
        }
    }
    let mut found: Vec<Near> =
        places.into_iter().filter_map(|(other, places)| best(pictures, number, other, &places)).collect();
    found.sort_unstable_by_key(|near| near.pair);
    found
}

/// Compares two images that no search has compared.
pub(super) fn one_in_other(pictures: &[Picture<'_>], of: usize, copy: usize) -> Option<Near> {
    [(of, copy), (copy, of)].into_iter().find_map(|(of, copy)| {
        let code = hash(&WINDOWS.whole(pictures[copy].thumbnail));
        let mut places = Vec::new();
        for (window, coefficients) in WINDOWS.all.iter().zip(&WINDOWS.coefficients(pictures[of].thumbnail)) {
            for (is_mirrored, own) in codes(coefficients) {
                let apart = (own ^ code).count_ones();
                if apart <= MOST_BITS && fits(pictures, of, window, copy) {
                    add(&mut places, Place { window: *window, is_mirrored, apart });
                }
            }
        }
        best(pictures, of, copy, &places)
    })
}

/// The hash of a window, and that of its mirror image.
fn codes(coefficients: &Coefficients) -> [(bool, u64); 2] {
    let own = hash(coefficients);
    [(false, own), (true, own ^ *MIRRORED)]
}

/// Whether the window could have become the other image, by its shape.
fn fits(pictures: &[Picture<'_>], of: usize, window: &Window, copy: usize) -> bool {
    let cut = pictures[of].shape * window.x.length / window.y.length;
    let ratio = cut / pictures[copy].shape;
    window.is_whole() || (1.0 / SHAPE..=SHAPE).contains(&ratio)
}

/// Keeps the nearest places.
fn add(places: &mut Vec<Place>, place: Place) {
    let is_known = |own: &Place| own.window == place.window && own.is_mirrored == place.is_mirrored;
    if places.iter().any(is_known) {
        return;
    }
    let at = places.partition_point(|own| own.apart <= place.apart);
    if at < TRIED {
        places.insert(at, place);
        places.truncate(TRIED);
    }
}

/// The pair, if one of the places shows that it is one of near copies.
fn best(pictures: &[Picture<'_>], of: usize, copy: usize, places: &[Place]) -> Option<Near> {
    if places.is_empty() {
        return None;
    }
    let sample = Sample::of(pictures[copy].thumbnail);
    let at = |place: &Place| compare(pictures[of].thumbnail, place.window, place.is_mirrored, &sample);
    let is_copy = |likeness: &Likeness| likeness.values >= VALUES && likeness.edges >= EDGES;
    places.iter().map(at).find(is_copy).map(|likeness| Near { pair: [of, copy], likeness })
}
