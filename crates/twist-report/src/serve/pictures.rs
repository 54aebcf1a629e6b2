//! The pictures themselves, one request each.

use super::archive::mime;
use super::message::{Answer, Reply};
use super::site::Site;

/// Longer side of an image in a grid, and of one that is looked at alone, in pixels.
const SMALL: u32 = 96;
const LARGE: u32 = 512;

/// An image: its thumbnail, or the image from the data set if it has none or `large` is asked for.
pub(super) fn picture(site: &Site, row: usize, large: bool) -> Answer {
    let missing = |what: &str| Reply::refuse(404, what);
    let index = site.samples.index.get(row).ok_or_else(|| missing("this image is not in the run"))?;
    let stored = |side| site.helpers.pictures.as_ref()?.picture(*index, &site.samples.path[row], side);
    let thumbnail = || site.archive.read(*index);
    let bytes = if large { stored(LARGE).or_else(thumbnail) } else { thumbnail().or_else(|| stored(SMALL)) };
    let found = bytes.and_then(|bytes| Some((mime(&bytes)?, bytes)));
    let (mime, bytes) = found.ok_or_else(|| missing("the picture of this image was not found"))?;
    Ok(Reply { keep: true, ..Reply::bytes(mime, bytes) })
}
