//! Which images to label next.

use serde::Serialize;

use super::picture::{Album, Picture};
use crate::label_next::{labelled, propose};
use crate::text::plural;

/// Pictures shown; the table has all.
const MOST_SHOWN: usize = 48;

/// Images whose label would tell most.
#[derive(Serialize)]
pub(crate) struct LabelNext {
    pictures: Vec<Picture>,
    text: String,
    /// What must be said of images that the figures were measured on.
    caution: &'static str,
}

pub(crate) fn view(album: &mut Album<'_>) -> LabelNext {
    let (run, samples) = (album.run, album.samples);
    let rows = propose(samples, &labelled(samples, &run.path));
    let seen = |row: &usize| run.thumbnails.is_empty() || album.has(*row);
    let shown: Vec<usize> = rows.iter().copied().filter(seen).take(MOST_SHOWN).collect();
    let caption = |row: usize| format!("{:.2}", samples.margin(row));
    let pictures = shown.into_iter().map(|row| album.picture(row, caption(row), false)).collect();
    let text = format!(
        "{}, the most useful to label: for each class, those that the network is least sure about.",
        plural(rows.len(), "image", "images")
    );
    let held_out = run.protocol().and_then(|protocol| protocol.get("evaluated_on")?.as_str());
    let caution = match held_out {
        Some(on) if on.contains("held-out") => {
            "They are held-out images: a classifier that learns from them has to be measured on others."
        }
        _ => "",
    };
    LabelNext { pictures, text, caution }
}
