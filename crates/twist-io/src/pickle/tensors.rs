//! From storages to tensors: each a row-major copy of its own, whatever view of its storage it was.

use std::collections::HashMap;

use super::archive::Archive;
use super::damage::{Fault, PickleDamage};
use super::legacy::Stream;
use super::node::{ElementType, Form, Storage, TensorPlan};
use crate::state::StateDict;
use crate::tensor::{HostTensor, byte_len};

/// Where the bytes of storages lie.
#[derive(Debug)]
pub(super) enum Storages {
    Archive(Archive),
    Stream(Stream),
}

impl Storages {
    fn read(&mut self, key: &str) -> Result<Vec<u8>, Fault> {
        match self {
            Storages::Archive(archive) => archive.storage(key),
            Storages::Stream(stream) => stream.storage(key),
        }
    }
}

/// Makes the tensors, at most `most` bytes of them. A storage is read once, and dropped after its last tensor.
pub(super) fn read(
    storages: &mut Storages,
    named: &[(&str, &TensorPlan)],
    most: u64,
) -> Result<StateDict, Fault> {
    let mut waiting: HashMap<&str, usize> = HashMap::new();
    for (_, plan) in named {
        *waiting.entry(&*plan.storage.key).or_default() += 1;
    }
    let mut open: HashMap<&str, Vec<u8>> = HashMap::new();
    let (mut state, mut total) = (StateDict::default(), 0u64);
    for (name, plan) in named {
        let key = &*plan.storage.key;
        let place = place(name, plan)?;
        total = total.saturating_add(place.bytes as u64);
        if total > most {
            return Err(PickleDamage::Limit { what: "bytes of tensors", most }.into());
        }
        let bytes = match open.remove(key) {
            Some(bytes) => bytes,
            None => storages.read(key)?,
        };
        let (begin, end) = visible(&plan.storage, place.size, bytes.len() as u64)?;
        let beyond = || PickleDamage::Bounds { name: (*name).to_owned(), key: key.to_owned() };
        if place.end > end - begin {
            return Err(beyond().into());
        }
        let left = waiting.get_mut(key).map_or(0, |left| {
            *left -= 1;
            *left
        });
        let ElementType::Known(dtype) = plan.element else { return Err(unknown(name, plan)) };
        // The usual case costs no copy: a tensor that is all of a storage that nobody else needs.
        let data = if left == 0 && place.contiguous && place.bytes == bytes.len() {
            bytes
        } else {
            let data = place.copy(plan, &bytes[begin as usize..end as usize]);
            if left > 0 {
                open.insert(key, bytes);
            }
            data
        };
        state.push(*name, HostTensor { dtype, shape: plan.shape.clone(), data });
    }
    Ok(state)
}

/// A tensor's bytes, checked in themselves.
struct Place {
    /// Bytes of an element.
    size: usize,
    bytes: usize,
    /// Bytes of the visible storage that it needs at least.
    end: u64,
    contiguous: bool,
}

fn place(name: &str, plan: &TensorPlan) -> Result<Place, Fault> {
    let beyond = || PickleDamage::Bounds { name: name.to_owned(), key: plan.storage.key.to_string() };
    let name_of = || name.to_owned();
    match plan.form {
        Form::Plain => {}
        Form::Turned => return Err(PickleDamage::Turned { name: name_of() }.into()),
        Form::Sparse => return Err(PickleDamage::Sparse { name: name_of() }.into()),
        Form::Quantised => return Err(PickleDamage::Quantised { name: name_of() }.into()),
    }
    let ElementType::Known(dtype) = plan.element else { return Err(unknown(name, plan)) };
    let bytes = byte_len(dtype, &plan.shape).ok_or_else(beyond)?;
    let mut contiguous = true;
    let mut last = plan.offset;
    let mut expected = 1u64;
    for (&axis, &stride) in plan.shape.iter().zip(&plan.strides).rev() {
        if bytes == 0 || axis == 1 {
            continue;
        }
        contiguous &= stride == expected;
        expected = expected.saturating_mul(axis as u64);
        let reach = stride.checked_mul(axis as u64 - 1).ok_or_else(beyond)?;
        last = last.checked_add(reach).ok_or_else(beyond)?;
    }
    let size = dtype.size();
    let elements = if bytes == 0 { Some(0) } else { last.checked_add(1) };
    let end = elements.and_then(|elements| elements.checked_mul(size as u64)).ok_or_else(beyond)?;
    Ok(Place { size, bytes, end, contiguous })
}

impl Place {
    /// The elements in row-major order, from a storage that is long enough.
    fn copy(&self, plan: &TensorPlan, storage: &[u8]) -> Vec<u8> {
        let first = plan.offset as usize * self.size;
        if self.bytes == 0 {
            return Vec::new();
        }
        if self.contiguous {
            return storage[first..first + self.bytes].to_vec();
        }
        let mut data = Vec::with_capacity(self.bytes);
        let mut index = vec![0; plan.shape.len()];
        while data.len() < self.bytes {
            let element: u64 = index.iter().zip(&plan.strides).map(|(&i, &stride)| i as u64 * stride).sum();
            let begin = first + element as usize * self.size;
            data.extend_from_slice(&storage[begin..begin + self.size]);
            for (i, &axis) in index.iter_mut().zip(&plan.shape).rev() {
                *i += 1;
                if *i < axis {
                    break;
                }
                *i = 0;
            }
        }
        data
    }
}

/// First byte and byte after the last of what a reference to a storage of `got` bytes may see.
fn visible(storage: &Storage, size: usize, got: u64) -> Result<(u64, u64), Fault> {
    let size = storage.element.size().unwrap_or(size as u64);
    let short = |needed| PickleDamage::StorageSize { key: storage.key.to_string(), needed, got };
    let bytes = |elements: u64| elements.checked_mul(size).ok_or_else(|| short(u64::MAX));
    let needed = bytes(storage.numel)?;
    if got < needed {
        return Err(short(needed).into());
    }
    match storage.view {
        None => Ok((0, needed)),
        Some((first, numel)) => {
            let begin = bytes(first)?;
            let end = begin.checked_add(bytes(numel)?).ok_or_else(|| short(u64::MAX))?;
            if end > needed { Err(short(end).into()) } else { Ok((begin, end)) }
        }
    }
}

fn unknown(name: &str, plan: &TensorPlan) -> Fault {
    let dtype = match &plan.element {
        ElementType::Known(dtype) => dtype.name().to_owned(),
        ElementType::Other(dtype, _) => dtype.to_string(),
    };
    Fault::Dtype { name: name.to_owned(), dtype }
}
