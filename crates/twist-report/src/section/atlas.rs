//! The map of the embeddings.

use base64::Engine;
use serde::Serialize;
use serde_json::{Map, json};

use crate::atlas::pack;
use crate::classes::Classes;
use crate::map::{Layout, MOST_POINTS, scatter};
use crate::pictures::sheet;
use crate::run::{Run, Samples, Thumbnail};
use crate::text::count;

/// Thumbnails that appear under the pointer at most: a megabyte or two of the page.
const MOST_TILES: usize = 2000;

#[derive(Serialize)]
pub(crate) struct Atlas {
    /// How many images are on it.
    shown: String,
    /// Which images these are, in words.
    scope: String,
    /// The thumbnails, for the pointer and for what is selected.
    sheet: Option<String>,
    /// What each point is, for the script: [`pack`] as base64.
    data: String,
    has_labels: bool,
}

/// The map of `samples`, laid out as `map`.
pub(crate) fn atlas(run: &Run, samples: &Samples, classes: &Classes, map: &Layout) -> Atlas {
    let thumbnail = |place: usize| run.thumbnails.get(&samples.index[map.rows[place] as usize]);
    let mut tiles: Vec<usize> = (0..map.rows.len()).filter(|place| thumbnail(*place).is_some()).collect();
    if tiles.len() > MOST_TILES {
        tiles.sort_by_cached_key(|place| scatter(*place as u64));
        tiles.truncate(MOST_TILES);
        tiles.sort_unstable();
    }
    let pictures: Vec<Option<&Thumbnail>> = tiles.iter().map(|place| thumbnail(*place)).collect();
    let sheet = sheet(&pictures);
    let facts = match &sheet {
        Some(sheet) => Map::from_iter([("sheet".into(), json!([sheet.columns, sheet.rows]))]),
        None => Map::new(),
    };
    let tiles: Vec<u32> = tiles.into_iter().map(|place| place as u32).collect();
    let bytes = pack(map, samples, classes, None, facts, &[("tiles", tiles)]);
    Atlas {
        shown: count(map.rows.len() as u64),
        scope: scope(map),
        sheet: sheet.map(|sheet| sheet.uri),
        data: base64::engine::general_purpose::STANDARD.encode(bytes),
        has_labels: samples.has_labels(),
    }
}

/// Which images are on a map.
pub(crate) fn scope(map: &Layout) -> String {
    let (shown, of) = (count(map.rows.len() as u64), count(map.of as u64));
    match map.rows.len() {
        all if all == map.of => format!("all {of} images"),
        MOST_POINTS => format!("{shown} of {of} images, chosen at random"),
        _ => format!("{shown} of {of} images; the features of the others are not numbers"),
    }
}
