//! JPEG inside of TIFF: values that the library trusts are checked first.

use tiff::tags::Tag;

use super::DecodeError;
use super::error::{damaged, explain};
use super::reader::Reader;
use crate::decode::jpeg::frame_size;

/// Where the strips or tiles of an image lie in its file.
pub(super) struct Parts<'a> {
    bytes: &'a [u8],
    starts: Vec<u64>,
    lengths: Vec<u64>,
}

impl<'a> Parts<'a> {
    /// Reads the places.
    pub(super) fn of(bytes: &'a [u8], reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut entry = |strips: Tag, tiles: Tag| -> Result<Vec<u64>, DecodeError> {
            let values = match reader.find_tag_unsigned_vec(strips).map_err(explain)? {
                None => reader.find_tag_unsigned_vec(tiles).map_err(explain)?,
                some => some,
            };
            values.ok_or_else(|| damaged("it does not say where its pixels are"))
        };
        let starts = entry(Tag::StripOffsets, Tag::TileOffsets)?;
        let lengths = entry(Tag::StripByteCounts, Tag::TileByteCounts)?;
        Ok(Self { bytes, starts, lengths })
    }

    /// Refuses a part that is cut off, which the library would fill with gray, and one whose header promises more than
    /// the part of the image that it stands for, which the library would ask memory for. Returns its size.
    pub(super) fn check(&self, index: usize, most: (u32, u32)) -> Result<(u32, u32), DecodeError> {
        let place = |values: &[u64]| values.get(index).and_then(|&value| usize::try_from(value).ok());
        let part = place(&self.starts)
            .zip(place(&self.lengths))
            .and_then(|(start, length)| self.bytes.get(start..start.checked_add(length)?));
        let part = part.ok_or_else(|| damaged("its data ends early"))?;
        let used = part.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        if !part[..used].ends_with(b"\xff\xd9") {
            return Err(damaged("a JPEG in it is cut off"));
        }
        frame_size(part)
            .filter(|&(width, height)| width <= most.0 && height <= most.1)
            .ok_or_else(|| damaged("a JPEG in it has another size than its part of the image"))
    }
}
