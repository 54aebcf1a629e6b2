//! Sample images with their most similar images.

use serde::Serialize;

use super::picture::{Album, Picture};
use crate::map::{Neighbour, nearest};
use crate::text::count;

/// Sample images shown.
const QUERIES: usize = 12;
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
pub(crate) fn neighbours(album: &mut Album<'_>) -> Option<Neighbours> {
    let samples = album.samples;
    let mut candidates: Vec<Vec<usize>> = Vec::new();
    for class in album.classes.classes.iter().take(QUERIES) {
        // The image of middling confidence is typical of its class: neither the prototype nor the border. The final
        // evaluation makes thumbnails of it and of its neighbours; in other folders the images next to it may do better.
        let seen: Vec<usize> = class.rows.iter().copied().filter(|row| album.has(*row)).collect();
        let middle = class.rows[class.rows.len() / 2];
        let from = (seen.len() / 2).saturating_sub(CANDIDATES / 2);
        let mut group: Vec<usize> = std::iter::once(middle).filter(|row| album.has(*row)).collect();
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
        let coverage = |near: &[Neighbour]| near.iter().filter(|n| album.has(n.row)).count();
        // The first of those with most thumbnails: `max_by_key` takes the last, so the search runs backwards.
        let Some((query, near)) = tried.into_iter().rev().max_by_key(|(_, near)| coverage(near)) else {
            continue;
        };
        alike += near.iter().filter(|n| agrees(query, n.row)).count();
        total += near.len();
        rows.push(Row {
            query: album.picture(query, album.subject(query), false),
            neighbours: near
                .iter()
                .map(|n| album.picture(n.row, format!("{:.2}", n.similarity), !agrees(query, n.row)))
                .collect(),
        });
    }
    let what = if has_labels { "label" } else { "class" };
    let agreement =
        format!("{alike} of the {total} neighbours shown have the same {what} as their sample image");
    Some(Neighbours { rows, among: count(samples.len() as u64), has_labels, agreement })
}
