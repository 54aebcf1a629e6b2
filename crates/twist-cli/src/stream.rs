//! Images that pass through a model one batch after the other, and what a person sees of it.

use std::path::Path;
use std::sync::Arc;

use twist_data::Dataset;
use twist_model::{CacheUse, FeatureBatch, ModelError, StreamEvent, TableFormat};
use twist_nn::FeatureKind;

use crate::exit::Usage;
use crate::model::{Opened, tell_known};
use crate::progress::Counting;
use crate::talk::Talk;

/// Unreadable images that have a line of their own; the last line counts all.
const NAMED: usize = 20;

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
    let mut known: Option<CacheUse> = None;
    let mut hear = |event: StreamEvent<'_>| match event {
        StreamEvent::Skipped(image) => {
            skipped += 1;
            if skipped <= NAMED {
                talk.warn(format!("skipped {}: {}", image.path, image.reason));
            }
        }
        StreamEvent::Progress(done, all) => counting.at(done, all),
        StreamEvent::Note(note) => talk.warn(note),
        StreamEvent::Cached(counts) => known = Some(counts),
    };
    let Opened { model, input, cache, .. } = opened;
    let count = cache.stream(model, input, FeatureKind::Last, dataset, &mut hear, |batch| take(&batch))?;
    drop(counting);
    known.into_iter().for_each(|known| tell_known("features", known, talk));
    if skipped > 0 {
        let named = if skipped > NAMED { "; `twist data verify` names them all" } else { "" };
        talk.say(format!("left out {skipped} of {} images that could not be read{named}", dataset.len()));
    }
    Ok(count)
}
