//! Leaving a local minimum: two near clusters become one, and the centroid that is free now splits a third.

use tch::{Kind, Tensor};

use super::points::{Points, counts};
use super::start::Random;
use super::{Fit, KMeans, lloyd, start};
use crate::EvalError;

/// A cluster is split by at most this many of its points.
const SPLIT_BY: i64 = 4_096;
/// Exchanges that are tried in a row without success.
const TRIES: usize = 5;
/// Clusters that are split on trial, those with the largest inertia, and how many of them go with every merger.
const ON_TRIAL: usize = 16;
const SPLITS: usize = 8;
/// Lloyd iterations of a split.
const ITERATIONS: u32 = 20;
/// Beyond, comparing all centroids with each other takes longer than what it finds is worth.
const MOST_CLUSTERS: i64 = 4_096;

struct Exchange {
    /// The inertia that it adds, before Lloyd's iterations.
    change: f64,
    merged: [i64; 2],
    split: i64,
}

/// Clusters in two: what that takes off the inertia, and the two centroids `[2, D]`.
type Halves = Vec<Option<(f64, Tensor)>>;

/// Exchanges clusters in `fit` as long as that lessens its inertia, the most promising exchange first.
pub(super) fn improve(
    settings: &KMeans,
    points: &Points<'_>,
    mut fit: Fit,
    random: &mut Random,
) -> Result<Fit, EvalError> {
    if settings.clusters < 3 || settings.clusters > MOST_CLUSTERS {
        return Ok(fit);
    }
    let mut left = 2 * settings.restarts.max(1) as usize;
    loop {
        let counts = Vec::<f64>::try_from(&counts(&fit.nearest.cluster, settings.clusters)?)?;
        let halves = halves(points, &fit, random)?;
        let mut better = None;
        for exchange in exchanges(&fit, &counts, &halves)?.iter().take(TRIES.min(left)) {
            left -= 1;
            let centroids = exchanged(&fit, exchange, &counts, &halves)?;
            let tried = lloyd(points, centroids, settings.iterations)?;
            if tried.inertia < fit.inertia * (1.0 - 1e-6) {
                better = Some(tried);
                break;
            }
        }
        match better {
            Some(better) => fit = better,
            None => return Ok(fit),
        }
    }
}

/// The clusters of `fit` with the largest inertia in two.
fn halves(points: &Points<'_>, fit: &Fit, random: &mut Random) -> Result<Halves, EvalError> {
    let clusters = fit.centroids.size2()?.0;
    let order = fit.nearest.cluster.f_argsort(0, false)?;
    let counts = Vec::<i64>::try_from(&fit.nearest.cluster.f_bincount(None::<Tensor>, clusters)?)?;
    let distances = fit.nearest.distance.f_to_kind(Kind::Double)?;
    let inertia = Vec::<f64>::try_from(&fit.nearest.cluster.f_bincount(Some(&distances), clusters)?)?;
    let mut largest: Vec<usize> = (0..inertia.len()).collect();
    largest.sort_by(|&a, &b| inertia[b].total_cmp(&inertia[a]));
    largest.truncate(ON_TRIAL);
    let mut first = 0;
    let mut halves = Vec::new();
    for (place, count) in counts.into_iter().enumerate() {
        let members = order.f_narrow(0, first, count)?;
        first += count;
        if count < 2 || !largest.contains(&place) {
            halves.push(None);
            continue;
        }
        let step = (count + SPLIT_BY - 1) / SPLIT_BY;
        let members = members.f_slice(0, 0, count, step)?;
        let rows = points.select(&members)?;
        let own = Points::seen_from(&rows, points.origin.f_zeros_like()?)?;
        let whole = f64::try_from(&fit.nearest.distance.f_index_select(0, &members)?.f_sum(Kind::Double)?)?;
        let two = lloyd(&own, start(&own, 2, random)?, ITERATIONS)?;
        halves.push(Some(((whole - two.inertia) * step as f64, two.centroids)));
    }
    Ok(halves)
}

/// Exchanges of each cluster and the one that it is merged with at the least cost, with the splits that gain most: the
/// most promising first.
fn exchanges(fit: &Fit, counts: &[f64], halves: &Halves) -> Result<Vec<Exchange>, EvalError> {
    let mut splits: Vec<(usize, f64)> =
        halves.iter().enumerate().filter_map(|(place, half)| Some((place, half.as_ref()?.0))).collect();
    splits.sort_by(|a, b| b.1.total_cmp(&a.1));
    splits.truncate(SPLITS);
    let mut mergers: Vec<(f64, [i64; 2])> = Vec::new();
    let centroids = &fit.centroids;
    let own = Points::seen_from(centroids, centroids.f_narrow(0, 0, 1)?.f_zeros_like()?)?;
    let of_all = Tensor::f_from_slice(counts)?.f_to_device(centroids.device())?;
    for (start, length) in own.spans(centroids.size2()?.0) {
        // Two clusters of n and m points as one add n m / (n + m) times the squared distance of their centroids.
        let these = of_all.f_narrow(0, start, length)?.f_unsqueeze(1)?;
        let weights = these.f_mul(&of_all)?.f_div(&these.f_add(&of_all)?.f_clamp_min(1.0)?)?;
        let costs = own.distances(start, length, centroids)?.f_mul(&weights)?.f_to_kind(Kind::Double)?;
        let own_places = Tensor::f_arange_start(start, start + length, (Kind::Int64, costs.device()))?;
        let costs = costs.f_scatter_value(1, &own_places.f_unsqueeze(1)?, f64::INFINITY)?;
        let (least, other) = costs.f_min_dim(1, false)?;
        let pairs = Vec::<f64>::try_from(&least)?.into_iter().zip(Vec::<i64>::try_from(&other)?);
        mergers.extend((start..).zip(pairs).map(|(a, (cost, b))| (cost, [a.min(b), a.max(b)])));
    }
    mergers.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    mergers.dedup_by_key(|merger| merger.1);
    let mut all: Vec<Exchange> = Vec::new();
    for &(cost, merged) in &mergers {
        let others = splits.iter().filter(|(split, _)| !merged.contains(&(*split as i64)));
        all.extend(others.map(|&(split, gain)| Exchange {
            change: cost - gain,
            merged,
            split: split as i64,
        }));
    }
    all.sort_by(|a, b| a.change.total_cmp(&b.change));
    Ok(all)
}

fn exchanged(fit: &Fit, exchange: &Exchange, counts: &[f64], halves: &Halves) -> Result<Tensor, EvalError> {
    let ([a, b], split) = (exchange.merged, exchange.split);
    let (n, m) = (counts[a as usize], counts[b as usize]);
    let of = |place: i64| fit.centroids.f_narrow(0, place, 1);
    let all = (n + m).max(1.0);
    let both = of(a)?.f_mul_scalar(n / all)?.f_add(&of(b)?.f_mul_scalar(m / all)?)?;
    let Some((_, two)) = &halves[split as usize] else { return Ok(fit.centroids.shallow_clone()) };
    let places = Tensor::f_from_slice(&[a, split, b])?.f_to_device(fit.centroids.device())?;
    Ok(fit.centroids.f_index_copy(0, &places, &Tensor::f_cat(&[&both, two], 0)?)?)
}
