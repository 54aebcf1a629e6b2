//! Reads a whole file.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::MAX_BYTES;
use super::damage::MatDamage;
use super::element::{Elements, Order, kind};
use super::matrix;
use super::value::MatValue;
use crate::error::IoError;
use crate::regular::open_regular;

/// Bytes before the first element.
const HEADER: usize = 128;

/// Reads the variables of a MATLAB file of level 5, by name.
///
/// Everything the file says is checked before memory is taken for it.
///
/// # Errors
/// The file cannot be read, or [`IoError::Mat`] with one [`MatDamage`] for each way in which it is damaged.
pub fn load_mat(path: impl AsRef<Path>) -> Result<BTreeMap<String, MatValue>, IoError> {
    let path = path.as_ref();
    let os = |source| IoError::os("read", path, None, source);
    let file = open_regular(path).map_err(os)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(os)?;
    if bytes.is_empty() {
        return Err(IoError::Empty(path.to_owned()));
    }
    variables(&bytes).map_err(|damage| IoError::Mat { path: path.to_owned(), damage })
}

fn variables(bytes: &[u8]) -> Result<BTreeMap<String, MatValue>, MatDamage> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(MatDamage::TooLarge(MAX_BYTES));
    }
    let order = header(bytes)?;
    let mut room = MAX_BYTES;
    let mut variables = BTreeMap::new();
    let mut elements = Elements::new(&bytes[HEADER..], order);
    while elements.left() > 0 {
        let element = elements.next()?;
        let (name, value) = match element.kind {
            kind::MATRIX => matrix::read(element.data, order, 0)?,
            kind::COMPRESSED => {
                let unpacked = unpack(element.data, room)?;
                room -= unpacked.len() as u64;
                let inner = Elements::new(&unpacked, order).next()?;
                match inner.kind {
                    kind::MATRIX => matrix::read(inner.data, order, 0)?,
                    got => return Err(MatDamage::Type { what: "a compressed variable", got }),
                }
            }
            got => return Err(MatDamage::Type { what: "a variable", got }),
        };
        if variables.insert(name.clone(), value).is_some() {
            return Err(MatDamage::Twice(name));
        }
    }
    Ok(variables)
}

fn header(bytes: &[u8]) -> Result<Order, MatDamage> {
    if bytes.starts_with(b"MATLAB 7.3") || bytes.starts_with(b"\x89HDF") {
        return Err(MatDamage::Hdf5);
    }
    let header = bytes.get(..HEADER).ok_or(MatDamage::NotMat)?;
    let order = match &header[126..] {
        b"IM" => Order::Little,
        b"MI" => Order::Big,
        _ => return Err(MatDamage::NotMat),
    };
    match order.unsigned(&header[124..126]) as u16 {
        0x0100 => Ok(order),
        0x0200 => Err(MatDamage::Hdf5),
        other => Err(MatDamage::Version(other)),
    }
}

/// Unpacks a compressed element into at most `room` bytes.
fn unpack(data: &[u8], room: u64) -> Result<Vec<u8>, MatDamage> {
    let mut unpacked = Vec::new();
    let unpacking = ZlibDecoder::new(data).take(room + 1).read_to_end(&mut unpacked);
    unpacking.map_err(|error| MatDamage::Compressed(error.to_string()))?;
    if unpacked.len() as u64 > room {
        return Err(MatDamage::TooLarge(MAX_BYTES));
    }
    Ok(unpacked)
}
