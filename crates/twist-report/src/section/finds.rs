//! Copies and outliers, with their pictures.

use serde::Serialize;

use super::picture::{Album, Picture};
use crate::finds::{By, Finds as Found, MOST_OF_ONE};
use crate::run::Samples;
use crate::text::{count, plural};

/// Pairs shown; the table has all.
const MOST_SHOWN: usize = 24;
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

/// What was found on the way; `None` of a run without two evaluated images, which nobody has compared.
pub(crate) fn view(album: &mut Album<'_>, found: &Found) -> Option<Finds> {
    let samples = album.samples;
    if samples.len() < 2 {
        return None;
    }
    // Two labels on one picture are worth a look.
    let odd = |[a, b]: [usize; 2]| {
        samples.label[a].is_some() && samples.label[b].is_some() && samples.label[a] != samples.label[b]
    };
    let shown = found.pairs.iter().take(MOST_SHOWN);
    let pairs = shown
        .map(|pair| Pair {
            pictures: pair.rows.map(|row| album.picture(row, album.subject(row), odd(pair.rows))),
            note: match (pair.by, pair.apart) {
                (By::EqualPixels, _) => "equal pixels".into(),
                (By::NearPixels, Some(apart)) => format!("pixels differ by {apart:.1}"),
                _ => format!("features {:.4}", pair.similarity),
            },
        })
        .collect();
    let enough = if samples.len() < FEWEST { 0 } else { MOST_LONELY };
    let names_alone = album.run.thumbnails.is_empty();
    let lonely: Vec<_> =
        found.lonely.iter().filter(|(row, _)| names_alone || album.has(*row)).take(enough).collect();
    let lonely =
        lonely.into_iter().map(|(row, mean)| album.picture(*row, format!("{mean:.2}"), false)).collect();
    Some(Finds { pairs_text: pairs_text(found), pairs, lonely, scope: scope(samples, found) })
}

/// How many pairs there are of each kind.
fn pairs_text(found: &Found) -> String {
    let of = |by: By| found.pairs.iter().filter(|pair| pair.by == by).count();
    let kinds = [
        (By::EqualPixels, "with equal pixels"),
        (By::NearPixels, "with nearly equal pixels"),
        (By::Features, "with nearly equal features"),
    ];
    let parts: Vec<String> = kinds
        .iter()
        .filter(|(by, _)| of(*by) > 0)
        .map(|(by, words)| format!("{} {words}", count(of(*by) as u64)))
        .collect();
    match found.pairs.len() {
        0 => "No two images are nearly the same.".into(),
        number if found.is_cut => format!(
            "More than {}; listed are {}, near copies of one image at most {MOST_OF_ONE}.",
            plural(number, "pair", "pairs"),
            parts.join(", ")
        ),
        number => format!("{}: {}.", plural(number, "pair", "pairs"), parts.join(", ")),
    }
}

fn scope(samples: &Samples, found: &Found) -> String {
    let all = plural(samples.len(), "image", "images");
    let compared = |number: usize| {
        if number < samples.len() {
            format!("{} of {all}", count(number as u64))
        } else {
            format!("all {all}")
        }
    };
    let by_pixels = match found.seen {
        0 => "The run has no thumbnails, so Twist compared no pixels".to_owned(),
        seen => format!("The pixels of {} were compared", compared(seen)),
    };
    let outliers = match samples.len() < FEWEST {
        true => format!(" Outliers are searched for among {FEWEST} or more images."),
        false => String::new(),
    };
    let features = compared(found.compared);
    format!("{by_pixels}, and the features of {features}. Check each pair yourself.{outliers}")
}
