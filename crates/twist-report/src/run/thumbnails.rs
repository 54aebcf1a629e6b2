//! `thumbnails.tar`: one small image per member, named `{index:08}.png` or `.jpg`.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use image::ImageReader;

use super::notes::Notes;
use super::optional::read_optional;
use crate::error::ReportError;

/// One small image, encoded as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Thumbnail {
    pub(crate) bytes: Arc<[u8]>,
    /// `image/png` or `image/jpeg`, by content.
    pub(crate) mime: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Thumbnails by the image's index in the evaluation data.
pub(crate) type Thumbnails = HashMap<u32, Thumbnail>;

/// A larger file is not a thumbnail; longer members are passed over.
const MEMBER_LIMIT: u64 = 4 << 20;

/// Reads the archive at `path`. `wanted` says whether its absence is worth a note.
pub(super) fn read(path: &Path, wanted: bool, notes: &mut Notes) -> Result<Thumbnails, ReportError> {
    let Some(bytes) = read_optional(path)? else {
        if wanted {
            notes.missing(
                "The run folder has no thumbnails (thumbnails.tar), so images appear by name.".into(),
            );
        }
        return Ok(Thumbnails::new());
    };
    let mut thumbnails = Thumbnails::new();
    let mut archive = tar::Archive::new(Cursor::new(bytes));
    let mut damaged = 0usize;
    let Ok(members) = archive.entries() else { return Ok(thumbnails) };
    for member in members {
        let Ok(member) = member else {
            damaged += 1;
            break;
        };
        let index = member.path().ok().and_then(|path| path.file_stem()?.to_str()?.parse::<u32>().ok());
        let Some(index) = index else { continue };
        let mut content = Vec::new();
        let read = member.take(MEMBER_LIMIT).read_to_end(&mut content);
        match read.ok().and_then(|_| thumbnail(content)) {
            Some(picture) => _ = thumbnails.insert(index, picture),
            None => damaged += 1,
        }
    }
    if damaged > 0 {
        notes.damaged(format!(
            "{damaged} members of thumbnails.tar could not be read; those images appear by name."
        ));
    }
    Ok(thumbnails)
}

/// Recognises PNG and JPEG and reads their size from the header.
fn thumbnail(bytes: Vec<u8>) -> Option<Thumbnail> {
    let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format().ok()?;
    let mime = match reader.format()? {
        image::ImageFormat::Png => "image/png",
        image::ImageFormat::Jpeg => "image/jpeg",
        _ => return None,
    };
    let (width, height) = reader.into_dimensions().ok()?;
    let sensible = (1..=1024).contains(&width) && (1..=1024).contains(&height);
    sensible.then(|| Thumbnail { bytes: bytes.into(), mime, width, height })
}
