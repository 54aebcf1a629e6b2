//! Sample images with their most similar images.

use serde::Serialize;

use super::picture::{Picture, picture};
use crate::classes::Classes;
use crate::map::{Neighbour, nearest};
use crate::pictures::Book;
use crate::run::{Run, Samples};
use crate::text::count;

/// Sample images shown.
const QUERIES: usize = 12;
/// Neighbours of each.
const NEIGHBOURS: usize = 8;
/// Images tried per class: of these the one is shown whose neighbours have most thumbnails.
const CANDIDATES: usize = 3;

/// Sample images and their neighbours.
#[derive(Serialize)]
pub(crate) struct Neighbours {
    rows: Vec<Row>,
    /// Among how many images the neighbours were sought.
    among: String,
    has_labels: bool,
    /// How many of the neighbours shown agree with their sample image, in words.
    agreement: String,
}

#[derive(Serialize)]
struct Row {
    query: Picture,
    neighbours: Vec<Picture>,
}

/// Neighbours of typical images of the largest classes; `None` without images to compare, or without pictures.
pub(crate) fn neighbours(
    run: &Run,
    samples: &Samples,
    classes: &Classes,
    book: &mut Book,
) -> Option<Neighbours> {
    let visible = |row: usize| run.thumbnails.contains_key(&samples.index[row]);
    let mut candidates: Vec<Vec<usize>> = Vec::new();
    for class in classes.classes.iter().take(QUERIES) {
        // The image of middling confidence is typical of its class: neither the prototype nor the border. The final
        // evaluation makes thumbnails of it and of its neighbours; in other folders the images next to it may do better.
        let seen: Vec<usize> = class.rows.iter().copied().filter(|row| visible(*row)).collect();
        let middle = class.rows[class.rows.len() / 2];
        let from = (seen.len() / 2).saturating_sub(CANDIDATES / 2);
        let mut group: Vec<usize> = std::iter::once(middle).filter(|row| visible(*row)).collect();
        group.extend(seen.into_iter().skip(from).filter(|row| *row != middle).take(CANDIDATES - 1));
        candidates.push(group);
    }
    let queries: Vec<usize> = candidates.iter().flatten().copied().collect();
    if queries.is_empty() || samples.len() < 2 {
        return None;
    }
    let mut found = nearest(&samples.embedding, samples.width, &queries, NEIGHBOURS).into_iter();

    let has_labels = samples.has_labels();
    let agrees = |a: usize, b: usize| match (samples.label[a], samples.label[b]) {
        (Some(a), Some(b)) => a == b,
        _ => samples.merged.cluster[a] == samples.merged.cluster[b],
    };
    let (mut rows, mut alike, mut total) = (Vec::new(), 0usize, 0usize);
    for group in candidates {
        let tried: Vec<(usize, Vec<Neighbour>)> = group.into_iter().zip(found.by_ref()).collect();
        let coverage = |near: &[Neighbour]| near.iter().filter(|n| visible(n.row)).count();
        // The first of those with most thumbnails: `max_by_key` takes the last, so the search runs backwards.
        let Some((query, near)) = tried.into_iter().rev().max_by_key(|(_, near)| coverage(near)) else {
            continue;
        };
        alike += near.iter().filter(|n| agrees(query, n.row)).count();
        total += near.len();
        let caption = samples.label[query]
            .map_or_else(|| classes.title(samples.merged.cluster[query]), |l| samples.class_name(l));
        rows.push(Row {
            query: picture(run, samples, classes, book, (query, caption, false)),
            neighbours: near
                .iter()
                .map(|n| {
                    let entry = (n.row, format!("{:.2}", n.similarity), !agrees(query, n.row));
                    picture(run, samples, classes, book, entry)
                })
                .collect(),
        });
    }
    let what = if has_labels { "label" } else { "class" };
    let agreement =
        format!("{alike} of the {total} neighbours shown have the same {what} as their sample image");
    Some(Neighbours { rows, among: count(samples.len() as u64), has_labels, agreement })
}
