//! What the images show about each other: near copies, and images that are like no other.
//!
//! Copies are sought by pixels first, among all images that have a thumbnail: a network that has learned little finds a fish
//! and a horn alike, their pixels are not. The features add pairs that stand out: much nearer to each other than images are as
//! a rule, and not unlike by their pixels.

mod pixels;
mod tables;

use std::collections::HashSet;

use crate::map::{Closest, NEAREST, similarity};
use crate::run::{Run, Samples};

pub(crate) use self::pixels::MOST_OF_ONE;
pub(crate) use self::tables::{write_duplicates, write_outliers};

/// Cosine similarity from which two images may be nearly the same by their features.
const DUPLICATE: f32 = 0.99;
/// Such a pair is at most this part of the distance at which images have their nearest neighbour as a rule.
const STANDS_OUT: f32 = 0.1;
/// Distances below this are rounding.
const NOISE: f32 = 1e-5;
/// Pairs that are kept: beyond, a data set has few different images, and more rows say nothing new.
const MOST_PAIRS: usize = 100_000;

/// Copies and oddities among the images that were compared.
pub(crate) struct Finds {
    /// How many images were compared by their pixels.
    pub(crate) seen: usize,
    /// How many were compared by their features.
    pub(crate) compared: usize,
    /// Pairs of equal pixels, of nearly equal ones, and those by features; in each the nearest first.
    pub(crate) pairs: Vec<Pair>,
    /// Whether there are more pairs: at most [`MOST_PAIRS`] are kept, and of near copies at most [`MOST_OF_ONE`] of one image.
    pub(crate) is_cut: bool,
    /// Images by their mean similarity to their nearest neighbours, the loneliest first.
    pub(crate) lonely: Vec<(usize, f32)>,
}

/// Two images that are nearly the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    /// Their rows, ascending.
    pub(crate) rows: [usize; 2],
    /// What says so.
    pub(crate) by: By,
    /// Mean absolute difference of the pixels of their thumbnails, of 255; `None` where one of them has none.
    pub(crate) apart: Option<f32>,
    /// Cosine similarity of their features.
    pub(crate) similarity: f32,
}

/// What says that two images are nearly the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// The thumbnails are equal, byte for byte.
    EqualPixels,
    /// The thumbnails differ by little.
    NearPixels,
    /// The features alone.
    Features,
}

impl By {
    /// The word in `duplicates.csv`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::EqualPixels => "equal pixels",
            Self::NearPixels => "near pixels",
            Self::Features => "features",
        }
    }
}

/// Looks at all thumbnails, and through the nearest neighbours of every image.
pub(crate) fn finds(run: &Run, samples: &Samples, closest: &Closest) -> Finds {
    let point = |row: usize| &samples.embedding[row * samples.width..(row + 1) * samples.width];
    let pictures = pixels::Pictures::of(run, samples);
    let (mut pairs, mut is_cut) = pictures.pairs();
    pairs.iter_mut().for_each(|pair| pair.similarity = similarity(point(pair.rows[0]), point(pair.rows[1])));

    let known: HashSet<[usize; 2]> = pairs.iter().map(|pair| pair.rows).collect();
    let usual = usual_distance(closest);
    // Where all features are equal none stands out.
    let reach = if usual > NOISE { 1.0 - (STANDS_OUT * usual).min(1.0 - DUPLICATE) } else { f32::INFINITY };
    let mut by_features: Vec<Pair> = Vec::new();
    for (&row, neighbours) in closest.rows.iter().zip(&closest.neighbours) {
        for near in neighbours.iter().take_while(|near| near.similarity >= reach) {
            let rows = [row.min(near.row), row.max(near.row)];
            if known.contains(&rows) || !pictures.may_be_alike(rows) {
                continue;
            }
            let apart = pictures.apart(rows);
            by_features.push(Pair { rows, by: By::Features, apart, similarity: near.similarity });
        }
    }
    // Each of two images may have found the other.
    by_features.sort_by_key(|pair| pair.rows);
    by_features.dedup_by_key(|pair| pair.rows);
    pairs.extend(by_features);
    pairs.sort_by(|a, b| {
        a.by.cmp(&b.by).then(b.similarity.total_cmp(&a.similarity)).then(a.rows.cmp(&b.rows))
    });
    is_cut |= pairs.len() > MOST_PAIRS;
    pairs.truncate(MOST_PAIRS);

    let mut lonely: Vec<(usize, f32)> = closest
        .rows
        .iter()
        .zip(&closest.neighbours)
        .filter(|(_, neighbours)| neighbours.len() == NEAREST)
        .map(|(row, near)| (*row, near.iter().map(|n| n.similarity).sum::<f32>() / NEAREST as f32))
        .collect();
    lonely.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    Finds { seen: pictures.len(), compared: closest.rows.len(), pairs, is_cut, lonely }
}

/// The median of the distances (1 − cosine similarity) at which images have their nearest neighbour.
fn usual_distance(closest: &Closest) -> f32 {
    let mut distances: Vec<f32> =
        closest.neighbours.iter().filter_map(|near| Some(1.0 - near.first()?.similarity)).collect();
    distances.sort_by(f32::total_cmp);
    distances.get(distances.len() / 2).copied().unwrap_or(0.0).max(0.0)
}
