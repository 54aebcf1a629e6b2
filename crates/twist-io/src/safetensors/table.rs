//! One tensor `[N, D]` written row by row, without knowing N beforehand.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::checksum::{metadata_of, sum_of};
use crate::atomic::AtomicFile;
use crate::error::IoError;
use crate::tensor::Dtype;

/// Writes a safetensors file with a single float32 tensor; the file appears when it is finished.
///
/// The header, which says how long the tensor is, is written last, into room that was left for it.
#[derive(Debug)]
pub struct SafetensorsTable {
    file: AtomicFile,
    name: String,
    width: usize,
    metadata: Option<Value>,
    rows: u64,
    /// Of the bytes of the rows so far.
    checksum: u32,
    /// Bytes of the header.
    room: usize,
}

impl SafetensorsTable {
    /// Begins a tensor `name` of `width` columns in a file that will be called `path`, with a JSON value of the caller's
    /// as [`save_safetensors`](crate::save_safetensors) writes it.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written to.
    pub fn create(
        path: impl AsRef<Path>,
        name: &str,
        width: usize,
        metadata: Option<&Value>,
    ) -> Result<Self, IoError> {
        let (file, name, metadata) = (AtomicFile::create(path)?, name.to_owned(), metadata.cloned());
        let mut table = Self { file, name, width, metadata, rows: 0, checksum: 0, room: 0 };
        // No file has more rows than this and no checksum is larger, so no header is longer.
        let most = u64::MAX / (4 * table.width.max(1)) as u64;
        table.room = table.header(most, u32::MAX).len().next_multiple_of(8);
        let room = vec![b' '; 8 + table.room];
        table.file.write(|out| out.write_all(&room))?;
        Ok(table)
    }

    /// Adds rows: `values` is a whole number of them.
    ///
    /// # Errors
    /// The disk is full.
    pub fn push(&mut self, values: &[f32]) -> Result<(), IoError> {
        debug_assert_eq!(values.len() % self.width.max(1), 0, "whole rows");
        self.rows += (values.len() / self.width.max(1)) as u64;
        let bytes = bytemuck::cast_slice(values);
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        self.file.write(|out| out.write_all(bytes))
    }

    /// Writes the header, now that the number of rows is known, and flushes all of it to the disk; only the name is missing then.
    ///
    /// # Errors
    /// The disk is full.
    pub fn seal(&mut self) -> Result<(), IoError> {
        let mut head = (self.room as u64).to_le_bytes().to_vec();
        let checksum = sum_of(Dtype::F32, &[self.rows as usize, self.width], self.checksum);
        head.extend_from_slice(self.header(self.rows, checksum).as_bytes());
        head.resize(8 + self.room, b' ');
        self.file.write(|out| {
            out.seek(SeekFrom::Start(0))?;
            out.write_all(&head)?;
            out.seek(SeekFrom::End(0)).map(drop)
        })?;
        self.file.seal()
    }

    /// Completes the file and gives it its name. Returns the number of rows.
    ///
    /// # Errors
    /// The disk is full.
    pub fn finish(mut self) -> Result<u64, IoError> {
        self.seal()?;
        self.file.finish()?;
        Ok(self.rows)
    }

    fn header(&self, rows: u64, checksum: u32) -> String {
        let mut header = serde_json::Map::new();
        let sums = std::iter::once((self.name.as_str(), checksum));
        header.insert("__metadata__".to_owned(), metadata_of(self.metadata.as_ref(), sums));
        let end = rows * (4 * self.width) as u64;
        let entry = json!({ "dtype": "F32", "shape": [rows, self.width], "data_offsets": [0, end] });
        header.insert(self.name.clone(), entry);
        Value::Object(header).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_safetensors;

    #[test]
    fn rows_come_back_with_the_metadata() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        for rows in [0usize, 1, 300] {
            let mut table =
                SafetensorsTable::create(&path, "rows", 3, Some(&json!({ "model": "x" }))).unwrap();
            for row in 0..rows {
                table.push(&[row as f32, 0.5, -1.0]).unwrap();
            }
            assert_eq!(table.finish().unwrap(), rows as u64);
            let (state, metadata) = load_safetensors(&path).unwrap();
            let tensor = state.get("rows").unwrap();
            assert_eq!(tensor.shape, [rows, 3]);
            let values: Vec<f32> =
                tensor.data.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
            assert!((0..rows).all(|row| values[3 * row..3 * row + 3] == [row as f32, 0.5, -1.0]));
            assert_eq!(metadata.unwrap()["model"], "x");
            // The format's own implementation agrees.
            let bytes = fs_err::read(&path).unwrap();
            let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(file.tensor("rows").unwrap().shape(), [rows, 3]);
        }
    }

    #[test]
    fn an_abandoned_table_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut table =
            SafetensorsTable::create(folder.path().join("a.safetensors"), "rows", 1, None).unwrap();
        table.push(&[1.0]).unwrap();
        drop(table);
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }
}
