//! What audits saw of images, kept from one to the next.
//!
//! One file of records ([`Records`]) for all data sets: what was seen of an image is found by its content, and the content by the
//! stamp of its file, as features are. It does not depend on the name of an image, on the other images or on the options of an
//! audit, so an audit that uses it finds what one without it finds. An image that cannot be read is tried again each time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use twist_io::{IoError, RecordKey, Records};

use super::check::Check;
use super::look::{Look, Oddity};
use super::thumbnail::{SIDE, Thumbnail};
use crate::dataset::Stamp;

/// How the name of the file ends.
pub const LOOKS: &str = "looks";
/// What the records are. The number grows when an image is seen with other eyes: decoding, thresholds, words, or the form below.
const TEXT: &str = "twist audit: what is seen of an image, version 1";

/// What earlier audits saw, and what this one adds.
#[derive(Debug)]
pub struct KeptLooks {
    records: Records,
    known: AtomicUsize,
    trouble: Mutex<Option<IoError>>,
}

impl KeptLooks {
    /// Opens the file in `folder`, or begins one.
    ///
    /// # Errors
    /// There is one that cannot be read, or that is something else.
    pub fn open(folder: &Path) -> Result<Self, IoError> {
        let records = Records::open(folder.join(format!("audit-1.{LOOKS}")), TEXT)?;
        Ok(Self { records, known: AtomicUsize::new(0), trouble: Mutex::default() })
    }

    /// What was damaged and dropped, in words.
    pub fn notes(&self) -> &[String] {
        self.records.notes()
    }

    /// How many images were known since it was opened.
    pub fn known(&self) -> usize {
        self.known.load(Ordering::Relaxed)
    }

    /// How many of the records that were asked for are damaged: these images were decoded again.
    pub fn damaged(&self) -> usize {
        self.records.damaged()
    }

    /// Writes what was added.
    ///
    /// # Errors
    /// The file cannot be written to, now or earlier: then what was added since is not kept.
    pub fn finish(&self) -> Result<(), IoError> {
        let written = self.records.finish();
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(written, Err)
    }

    /// What was seen of image `index` of a data set, if its stamp tells that it is the same.
    pub(super) fn of_stamp(&self, index: usize, stamp: Option<Stamp>) -> Option<Look> {
        let content = self.records.link(&stamp?.key())?;
        self.read(index, content)
    }

    /// What was seen of the content of image `index`.
    pub(super) fn of_content(&self, index: usize, content: RecordKey, stamp: Option<Stamp>) -> Option<Look> {
        let look = self.read(index, content)?;
        stamp.into_iter().for_each(|stamp| self.note(self.records.push_link(stamp.key(), content)));
        Some(look)
    }

    /// Keeps what was seen of a content.
    pub(super) fn keep(&self, look: &Look, content: RecordKey, stamp: Option<Stamp>) {
        self.note(self.records.push(content, &encoded(look)));
        stamp.into_iter().for_each(|stamp| self.note(self.records.push_link(stamp.key(), content)));
    }

    fn read(&self, index: usize, content: RecordKey) -> Option<Look> {
        let mut value = Vec::new();
        let look = self.records.read(&content, &mut value).then(|| decoded(index, &value)).flatten()?;
        self.known.fetch_add(1, Ordering::Relaxed);
        Some(look)
    }

    fn note(&self, result: Result<(), IoError>) {
        if let Err(error) = result {
            self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

/// The bytes of a record: all numbers in little-endian order, a text or a list with its length before it, and a byte of 0 or 1
/// before what may be missing.
fn encoded(look: &Look) -> Vec<u8> {
    let Look { index: _, size, bytes, stored_hash, pixel_hash, thumbnail, color_type, extension, oddities } =
        look;
    let mut out = Vec::with_capacity(1200);
    out.extend_from_slice(&size.0.to_le_bytes());
    out.extend_from_slice(&size.1.to_le_bytes());
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend_from_slice(stored_hash);
    out.extend_from_slice(pixel_hash);
    out.push(u8::from(thumbnail.is_some()));
    thumbnail.iter().for_each(|thumbnail| out.extend_from_slice(thumbnail.cells()));
    for text in [color_type, extension] {
        out.push(u8::from(text.is_some()));
        text.iter().for_each(|text| push_text(&mut out, text));
    }
    out.extend_from_slice(&(oddities.len() as u32).to_le_bytes());
    for Oddity { check, value, why } in oddities {
        push_text(&mut out, check.name());
        out.push(u8::from(value.is_some()));
        value.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        push_text(&mut out, why);
    }
    out
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// What [`encoded`] wrote of image `index`; `None` for anything else.
fn decoded(index: usize, value: &[u8]) -> Option<Look> {
    let mut rest = Rest(value);
    let look = Look {
        index,
        size: (rest.u32()?, rest.u32()?),
        bytes: u64::from_le_bytes(rest.array()?),
        stored_hash: rest.array()?,
        pixel_hash: rest.array()?,
        thumbnail: rest.maybe(|rest| Some(Thumbnail::of_cells(&rest.array::<{ SIDE * SIDE }>()?)))?,
        color_type: rest.maybe(Rest::text)?,
        extension: rest.maybe(Rest::text)?,
        oddities: {
            let count = rest.u32()?;
            (0..count).map(|_| rest.oddity()).collect::<Option<_>>()?
        },
    };
    rest.0.is_empty().then_some(look)
}

/// Bytes that were not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.array()? {
            [0] => Some(None),
            [1] => read(self).map(Some),
            _ => None,
        }
    }

    fn oddity(&mut self) -> Option<Oddity> {
        let check: Check = self.text()?.parse().ok()?;
        let value = self.maybe(|rest| rest.array().map(f64::from_le_bytes))?;
        Some(Oddity { check, value, why: self.text()? })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Rgb8;
    use crate::dataset::Stored;
    use crate::decode::DecodeNote;

    #[test]
    fn looks_come_back_and_nothing_else_is_one() {
        let pixels: Vec<u8> = (0..3 * 50 * 2).map(|i| (i * 31 % 256) as u8).collect();
        let image = Rgb8::new(50, 2, pixels).unwrap();
        let stored = Stored::Pixels(Arc::new(image.clone()));
        let dark = Rgb8::new(9, 1, vec![3; 27]).unwrap();
        let encoded_file = Stored::Encoded(b"\xff\xd8\xff\xe0 not much of an image".to_vec());
        let further = Some(DecodeNote::Further { what: "it has 3 frames", remedy: "none" });
        let looks = [Look::of(7, &stored, &image, None), Look::of(7, &encoded_file, &dark, further)];
        assert!(looks[1].oddities.len() > 2 && looks[1].thumbnail.is_none() && looks[0].thumbnail.is_some());
        for look in looks {
            let bytes = encoded(&look);
            assert_eq!(decoded(7, &bytes).as_ref(), Some(&look));
            assert!((0..bytes.len()).all(|length| decoded(7, &bytes[..length]).is_none()));
            assert_eq!(decoded(7, &[&bytes[..], &[0]].concat()), None);
        }
    }
}
