//! Near copies by the pixels of the thumbnails.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::{By, MOST_PAIRS, Pair};
use crate::pictures::Signature;
use crate::run::{Run, Samples};

/// Thumbnails that are compared with each other: a run has at most as many.
const MOST_COMPARED: usize = 5_000;
/// Correlation of the coarse gray pictures below which two are not compared further.
const CANDIDATE: f32 = 0.9;
/// Correlation of the colours of near copies, at least …
const ALIKE: f32 = 0.97;
/// … and their mean absolute difference, at most, of 255.
const NEARLY: f32 = 10.0;
/// Copies of one image that are listed.
const MOST_OF_ONE: usize = 200;
/// Correlation below which features are not believed …
const ROUGHLY: f32 = 0.6;
/// … and mean absolute difference above which they are not, of 255.
const FAR: f32 = 25.0;

/// The thumbnails of a run as they are compared.
pub(super) struct Pictures {
    /// Rows of the images, ascending, with their signatures.
    signatures: Vec<(usize, Signature)>,
    /// Position in `signatures` by row.
    places: HashMap<usize, usize>,
    /// Rows of equal thumbnails, each group ascending.
    equal: Vec<Vec<usize>>,
}

impl Pictures {
    /// Reads the thumbnails of the images in `samples`.
    pub(super) fn of(run: &Run, samples: &Samples) -> Self {
        let thumbnail = |row: usize| Some((row, run.thumbnails.get(&samples.index[row])?));
        let found: Vec<_> = (0..samples.len()).filter_map(thumbnail).take(MOST_COMPARED).collect();
        let mut equal: HashMap<&[u8], Vec<usize>> = HashMap::new();
        found.iter().for_each(|(row, one)| equal.entry(&one.bytes).or_default().push(*row));
        let mut equal: Vec<Vec<usize>> = equal.into_values().filter(|rows| rows.len() > 1).collect();
        equal.sort_unstable();
        let signatures: Vec<(usize, Signature)> =
            found.par_iter().filter_map(|(row, one)| Some((*row, Signature::of(&one.bytes)?))).collect();
        let places = signatures.iter().enumerate().map(|(place, (row, _))| (*row, place)).collect();
        Self { signatures, places, equal }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.signatures.len()
    }

    /// Pairs of equal and of nearly equal pixels, without their similarity. Of several equal images each but the first is
    /// paired with the first.
    pub(super) fn pairs(&self) -> Vec<Pair> {
        let pair = |rows, by, apart| Pair { rows, by, apart: Some(apart), similarity: 0.0 };
        let first = |group: &Vec<usize>| (group[0], group[1..].to_vec());
        let equal = self.equal.iter().map(first);
        let mut pairs: Vec<Pair> = equal
            .flat_map(|(first, others)| others.into_iter().map(move |other| [first, other]))
            .map(|rows| pair(rows, By::EqualPixels, 0.0))
            .collect();
        let is_copy: HashSet<usize> = pairs.iter().map(|pair| pair.rows[1]).collect();
        let different: Vec<&(usize, Signature)> =
            self.signatures.iter().filter(|(row, _)| !is_copy.contains(row)).collect();
        let near: Vec<Vec<Pair>> = different
            .par_iter()
            .enumerate()
            .map(|(place, (row, own))| {
                let others =
                    different[place + 1..].iter().filter(|(_, other)| own.likeness(other) >= CANDIDATE);
                let alike = others.filter_map(|(other_row, other)| {
                    let (like, apart) = own.compare(other);
                    (like >= ALIKE && apart <= NEARLY)
                        .then(|| pair([*row, *other_row], By::NearPixels, apart))
                });
                alike.take(MOST_OF_ONE).collect()
            })
            .collect();
        pairs.extend(near.into_iter().flatten().take(MOST_PAIRS));
        pairs
    }

    /// Whether the pixels of two images leave it open that they are copies. In a run without thumbnails they always do; where
    /// only one of the two lacks its thumbnail, features alone are not believed.
    pub(super) fn may_be_alike(&self, rows: [usize; 2]) -> bool {
        match self.both(rows) {
            Some((a, b)) => {
                let (like, apart) = a.compare(b);
                like >= ROUGHLY && apart <= FAR
            }
            None => self.signatures.is_empty(),
        }
    }

    /// The mean absolute difference of the pixels of two images, of 255.
    pub(super) fn apart(&self, rows: [usize; 2]) -> Option<f32> {
        self.both(rows).map(|(a, b)| a.compare(b).1)
    }

    fn both(&self, rows: [usize; 2]) -> Option<(&Signature, &Signature)> {
        let [a, b] = rows.map(|row| self.places.get(&row).map(|place| &self.signatures[*place].1));
        Some((a?, b?))
    }
}
