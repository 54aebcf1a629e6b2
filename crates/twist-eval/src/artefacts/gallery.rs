//! Which images the report will want to show, best first.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::EvalError;
use crate::labels::spread;
use twist_model::{NetworkOutputs, nearest};

/// Most thumbnails of one run: about 10 MB.
const MOST: usize = 4_000;
/// The gallery may take this many of them, so that neighbours and the map have theirs.
const GALLERY: usize = 2_600;
/// Images of each discovered class: the most confident ones …
const CONFIDENT: usize = 24;
/// … and those nearest to another class.
const BORDERLINE: usize = 12;
/// The report asks for the neighbours of one image of each of the largest classes.
const QUERIES: usize = 12;
/// Neighbours that it shows of each.
const NEIGHBOURS: i64 = 8;
/// It compares images with each other for as many products of two numbers, and a part of them when that is too few …
const COMPARISONS: f64 = 6e10;
/// … asks for the nearest of each …
const NEAREST: usize = 5;
/// … and shows the pairs that are at least so similar, of which this many get thumbnails …
const DUPLICATE: f32 = 0.99;
const PAIRS: usize = 100;
/// … and the images whose nearest ones are farthest away.
const LONELY: usize = 48;

/// Rows of `features`, without repetition: the gallery of each discovered class (largest first), copies and oddities,
/// sample images with their nearest neighbours, then images spread over the whole set.
///
/// # Errors
/// libtorch fails.
pub(crate) fn wanted(features: &NetworkOutputs) -> Result<Vec<usize>, EvalError> {
    let rows = features.indices.len();
    let mut wanted = Wanted { taken: vec![false; rows], order: Vec::new() };
    let groups = groups(features)?;
    for row in gallery(features, &groups)?.into_iter().take(GALLERY) {
        wanted.push(row);
    }
    for row in copies_and_oddities(features)? {
        wanted.push(row);
    }
    for row in queries_with_neighbours(features, &groups)? {
        wanted.push(row);
    }
    for row in spread(rows, MOST) {
        wanted.push(row as usize);
    }
    Ok(wanted.order)
}

struct Wanted {
    taken: Vec<bool>,
    order: Vec<usize>,
}

impl Wanted {
    fn push(&mut self, row: usize) {
        if self.order.len() < MOST && !std::mem::replace(&mut self.taken[row], true) {
            self.order.push(row);
        }
    }
}

/// The rows of each discovered class, most confident first (ties in row order), the largest class first.
fn groups(features: &NetworkOutputs) -> Result<Vec<Vec<usize>>, EvalError> {
    let confidence = column::<f32>(&features.confidences, 0)?;
    let mut members: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (row, cluster) in column::<i64>(&features.clusters, 0)?.into_iter().enumerate() {
        members.entry(cluster).or_default().push(row);
    }
    let mut groups: Vec<Vec<usize>> = members.into_values().collect();
    groups.iter_mut().for_each(|group| group.sort_by(|&a, &b| confidence[b].total_cmp(&confidence[a])));
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    Ok(groups)
}

/// The most confident and the borderline rows of each class.
fn gallery(features: &NetworkOutputs, groups: &[Vec<usize>]) -> Result<Vec<usize>, EvalError> {
    let (first, second) =
        (column::<f32>(&features.confidences, 0)?, column::<f32>(&features.confidences, 1)?);
    let mut rows = Vec::new();
    for group in groups {
        rows.extend(group.iter().take(CONFIDENT));
        let mut borderline = group.clone();
        borderline.sort_by(|&a, &b| (first[a] - second[a]).total_cmp(&(first[b] - second[b])));
        rows.extend(borderline.iter().take(BORDERLINE));
    }
    Ok(rows)
}

/// The image of middling confidence of each of the largest classes with its nearest neighbours: the same choice as the
/// report's.
fn queries_with_neighbours(
    features: &NetworkOutputs,
    groups: &[Vec<usize>],
) -> Result<Vec<usize>, EvalError> {
    let samples: Vec<i64> = groups.iter().take(QUERIES).map(|group| group[group.len() / 2] as i64).collect();
    let queries = features.embeddings.f_index_select(0, &Tensor::f_from_slice(&samples)?)?;
    let found = nearest(&features.embeddings, &queries, NEIGHBOURS + 1)?; // the nearest is the image itself
    Ok(Vec::<i64>::try_from(&found.index.f_flatten(0, -1)?)?.into_iter().map(|row| row as usize).collect())
}

/// Pairs of images with nearly the same features, the closest first, then images that are like no other: the same search
/// as the report's.
fn copies_and_oddities(features: &NetworkOutputs) -> Result<Vec<usize>, EvalError> {
    let (len, width) = features.embeddings.size2()?;
    let rows = spread(len as usize, (COMPARISONS / width.max(1) as f64).sqrt() as usize);
    let chosen: Vec<i64> = rows.iter().map(|row| i64::from(*row)).collect();
    let points = features.embeddings.f_index_select(0, &Tensor::f_from_slice(&chosen)?)?;
    let found = nearest(&points, &points, NEAREST as i64 + 1)?; // one of them is the image itself
    let kept = found.index.size2()?.1 as usize;
    let similarity = Vec::<f32>::try_from(&found.similarity.f_contiguous()?.f_flatten(0, -1)?)?;
    let index = Vec::<i64>::try_from(&found.index.f_contiguous()?.f_flatten(0, -1)?)?;

    let (mut pairs, mut lonely) = (Vec::new(), Vec::new());
    for (own, (near, similar)) in index.chunks(kept).zip(similarity.chunks(kept)).enumerate() {
        let others = near.iter().zip(similar).filter(|(other, _)| **other != own as i64).take(NEAREST);
        let others: Vec<(usize, f32)> = others.map(|(other, value)| (*other as usize, *value)).collect();
        pairs.extend(
            others
                .iter()
                .filter(|(_, value)| *value >= DUPLICATE)
                .map(|(other, value)| (own, *other, *value)),
        );
        lonely.push((own, others.iter().map(|(_, value)| value).sum::<f32>()));
    }
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
    lonely.sort_by(|a, b| a.1.total_cmp(&b.1));
    // Each pair is there twice, once from either side.
    let of_pairs = pairs.iter().take(2 * PAIRS).flat_map(|(a, b, _)| [*a, *b]);
    let of_lonely = lonely.iter().take(LONELY).map(|(row, _)| *row);
    Ok(of_pairs.chain(of_lonely).map(|place| rows[place] as usize).collect())
}

fn column<T: tch::kind::Element>(table: &Tensor, rank: i64) -> Result<Vec<T>, EvalError>
where
    Vec<T>: for<'a> TryFrom<&'a Tensor, Error = tch::TchError>,
{
    Ok(Vec::<T>::try_from(&table.f_select(1, rank)?.f_contiguous()?)?)
}
