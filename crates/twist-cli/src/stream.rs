//! Images that pass through a model one batch after the other, and what a person sees of it.

use std::path::Path;
use std::sync::Arc;

use twist_data::Dataset;
use twist_model::{
    FeatureBatch, FeatureTable, ModelError, StreamEvent, TableFormat, TableSink, stream_features,
};
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

/// Sends every readable image of `dataset` through the model; `write` puts each batch into `sink`. Returns the number of
/// images written.
///
/// An image that cannot be read is a line on stderr when it comes (the first 20 are); all are counted at the end.
pub(crate) fn into_table(
    opened: &Opened,
    dataset: &Arc<dyn Dataset>,
    mut sink: Box<dyn TableSink>,
    what: &str,
    talk: &Talk,
    mut write: impl FnMut(&FeatureBatch<'_>, &mut dyn TableSink) -> Result<(), ModelError>,
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
    let count = stream_features(&opened.model, &opened.input, kind, dataset, &mut hear, |batch| {
        write(&batch, &mut *sink)
    })?;
    sink.finish()?;
    drop(counting);
    if skipped > 0 {
        let named = if skipped > NAMED { "; `twist data verify` names them all" } else { "" };
        talk.say(format!("left out {skipped} of {} images that could not be read{named}", dataset.len()));
    }
    Ok(count)
}

/// As [`into_table`], for features that are at hand.
pub(crate) fn features_into_table(
    opened: &Opened,
    table: &FeatureTable,
    mut sink: Box<dyn TableSink>,
    mut write: impl FnMut(&FeatureBatch<'_>, &mut dyn TableSink) -> Result<(), ModelError>,
) -> anyhow::Result<usize> {
    opened.accepts(table)?;
    let (indices, rows) = (&table.features.indices, &table.features.rows);
    for (number, indices) in indices.chunks(ROWS).enumerate() {
        let features = rows.f_narrow(0, (number * ROWS) as i64, indices.len() as i64)?;
        write(&FeatureBatch { indices, features: &features }, &mut *sink)?;
    }
    sink.finish()?;
    Ok(indices.len())
}
