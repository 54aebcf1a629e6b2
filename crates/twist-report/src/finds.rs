//! What the embeddings show about the images themselves: copies, and images that are like no other.

use rayon::prelude::*;

use crate::map::{Closest, NEAREST};
use crate::pictures::pixels_apart;
use crate::run::{Run, Samples};

/// Cosine similarity from which two images count as nearly the same.
pub(crate) const DUPLICATE: f32 = 0.99;
/// Mean difference of the pixels below which two such images are called nearly equal, of 255.
const NEARLY: f32 = 14.0;
/// Pairs whose pixels are compared, the most similar ones: the network may find many different images alike.
const LOOKED_AT: usize = 1000;

/// Copies and oddities among the images that were compared.
pub(crate) struct Finds {
    /// How many images were compared with each other.
    pub(crate) compared: usize,
    /// Pairs of at least [`DUPLICATE`]: those of equal pixels, those of nearly equal ones, the others; the most similar first.
    pub(crate) pairs: Vec<Pair>,
    /// Images by their mean similarity to their nearest neighbours, the loneliest first.
    pub(crate) lonely: Vec<(usize, f32)>,
}

/// Two images that are nearly the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    /// Their rows, ascending.
    pub(crate) rows: [usize; 2],
    /// Cosine similarity of their features.
    pub(crate) similarity: f32,
    /// What their thumbnails say.
    pub(crate) pixels: Pixels,
}

/// How far the pixels of two images agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pixels {
    /// The thumbnails are equal, byte for byte.
    Equal,
    /// They differ by little.
    Nearly,
    /// They differ, or one of them is missing.
    Unlike,
}

/// Looks through the nearest neighbours of every image.
pub(crate) fn finds(run: &Run, samples: &Samples, closest: &Closest) -> Finds {
    let bytes = |row: usize| run.thumbnails.get(&samples.index[row]).map(|thumbnail| &thumbnail.bytes);
    let mut pairs: Vec<Pair> = Vec::new();
    for (&row, neighbours) in closest.rows.iter().zip(&closest.neighbours) {
        for near in neighbours.iter().take_while(|near| near.similarity >= DUPLICATE) {
            let rows = [row.min(near.row), row.max(near.row)];
            pairs.push(Pair { rows, similarity: near.similarity, pixels: Pixels::Unlike });
        }
    }
    // Each of two images may have found the other.
    pairs.sort_by_key(|pair| pair.rows);
    pairs.dedup_by_key(|pair| pair.rows);
    pairs.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.rows.cmp(&b.rows)));
    let seen = pairs.len().min(LOOKED_AT);
    pairs[..seen].par_iter_mut().for_each(|pair| {
        pair.pixels = match (bytes(pair.rows[0]), bytes(pair.rows[1])) {
            (Some(a), Some(b)) if a == b => Pixels::Equal,
            (Some(a), Some(b)) if pixels_apart(a, b).is_some_and(|apart| apart < NEARLY) => Pixels::Nearly,
            _ => Pixels::Unlike,
        };
    });
    pairs.sort_by_key(|pair| pair.pixels);

    let mut lonely: Vec<(usize, f32)> = closest
        .rows
        .iter()
        .zip(&closest.neighbours)
        .filter(|(_, neighbours)| neighbours.len() == NEAREST)
        .map(|(row, near)| (*row, near.iter().map(|n| n.similarity).sum::<f32>() / NEAREST as f32))
        .collect();
    lonely.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    Finds { compared: closest.rows.len(), pairs, lonely }
}
