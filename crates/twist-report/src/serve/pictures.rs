//! The pictures themselves, one request each.

use super::archive::mime;
use super::message::Reply;
use super::site::Site;

/// The thumbnail of an image; where there is none, the image from the data set.
pub(super) fn picture(site: &Site, row: usize) -> Reply {
    let Some(&index) = site.samples.index.get(row) else { return Reply::refuse(404, "there is no such image") };
    let stored = || site.helpers.pictures.as_ref()?.picture(index);
    let bytes = site.archive.read(index).or_else(stored);
    match bytes.and_then(|bytes| Some((mime(&bytes)?, bytes))) {
        Some((mime, bytes)) => Reply { keep: true, ..Reply::bytes(mime, bytes) },
        None => Reply::refuse(404, "there is no picture of this image"),
    }
}
