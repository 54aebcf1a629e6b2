//! Finds hashes that are nearly equal without comparing all with all.
//!
//! A hash is cut into bands of 16 bits (multi-index hashing, Norouzi et al. 2012): two hashes that differ in few bits agree
//! in one of them, or nearly. A query also looks up the bands that differ from its own in its least certain bits, those whose
//! coefficients are closest to zero (query-directed probing, Lv et al. 2007).

use super::windows::Coefficients;

/// Bits of a band.
const BAND: usize = 16;
/// Bands that are looked up: the 48 slowest waves. Faster ones hardly survive strong compression.
const BANDS: usize = 3;
/// Bits of a band that are tried with both values.
const UNCERTAIN: usize = 4;

/// Hashes by their bands.
pub(super) struct Index {
    hashes: Vec<u64>,
    bands: [Buckets; BANDS],
}

/// Numbers of the hashes with each value of a band.
struct Buckets {
    /// Where the numbers of a value begin in `numbers`; one more at the end.
    begin: Vec<u32>,
    numbers: Vec<u32>,
}

impl Buckets {
    fn new(values: impl Iterator<Item = u16> + Clone) -> Self {
        let mut begin = vec![0u32; (1 << BAND) + 1];
        values.clone().for_each(|value| begin[usize::from(value) + 1] += 1);
        for value in 0..1 << BAND {
            begin[value + 1] += begin[value];
        }
        let mut next = begin.clone();
        let mut numbers = vec![0; begin[1 << BAND] as usize];
        for (number, value) in values.enumerate() {
            numbers[next[usize::from(value)] as usize] = number as u32;
            next[usize::from(value)] += 1;
        }
        Self { begin, numbers }
    }

    fn of(&self, value: u16) -> &[u32] {
        let value = usize::from(value);
        &self.numbers[self.begin[value] as usize..self.begin[value + 1] as usize]
    }
}

fn band(hash: u64, number: usize) -> u16 {
    (hash >> (BAND * number)) as u16
}

impl Index {
    pub(super) fn new(hashes: Vec<u64>) -> Self {
        let bands = std::array::from_fn(|number| Buckets::new(hashes.iter().map(|&hash| band(hash, number))));
        Self { hashes, bands }
    }

    /// Calls `found` with the number of each hash that differs from `hash` in at most `most` bits and is found by one of its
    /// bands (perhaps several times), and in how many it differs. `coefficients` say which bits are uncertain.
    pub(super) fn near(
        &self,
        hash: u64,
        coefficients: &Coefficients,
        most: u32,
        mut found: impl FnMut(u32, u32),
    ) {
        for (number, buckets) in self.bands.iter().enumerate() {
            let own = band(hash, number);
            for flips in probes(&coefficients[BAND * number..][..BAND]) {
                for &other in buckets.of(own ^ flips) {
                    let apart = (self.hashes[other as usize] ^ hash).count_ones();
                    if apart <= most {
                        found(other, apart);
                    }
                }
            }
        }
    }
}

/// All ways to change the bits that are least certain.
fn probes(coefficients: &[f32]) -> [u16; 1 << UNCERTAIN] {
    let mut least = [(f32::INFINITY, 0u16); UNCERTAIN];
    for (bit, coefficient) in coefficients.iter().enumerate() {
        let mut next = (coefficient.abs(), 1 << bit);
        for place in &mut least {
            if next.0 < place.0 {
                std::mem::swap(&mut next, place);
            }
        }
    }
    std::array::from_fn(|chosen| {
        let is_chosen = |i: &usize| chosen >> i & 1 == 1;
        (0..UNCERTAIN).filter(is_chosen).fold(0, |flips, i| flips | least[i].1)
    })
}

#[cfg(test)]
mod tests {
    use super::super::windows::{BITS, hash};
    use super::*;

    #[test]
    fn hashes_that_differ_in_uncertain_bits_are_found() {
        let own: Coefficients = std::array::from_fn(|i| if i % 3 == 0 { 5.0 } else { -4.0 - i as f32 });
        let mut unsure = own;
        // Two uncertain bits in every band, of which four change, and five certain ones in two of them.
        [1, 2, 17, 18, 33, 34].iter().for_each(|&i| unsure[i] = 0.1);
        [20, 22, 25, 40, 41].iter().for_each(|&i| unsure[i] = -unsure[i]);
        let index = Index::new(vec![!hash(&own), hash(&own)]);
        let mut found = Vec::new();
        index.near(hash(&unsure), &unsure, BITS as u32, |number, apart| found.push((number, apart)));
        assert_eq!(found, [(1, 9)]);
        index.near(hash(&unsure), &unsure, 8, |number, _| panic!("{number} is too far"));
    }

    #[test]
    fn all_subsets_of_the_least_certain_bits() {
        let mut probes = probes(&[9.0, -0.1, 8.0, 0.2, 7.0, 0.0, -0.3, 6.0]).to_vec();
        assert_eq!(probes[0], 0);
        probes.sort_unstable();
        probes.dedup();
        assert_eq!((probes.len(), probes.iter().fold(0, |all, p| all | p)), (16, 0b110_1010));
    }
}
