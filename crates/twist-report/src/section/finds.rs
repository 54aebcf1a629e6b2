//! Copies and oddities, with their pictures.

use serde::Serialize;

use super::picture::{Picture, picture};
use crate::classes::Classes;
use crate::finds::{DUPLICATE, Pixels, finds};
use crate::map::Closest;
use crate::pictures::Book;
use crate::run::{Run, Samples};
use crate::text::{count, plural};

/// Pairs shown.
const MOST_PAIRS: usize = 24;
/// Oddities shown.
const MOST_LONELY: usize = 24;
/// Fewer images than this have no oddities: all of them are.
const FEWEST: usize = 50;

/// Copies and oddities.
#[derive(Serialize)]
pub(crate) struct Finds {
    /// How many pairs there are, and what counts as one.
    pairs_text: String,
    pairs: Vec<Pair>,
    lonely: Vec<Picture>,
    /// Among how many images.
    scope: String,
}

#[derive(Serialize)]
struct Pair {
    pictures: [Picture; 2],
    note: String,
}

/// What was found on the way; `None` when there are too few images.
pub(crate) fn view(
    run: &Run,
    samples: &Samples,
    classes: &Classes,
    closest: &Closest,
    book: &mut Book,
) -> Option<Finds> {
    if samples.len() < FEWEST {
        return None;
    }
    let found = finds(run, samples, closest);
    let equal = found.pairs.iter().filter(|pair| pair.pixels == Pixels::Equal).count();
    let pairs_text = match found.pairs.len() {
        0 => format!("No two images have features of cosine similarity {DUPLICATE} or more."),
        number => format!(
            "{} of cosine similarity {DUPLICATE} or more{}; those with equal or nearly equal pixels come first, then the closest.",
            plural(number, "pair has features", "pairs have features"),
            match equal {
                0 => String::new(),
                one => format!(", {} of them with equal pixels", count(one as u64)),
            },
        ),
    };
    let title = |row: usize| {
        samples.label[row]
            .map_or_else(|| classes.title(samples.merged.cluster[row]), |l| samples.class_name(l))
    };
    // Two labels on one picture are worth a look.
    let odd = |[a, b]: [usize; 2]| {
        samples.label[a].is_some() && samples.label[b].is_some() && samples.label[a] != samples.label[b]
    };
    let pairs = found
        .pairs
        .iter()
        .take(MOST_PAIRS)
        .map(|pair| Pair {
            pictures: pair
                .rows
                .map(|row| picture(run, samples, classes, book, (row, title(row), odd(pair.rows)))),
            note: match pair.pixels {
                Pixels::Equal => "equal pixels".into(),
                Pixels::Nearly => format!("{:.4}, nearly equal", pair.similarity),
                Pixels::Unlike => format!("{:.4}", pair.similarity),
            },
        })
        .collect();
    let seen = |row: usize| run.thumbnails.contains_key(&samples.index[row]);
    let lonely =
        found.lonely.iter().take(MOST_LONELY).filter(|(row, _)| seen(*row) || run.thumbnails.is_empty());
    let lonely = lonely
        .map(|(row, mean)| picture(run, samples, classes, book, (*row, format!("{mean:.2}"), false)))
        .collect();
    let scope = if found.compared < samples.len() {
        format!(
            "Sought among {} of {} images, chosen by chance.",
            count(found.compared as u64),
            count(samples.len() as u64)
        )
    } else {
        format!("Sought among all {} images.", count(samples.len() as u64))
    };
    Some(Finds { pairs_text, pairs, lonely, scope })
}
