//! Images whose features are unlike those of all others.

use std::collections::BTreeSet;
use std::sync::Arc;

use twist_data::{Action, Check, Dataset, Finding, fences};
use twist_model::nearest;
use twist_nn::FeatureKind;

use crate::model::Opened;
use crate::talk::Talk;

/// Neighbours whose mean similarity counts, as in the report.
const NEAREST: usize = 5;
/// With fewer images, no similarity is unusual.
const FEWEST: usize = 20;

/// Images whose mean similarity to their five nearest neighbours lies far below that of the others (the outer fence of Tukey), the
/// loneliest first.
pub(super) fn outliers(
    opened: &Opened,
    dataset: &Arc<dyn Dataset>,
    removed: &BTreeSet<Check>,
    talk: &Talk,
) -> anyhow::Result<Vec<Finding>> {
    let bank = opened.features(FeatureKind::Last, dataset, "features", talk)?;
    if bank.indices.len() < FEWEST {
        talk.say(format!("outliers are not sought among fewer than {FEWEST} images"));
        return Ok(Vec::new());
    }
    let unit = bank.unit_rows()?;
    let found = nearest(&unit, &unit, NEAREST as i64 + 1)?;
    let width = NEAREST + 1;
    let rows = Vec::<i64>::try_from(&found.index.f_flatten(0, -1)?)?;
    let similarities = Vec::<f32>::try_from(&found.similarity.f_flatten(0, -1)?)?;
    let near = rows.chunks(width).zip(similarities.chunks(width));
    let means: Vec<f64> = near
        .enumerate()
        .map(|(own, (rows, similarities))| {
            // Images with equal features may stand before the image itself.
            let others = rows.iter().zip(similarities).filter(|(row, _)| **row != own as i64);
            others.take(NEAREST).map(|(_, similarity)| f64::from(*similarity)).sum::<f64>() / NEAREST as f64
        })
        .collect();
    let Some((least, _)) = fences(means.clone()) else { return Ok(Vec::new()) };
    let mut lonely: Vec<(f64, u32)> =
        means.into_iter().zip(bank.indices.iter().copied()).filter(|(mean, _)| *mean < least).collect();
    lonely.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let action = if removed.contains(&Check::Outlier) { Action::Remove } else { Action::Look };
    let finding = |(mean, index): (f64, u32)| Finding {
        index: index as usize,
        path: dataset.path(index as usize),
        check: Check::Outlier,
        value: Some(mean),
        group: None,
        action,
        other: None,
        why: format!("its mean similarity to its {NEAREST} nearest neighbours is below {least:.3}"),
    };
    Ok(lonely.into_iter().map(finding).collect())
}
