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
/// Near copies of one image that are listed.
pub(crate) const MOST_OF_ONE: usize = 200;
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

    pub(super) fn len(&self) -> usize {
        self.signatures.len()
    }

    /// Pairs of equal and of nearly equal pixels, without their similarity. Of several equal images each but the first is
    /// paired with the first. Also whether there are more than are returned.
    pub(super) fn pairs(&self) -> (Vec<Pair>, bool) {
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
                alike.take(MOST_OF_ONE + 1).collect()
            })
            .collect();
        let is_cut = near.iter().any(|of_one| of_one.len() > MOST_OF_ONE);
        let listed = near.into_iter().flat_map(|of_one| of_one.into_iter().take(MOST_OF_ONE));
        // One more than is kept shows that there are more.
        pairs.extend(listed.take(MOST_PAIRS + 1));
        (pairs, is_cut)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// So many pictures, equal but for some noise in a corner.
    fn pictures(number: usize) -> Pictures {
        let signature = |row: usize| {
            let mut pixels =
                image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([16 * x as u8, 16 * y as u8, 40]));
            pixels.put_pixel(0, 0, image::Rgb([row as u8, 0, 0]));
            let mut bytes = std::io::Cursor::new(Vec::new());
            pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
            (row, Signature::of(bytes.get_ref()).unwrap())
        };
        Pictures {
            signatures: (0..number).map(signature).collect(),
            places: HashMap::new(),
            equal: Vec::new(),
        }
    }

    #[test]
    fn a_list_that_is_cut_says_so() {
        let of_first = |pairs: &[Pair]| pairs.iter().filter(|pair| pair.rows[0] == 0).count();
        let (pairs, is_cut) = pictures(MOST_OF_ONE + 1).pairs();
        assert_eq!((of_first(&pairs), is_cut), (MOST_OF_ONE, false));
        let (pairs, is_cut) = pictures(MOST_OF_ONE + 2).pairs();
        assert_eq!((of_first(&pairs), is_cut), (MOST_OF_ONE, true));
    }
}
