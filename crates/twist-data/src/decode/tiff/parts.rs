//! The strips or tiles of a TIFF as they lie in the file.

use tiff::tags::{CompressionMethod, Tag};

use super::DecodeError;
use super::error::{damaged, explain};
use super::reader::Reader;
use crate::decode::jpeg::frame_size;

/// The order of bits in which the first pixel is the lowest bit of a byte (TIFF 6.0, section 8).
const LOWEST_FIRST: u16 = 2;

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

    /// The file with the bits of each byte of its parts in the other order.
    pub(super) fn reversed(&self) -> Vec<u8> {
        let mut file = self.bytes.to_vec();
        let mut parts: Vec<(usize, usize)> = (self.starts.iter().zip(&self.lengths))
            .map(|(&start, &length)| {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.bytes.len());
                (place(start), place(start.saturating_add(length)))
            })
            .collect();
        // Each byte once, where parts lie over each other.
        parts.sort_unstable();
        let mut done = 0;
        for (start, end) in parts {
            let start = start.max(done);
            file[start..end.max(start)].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
            done = done.max(end);
        }
        file
    }

    /// Refuses a JPEG that is cut off, which the library would fill with gray, and one whose header promises more than
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

/// The file with the bits of its parts in the usual order, where they have the other one. As for libtiff, JPEG never has.
pub(super) fn in_usual_order(bytes: &[u8], reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    let order: Option<u16> = reader.find_tag_unsigned(Tag::FillOrder).map_err(explain)?;
    let compression: Option<u16> = reader.find_tag_unsigned(Tag::Compression).map_err(explain)?;
    if order != Some(LOWEST_FIRST) || compression == Some(CompressionMethod::ModernJPEG.to_u16()) {
        return Ok(None);
    }
    Ok(Some(Parts::of(bytes, reader)?.reversed()))
}
