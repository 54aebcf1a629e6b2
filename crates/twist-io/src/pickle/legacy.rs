//! The format before PyTorch 1.6: pickles one after the other, then the bytes of each storage.

use std::collections::HashMap;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use fs_err::File;

use super::damage::{Fault, PickleDamage};
use super::machine;
use super::node::{Heap, Id, Node, Storage};
use super::source::ByteReader;
use super::tensors::Storages;

/// What the first pickle says.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;

/// What the second pickle says, ever since there is this format.
const PROTOCOL: i128 = 1001;

/// Bytes before each storage: its number of elements.
const COUNT_BYTES: u64 = 8;

/// A file whose storages are read when they are asked for.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    /// Offset in the file and length in bytes of each storage.
    places: HashMap<Rc<str>, (u64, u64)>,
}

/// Reads the pickles and finds the storages.
pub(super) fn open(mut file: File, length: u64) -> Result<(Heap, Id, Storages), Fault> {
    file.rewind().map_err(Fault::Os)?;
    let mut source = ByteReader::new(BufReader::new(file), length);
    let truncated = |fault| cut_short(fault, length);
    check_head(&mut source).map_err(truncated)?;
    let (heap, root) = machine::run(&mut source).map_err(truncated)?;
    let keys = keys(&mut source).map_err(truncated)?;
    let begin = source.at();
    let mut file = source.into_reader().into_inner();
    let places = places(&mut file, &elements(&heap)?, keys, begin, length)?;
    Ok((heap, root, Storages::Stream(Stream { file, places })))
}

/// In this format a pickle ends where the file does.
fn cut_short(fault: Fault, length: u64) -> Fault {
    match fault {
        Fault::Damage(PickleDamage::Cut { .. }) => Fault::Truncated { expected: length + 1, got: length },
        Fault::Damage(PickleDamage::Claim { at, claimed, .. }) => {
            Fault::Truncated { expected: at.saturating_add(claimed), got: length }
        }
        other => other,
    }
}

/// Magic number, protocol, and what the machine was like that wrote the file.
fn check_head(source: &mut ByteReader<impl Read>) -> Result<(), Fault> {
    let (heap, root) = machine::run(source)?;
    if !matches!(heap.get(root), Node::Int(MAGIC)) {
        return Err(Fault::Not("it is a pickle, but not one of PyTorch's".to_owned()));
    }
    let (heap, root) = machine::run(source)?;
    if !matches!(heap.get(root), Node::Int(PROTOCOL)) {
        return Err(Fault::Not("it is written in a protocol other than 1001".to_owned()));
    }
    let (heap, root) = machine::run(source)?;
    let little = match heap.get(root) {
        Node::Dict(facts) => facts.iter().find(|(key, _)| heap.text(*key) == Some("little_endian")),
        _ => None,
    };
    match little.map(|(_, value)| heap.get(*value)) {
        Some(Node::Bool(false)) => Err(PickleDamage::BigEndian.into()),
        _ => Ok(()),
    }
}

/// The keys of the storages, in the order of their bytes.
fn keys(source: &mut ByteReader<impl Read>) -> Result<Vec<Rc<str>>, Fault> {
    let (heap, root) = machine::run(source)?;
    let wrong = || Fault::Damage(PickleDamage::Storages("it is not a list of keys".to_owned()));
    let keys = heap.sequence(root).ok_or_else(wrong)?;
    keys.iter().map(|&key| heap.shared_text(key).map(Rc::clone)).collect::<Option<_>>().ok_or_else(wrong)
}

/// Bytes of an element of each storage that the object refers to.
fn elements(heap: &Heap) -> Result<HashMap<&str, u64>, Fault> {
    let mut sizes = HashMap::new();
    for node in heap.iter() {
        let Node::Storage(storage) = node else { continue };
        let Storage { key, element, .. } = &**storage;
        let size = element.size().ok_or_else(|| {
            PickleDamage::Storages(format!("storage `{key}` has elements of unknown size ({element:?})"))
        })?;
        if sizes.insert(&**key, size).is_some_and(|before| before != size) {
            return Err(PickleDamage::Storages(format!("storage `{key}` has two types")).into());
        }
    }
    Ok(sizes)
}

/// Where the bytes of each storage lie, walking from count to count.
fn places(
    file: &mut File,
    elements: &HashMap<&str, u64>,
    keys: Vec<Rc<str>>,
    mut at: u64,
    length: u64,
) -> Result<HashMap<Rc<str>, (u64, u64)>, Fault> {
    let mut places = HashMap::new();
    for key in keys {
        let wrong = |reason: &str| Fault::Damage(PickleDamage::Storages(format!("storage `{key}` {reason}")));
        let &size = elements.get(&*key).ok_or_else(|| wrong("belongs to no tensor"))?;
        let begin = at + COUNT_BYTES;
        if begin > length {
            return Err(Fault::Truncated { expected: begin, got: length });
        }
        file.seek(SeekFrom::Start(at)).map_err(Fault::Os)?;
        let mut count = [0; COUNT_BYTES as usize];
        file.read_exact(&mut count).map_err(Fault::Os)?;
        let bytes = u64::from_le_bytes(count).checked_mul(size);
        let end = bytes.and_then(|bytes| begin.checked_add(bytes)).ok_or_else(|| wrong("has no end"))?;
        if end > length {
            return Err(Fault::Truncated { expected: end, got: length });
        }
        if places.insert(Rc::clone(&key), (begin, end - begin)).is_some() {
            return Err(wrong("is listed twice"));
        }
        at = end;
    }
    Ok(places)
}

impl Stream {
    pub(super) fn storage(&mut self, key: &str) -> Result<Vec<u8>, Fault> {
        let &(begin, length) =
            self.places.get(key).ok_or_else(|| PickleDamage::NoStorage { key: key.to_owned() })?;
        self.file.seek(SeekFrom::Start(begin)).map_err(Fault::Os)?;
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes).map_err(Fault::Os)?;
        Ok(bytes)
    }
}
