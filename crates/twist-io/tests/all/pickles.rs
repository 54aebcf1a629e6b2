//! A small writer of PyTorch files, honest and otherwise: one method for each instruction that a test needs.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A pickle in the making.
#[derive(Clone, Default)]
pub(crate) struct Pickle(pub(crate) Vec<u8>);

impl Pickle {
    pub(crate) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub(crate) fn op(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.op(b"X").op(&(text.len() as u32).to_le_bytes()).op(text.as_bytes())
    }

    pub(crate) fn int(self, value: i32) -> Self {
        self.op(b"J").op(&value.to_le_bytes())
    }

    pub(crate) fn global(self, module: &str, name: &str) -> Self {
        self.op(format!("c{module}\n{name}\n").as_bytes())
    }

    pub(crate) fn ints(self, values: &[i32]) -> Self {
        values.iter().fold(self.op(b"("), |pickle, &value| pickle.int(value)).op(b"t")
    }

    /// A reference to a storage.
    pub(crate) fn storage(self, class: &str, key: &str, numel: i32) -> Self {
        self.op(b"(").text("storage").global("torch", class).text(key).text("cpu").int(numel).op(b"tQ")
    }

    /// A tensor as every PyTorch since 2017 writes it.
    pub(crate) fn tensor(self, view: &View<'_>) -> Self {
        let View { class, key, numel, offset, shape, strides } = *view;
        self.global("torch._utils", "_rebuild_tensor_v2")
            .op(b"(")
            .storage(class, key, numel)
            .int(offset)
            .ints(shape)
            .ints(strides)
            .op(b"\x89}tR")
    }

    /// One entry of a dictionary that is open.
    pub(crate) fn entry(self, name: &str, view: &View<'_>) -> Self {
        self.text(name).tensor(view)
    }

    /// The last instruction.
    pub(crate) fn stop(self) -> Vec<u8> {
        self.op(b".").0
    }
}

/// A tensor as a view of a storage.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) class: &'a str,
    pub(crate) key: &'a str,
    pub(crate) numel: i32,
    pub(crate) offset: i32,
    pub(crate) shape: &'a [i32],
    pub(crate) strides: &'a [i32],
}

/// Six floats in two rows, in storage `0`.
pub(crate) const SIX: View<'static> =
    View { class: "FloatStorage", key: "0", numel: 6, offset: 0, shape: &[2, 3], strides: &[3, 1] };

/// `0.0, 1.0, …`
pub(crate) fn floats(count: u32) -> Vec<u8> {
    (0..count).flat_map(|value| (value as f32).to_le_bytes()).collect()
}

/// The format since PyTorch 1.6.
pub(crate) fn archive(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let mut entries = vec![("data.pkl".to_owned(), pickle), ("byteorder".to_owned(), b"little".as_slice())];
    entries.extend(storages.iter().map(|(key, bytes)| (format!("data/{key}"), *bytes)));
    zip_of(&entries, CompressionMethod::Stored)
}

/// Entries in the folder `net`.
pub(crate) fn zip_of(entries: &[(String, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("net/{name}"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The format before PyTorch 1.6.
pub(crate) fn legacy(pickle: &[u8], storages: &[(&str, u64, &[u8])]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    let keys = storages.iter().fold(Pickle::new().op(b"]("), |pickle, (key, ..)| pickle.text(key)).op(b"e");
    let system = Pickle::new().op(b"}(").text("little_endian").op(b"\x88u");
    let mut file = [magic, Pickle::new().op(b"M\xe9\x03").stop().as_slice(), &system.stop()].concat();
    file.extend_from_slice(pickle);
    file.extend_from_slice(&keys.stop());
    for (_, count, bytes) in storages {
        file.extend_from_slice(&count.to_le_bytes());
        file.extend_from_slice(bytes);
    }
    file
}
