//! Images that pass through a model one batch after the other, and what a person sees of it.

use std::path::Path;
use std::sync::Arc;

use twist_data::Dataset;
use twist_model::{FeatureBatch, FeatureTable, ModelError, StreamEvent, TableFormat, stream_features};
use twist_nn::FeatureKind;

use crate::exit::Usage;
use crate::model::Opened;
use crate::progress::Counting;
use crate::talk::Talk;

/// Unreadable images that have a line of their own; the last line counts all.
const NAMED: usize = 20;
/// Rows of a file of features that are looked at together.
const ROWS: usize = 4096;

/// The format of `--out` by its ending, which must be one of these.
pub(crate) fn format_of(path: &Path, formats: &[TableFormat], endings: &str) -> anyhow::Result<TableFormat> {
    let format = TableFormat::of_path(path).filter(|format| formats.contains(format));
    let wrong = || Usage(format!("--out {}: give a name that ends in {endings}", path.display()));
    Ok(format.ok_or_else(wrong)?)
}

/// Sends every readable image of `dataset` through the model; `take` gets each batch. Returns the number of images.
///
/// An image that cannot be read is a line on stderr when it comes (the first 20 are); all are counted at the end.
pub(crate) fn of_images(
    opened: &Opened,
    dataset: &Arc<dyn Dataset>,
    what: &str,
    talk: &Talk,
    mut take: impl FnMut(&FeatureBatch<'_>) -> Result<(), ModelError>,
) -> anyhow::Result<usize> {
    let (mut counting, mut skipped) = (Counting::new(talk, what).on(&opened.machine), 0);
    let mut hear = |event: StreamEvent<'_>| match event {
        StreamEvent::Skipped(image) => {
            skipped += 1;
            if skipped <= NAMED {
                talk.warn(format!("skipped {}: {}", image.path, image.reason));
            }
        }
        StreamEvent::Progress(done, all) => counting.at(done, all),
    };
    let kind = FeatureKind::Last;
    let count =
        stream_features(&opened.model, &opened.input, kind, dataset, &mut hear, |batch| take(&batch))?;
    drop(counting);
    if skipped > 0 {
        let named = if skipped > NAMED { "; `twist data verify` names them all" } else { "" };
        talk.say(format!("left out {skipped} of {} images that could not be read{named}", dataset.len()));
    }
    Ok(count)
}

/// As [`of_images`], for features that are at hand.
pub(crate) fn of_features(
    opened: &Opened,
    table: &FeatureTable,
    mut take: impl FnMut(&FeatureBatch<'_>) -> Result<(), ModelError>,
) -> anyhow::Result<usize> {
    opened.accepts(table)?;
    let (indices, rows) = (&table.features.indices, &table.features.rows);
    for (number, indices) in indices.chunks(ROWS).enumerate() {
        let features = rows.f_narrow(0, (number * ROWS) as i64, indices.len() as i64)?;
        take(&FeatureBatch { indices, features: &features })?;
    }
    Ok(indices.len())
}
