//! Palettes: looked up here, because the library refuses them.

use tiff::tags::Tag;

use super::DecodeError;
use super::error::{damaged, explain};
use super::reader::Reader;

/// The interpretation of samples as indices of a palette, and as gray with 0 for black (TIFF 6.0, section 4).
const INDICES: u16 = 3;
const GRAY: u16 = 1;

/// Red, green and blue of each index.
#[derive(Debug)]
pub(super) struct Palette(Vec<[u8; 3]>);

impl Palette {
    pub(super) fn of(reader: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        let interpretation: Option<u16> =
            reader.find_tag_unsigned(Tag::PhotometricInterpretation).map_err(explain)?;
        if interpretation != Some(INDICES) {
            return Ok(None);
        }
        let values = reader.get_tag_u16_vec(Tag::ColorMap).map_err(explain)?;
        let count = values.len() / 3;
        if count == 0 || count > 256 {
            return Err(damaged("its palette has no colours, or more than 256"));
        }
        // White is 65,535 or, as some programs widen their 8 bits, 65,280: the upper byte is right for both. Others write 8
        // bits where there should be 16, as libtiff knows.
        let is_short = values.iter().all(|&value| value < 256);
        let narrow = |value: u16| if is_short { value as u8 } else { (value >> 8) as u8 };
        let color = |index: usize| [0, 1, 2].map(|channel| narrow(values[channel * count + index]));
        Ok(Some(Self((0..count).map(color).collect())))
    }

    /// The colour of an index; black beyond the end.
    #[inline(always)]
    pub(super) fn color(&self, index: u8) -> [u8; 3] {
        self.0.get(usize::from(index)).copied().unwrap_or_default()
    }
}

/// The file with its first image said to be gray.
pub(super) fn as_gray(bytes: &[u8], reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let missing = || damaged("its directory cannot be found again");
    let is_little = bytes.starts_with(b"II");
    let is_big_tiff = bytes.get(2..4).is_some_and(|version| version == [43, 0] || version == [0, 43]);
    let number = |at: usize, length: usize| {
        let field = bytes.get(at..at.checked_add(length)?)?;
        let join = |number: usize, &byte: &u8| number << 8 | usize::from(byte);
        Some(if is_little { field.iter().rev().fold(0, join) } else { field.iter().fold(0, join) })
    };
    let directory = reader.ifd_pointer().and_then(|at| usize::try_from(at.0).ok()).ok_or_else(missing)?;
    // A directory counts its entries in 2 or 8 bytes; an entry has its tag in front and its value at the end.
    let (count_bytes, entry_bytes, value_at) = if is_big_tiff { (8, 20, 12) } else { (2, 12, 8) };
    let count = number(directory, count_bytes).ok_or_else(missing)?;
    let entry = (0..count.min(bytes.len() / entry_bytes))
        .map(|entry| directory + count_bytes + entry * entry_bytes)
        .find(|&at| number(at, 2) == Some(usize::from(Tag::PhotometricInterpretation.to_u16())))
        .ok_or_else(missing)?;
    let mut gray = bytes.to_vec();
    let value = gray.get_mut(entry + value_at..entry + value_at + 2).ok_or_else(missing)?;
    value.copy_from_slice(&if is_little { GRAY.to_le_bytes() } else { GRAY.to_be_bytes() });
    Ok(gray)
}
