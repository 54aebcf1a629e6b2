//! Writing a state so that equal states give equal bytes.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::checksum::{metadata_of, sum_of};
use crate::atomic::write_sized;
use crate::error::IoError;
use crate::printable::shown;
use crate::refused::Refused;
use crate::state::StateDict;

/// Writes a state and, under one key, a JSON value of the caller's as a safetensors file, atomically.
///
/// The bytes depend on the arguments alone. Tensors are written from where they are, without a copy of the whole, and with
/// a checksum each, which [`load_safetensors`](crate::load_safetensors) compares.
///
/// # Errors
/// A name comes twice, is reserved, or a tensor contradicts itself (no file is touched then);
/// otherwise those of [`write_atomic`](crate::write_atomic).
pub fn save_safetensors(
    path: impl AsRef<Path>,
    state: &StateDict,
    metadata: Option<&Value>,
) -> Result<(), IoError> {
    let path = path.as_ref();
    check(path, state)?;
    let order = data_order(state);
    let header = header(state, &order, metadata);
    let data: u64 = state.iter().map(|(_, tensor)| tensor.data.len() as u64).sum();
    let size = 8 + header.len() as u64 + data;
    write_sized(path, Some(size), |file| write(file, state, &order, &header))
}

/// How long [`save_safetensors`] takes in `folder`, with a file that never has a name and is gone afterwards.
///
/// # Errors
/// The folder cannot be written to, or has no room.
pub fn time_to_save(folder: &Path, state: &StateDict) -> io::Result<Duration> {
    let began = Instant::now();
    let mut file = tempfile::tempfile_in(folder)?;
    let order = data_order(state);
    write(&mut file, state, &order, &header(state, &order, None))?;
    file.sync_all()?;
    Ok(began.elapsed())
}

fn write(file: &mut impl Write, state: &StateDict, order: &[usize], header: &str) -> io::Result<()> {
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    order.iter().try_for_each(|&index| file.write_all(&state.0[index].1.data))
}

fn check(path: &Path, state: &StateDict) -> Result<(), IoError> {
    // The caller's mistake, found before any file is touched.
    let bad = |name: &str, why: String| {
        IoError::from(Refused::writing(path, format!("tensor `{}`: {why}", shown(name))))
    };
    let mut seen = HashSet::with_capacity(state.len());
    for (name, tensor) in state.iter() {
        if name == "__metadata__" {
            return Err(bad(name, "the format reserves this name".to_owned()));
        }
        if !seen.insert(name) {
            return Err(bad(name, "the name appears twice".to_owned()));
        }
        tensor.check().map_err(|source| bad(name, source.to_string()))?;
    }
    Ok(())
}

/// Indices of the tensors in the order of their data: wide elements first, so that each tensor is aligned to its own.
fn data_order(state: &StateDict) -> Vec<usize> {
    let mut order: Vec<usize> = (0..state.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(state.0[index].1.dtype.size()));
    order
}

/// The JSON header, padded with spaces so that the data begin at a multiple of 8 bytes.
fn header(state: &StateDict, order: &[usize], metadata: Option<&Value>) -> String {
    let mut offsets = vec![(0, 0); state.len()];
    let mut end = 0;
    for &index in order {
        let begin = end;
        end += state.0[index].1.data.len();
        offsets[index] = (begin, end);
    }

    let mut header = Map::new();
    let sums = state
        .iter()
        .map(|(name, tensor)| (name, sum_of(tensor.dtype, &tensor.shape, crc32c::crc32c(&tensor.data))));
    header.insert("__metadata__".to_owned(), metadata_of(metadata, sums));
    for ((name, tensor), (begin, end)) in state.iter().zip(offsets) {
        let entry =
            json!({ "dtype": tensor.dtype.name(), "shape": tensor.shape, "data_offsets": [begin, end] });
        header.insert(name.to_owned(), entry);
    }
    let mut text = Value::Object(header).to_string();
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    text
}
