//! Reads an untrusted file.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use fs_err::File;

use super::MAX_HEADER;
use super::checksum::Checksums;
use super::header::RawHeader;
use crate::error::{HeaderDamage, IoError};
use crate::format::weight_format;
use crate::printable::shown;
use crate::refused::Refused;
use crate::regular::open_regular;
use crate::state::StateDict;
use crate::tensor::{Dtype, HostTensor, byte_len};

/// Whether a file begins as a safetensors file does: with the length of a JSON object that follows.
pub(crate) fn begins_safetensors(start: &[u8]) -> bool {
    let length = start.first_chunk().map(|length| u64::from_le_bytes(*length));
    length.is_some_and(|length| length <= MAX_HEADER) && start.get(8) == Some(&b'{')
}

/// Reads a safetensors file: its tensors in the order of the header, and the JSON that [`save_safetensors`] was given.
///
/// Everything the header says is checked against itself and the length of the file before memory is taken,
/// so a hostile file costs no more memory than a small multiple of it. Tensors and metadata are compared with their
/// checksums where the file has them, as files of ours do. Metadata of other programs are passed over.
///
/// [`save_safetensors`]: crate::save_safetensors
///
/// # Errors
/// One variant of [`IoError`] for each way a file can be damaged, with the path and what to do.
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<(StateDict, Option<serde_json::Value>), IoError> {
    let path = path.as_ref();
    let os = |source| IoError::os("read", path, None, source);
    let damaged_header = |damage| IoError::Header { path: path.to_owned(), damage };
    let damaged = |what: String| IoError::Checksum { path: path.to_owned(), what };
    let mut file = open_regular(path).map_err(os)?;
    let length = file.metadata().map_err(os)?.len();

    let (header, begin) = read_header(&mut file, path, length)?;
    let places = check(&header, length - begin).map_err(|wrong| wrong.at(path, begin, length))?;
    let sums = header.checksums.as_deref().map(Checksums::parse).transpose().map_err(damaged_header)?;
    if let Some(sums) = &sums {
        if !sums.fits_metadata(header.metadata.as_deref()) {
            return Err(damaged("its metadata is".to_owned()));
        }
        if !sums.fits_names(header.tensors.iter().map(|(name, _)| name.as_str())) {
            return Err(damaged("the list of its tensors is".to_owned()));
        }
    }
    let metadata = header.metadata.as_deref().map(serde_json::from_str).transpose();
    let metadata = metadata.map_err(|source| damaged_header(HeaderDamage::Metadata(source.to_string())))?;

    // Data are contiguous, so reading in the order of their offsets is one pass; `slots` restores the header's order.
    let mut slots: Vec<Option<(String, HostTensor)>> = header.tensors.iter().map(|_| None).collect();
    for place in places {
        let (name, raw) = &header.tensors[place.index];
        let mut data = vec![0; place.bytes];
        file.read_exact(&mut data).map_err(os)?;
        if sums.as_ref().is_some_and(|sums| !sums.fits_tensor(name, place.dtype, &raw.shape, &data)) {
            return Err(damaged(format!("tensor `{}` is", shown(name))));
        }
        slots[place.index] =
            Some((name.clone(), HostTensor { dtype: place.dtype, shape: raw.shape.clone(), data }));
    }
    Ok((StateDict(slots.into_iter().flatten().collect()), metadata))
}

/// The header and the offset of the first byte behind it.
fn read_header(file: &mut File, path: &Path, length: u64) -> Result<(RawHeader, u64), IoError> {
    let os = |source| IoError::os("read", path, None, source);
    let truncated = |expected| IoError::Truncated { path: path.to_owned(), expected, got: length };
    if length == 0 {
        return Err(IoError::Empty(path.to_owned()));
    }
    if length < 8 {
        return Err(truncated(8));
    }

    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(os)?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > MAX_HEADER {
        return Err(not_safetensors(path));
    }
    if length - 8 < header_length {
        return Err(truncated(8 + header_length));
    }

    let mut text = vec![0; header_length as usize];
    file.read_exact(&mut text).map_err(os)?;
    if text.first() != Some(&b'{') {
        return Err(not_safetensors(path));
    }
    let header = serde_json::from_slice(&text).map_err(|source| IoError::Header {
        path: path.to_owned(),
        damage: HeaderDamage::Json(source.to_string()),
    })?;
    Ok((header, 8 + header_length))
}

/// The error for a file of another kind, which says what it is.
fn not_safetensors(path: &Path) -> IoError {
    match weight_format(path) {
        Err(error) => error,
        Ok(_) => {
            let what =
                "is a weight file of PyTorch, not a safetensors file; `twist import` makes a model from it";
            Refused::new(format!("{} {what}", path.display())).into()
        }
    }
}

/// A tensor that was checked: its place in the header's list, and how much to read.
struct Place {
    index: usize,
    dtype: Dtype,
    begin: u64,
    bytes: usize,
}

/// What is wrong with a header, before it is known which file it belongs to.
enum Wrong {
    Damage(HeaderDamage),
    Dtype { name: String, dtype: String },
    Short { data: u64 },
}

impl Wrong {
    fn at(self, path: &Path, begin: u64, length: u64) -> IoError {
        let path = path.to_owned();
        match self {
            Wrong::Damage(damage) => IoError::Header { path, damage },
            Wrong::Dtype { name, dtype } => IoError::unknown_dtype(&path, &name, &dtype),
            Wrong::Short { data } => {
                IoError::Truncated { path, expected: begin.saturating_add(data), got: length }
            }
        }
    }
}

/// Checks every claim of the header; the places come in the order of the data.
fn check(header: &RawHeader, available: u64) -> Result<Vec<Place>, Wrong> {
    let mut seen = HashSet::with_capacity(header.tensors.len());
    let mut places = Vec::with_capacity(header.tensors.len());
    for (index, (name, raw)) in header.tensors.iter().enumerate() {
        if !seen.insert(name.as_str()) {
            return Err(Wrong::Damage(HeaderDamage::DuplicateName(name.clone())));
        }
        let Some(dtype) = Dtype::from_name(&raw.dtype) else {
            return Err(Wrong::Dtype { name: name.clone(), dtype: raw.dtype.clone() });
        };
        let (begin, end) = raw.data_offsets;
        let Some(got) = end.checked_sub(begin) else {
            return Err(Wrong::Damage(HeaderDamage::Offsets { name: name.clone(), begin, end }));
        };
        match byte_len(dtype, &raw.shape) {
            Some(bytes) if bytes as u64 == got => places.push(Place { index, dtype, begin, bytes }),
            _ => {
                let (name, shape) = (name.clone(), raw.shape.clone());
                return Err(Wrong::Damage(HeaderDamage::Size { name, dtype, shape, got }));
            }
        }
    }

    // Empty tensors share their offset with the next one and come first there.
    places.sort_by_key(|place| (place.begin, place.bytes));
    let mut end = 0;
    for (position, place) in places.iter().enumerate() {
        let name = &header.tensors[place.index].0;
        if place.begin > end {
            return Err(Wrong::Damage(HeaderDamage::Gap { name: name.clone(), bytes: place.begin - end }));
        }
        if place.begin < end {
            let first = header.tensors[places[position - 1].index].0.clone();
            return Err(Wrong::Damage(HeaderDamage::Overlap { first, second: name.clone() }));
        }
        end += place.bytes as u64;
    }
    match available {
        _ if available < end => Err(Wrong::Short { data: end }),
        _ if available > end => Err(Wrong::Damage(HeaderDamage::Trailing(available - end))),
        _ => Ok(places),
    }
}
