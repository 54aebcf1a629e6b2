//! How much memory a parquet file may ask for.
//!
//! Repetition costs nothing in this format: some hundred bytes can stand for gigabytes. What a file claims is known before its
//! numbers are read, so a file that claims out of all proportion is refused. Texts are counted as they are read, because a
//! file does not say how often it repeats one.

use parquet::basic::Type;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// Memory that any file may take, in bytes: the embeddings of a collapsed network are all equal, and rightly shrink to nothing.
const FREE: u64 = 1 << 30;
/// Memory for each stored byte beyond that.
const EACH: u64 = 64;

/// What is left for a file.
#[derive(Clone, Copy, Debug)]
pub struct ParquetRoom {
    left: u64,
}

impl ParquetRoom {
    /// Rows to read at a time, so that little is in memory before it is counted.
    pub const BATCH: usize = 64;

    /// The room of a file of `stored` bytes, of which the columns that are `wanted` by name are read.
    ///
    /// # Errors
    /// A sentence about a file that claims more.
    pub fn of(
        metadata: &ParquetMetaData,
        stored: u64,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let left = FREE.saturating_add(stored.saturating_mul(EACH));
        let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
        let own = chunks.filter(|chunk| chunk.column_path().parts().first().is_some_and(|name| wanted(name)));
        let claimed = own.map(size).fold(0, u64::saturating_add);
        if claimed <= left { Ok(Self { left }) } else { Err(refusal()) }
    }

    /// Counts texts that were read.
    ///
    /// # Errors
    /// A sentence about a file whose texts take more than its room.
    pub fn add<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
        let taken: u64 = texts.into_iter().map(|text| text.len() as u64).sum();
        self.left = self.left.checked_sub(taken).ok_or_else(refusal)?;
        Ok(())
    }
}

/// Bytes of a chunk's values in memory; of texts, those of the different ones.
fn size(chunk: &ColumnChunkMetaData) -> u64 {
    let each = match chunk.column_type() {
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => {
            return u64::try_from(chunk.uncompressed_size()).unwrap_or(0);
        }
    };
    u64::try_from(chunk.num_values()).unwrap_or(0).saturating_mul(each)
}

fn refusal() -> String {
    format!(
        "its table takes more than {} GiB of memory and {EACH} bytes for each byte of the file: it is damaged, or made to fill the memory",
        FREE >> 30
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float32Array, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;

    #[test]
    fn a_small_file_does_not_stand_for_gigabytes() {
        let column: ArrayRef = Arc::new(Float32Array::from(vec![0.5; 1 << 22]));
        let batch = RecordBatch::try_from_iter([("embedding", column)]).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1 << 22)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        (0..64).for_each(|_| writer.write(&batch).unwrap());
        let metadata = writer.finish().unwrap();
        let stored = writer.inner().len() as u64;
        assert!(stored < 1 << 20, "{stored} bytes");
        let room = |stored, wanted: &str| ParquetRoom::of(&metadata, stored, |name| name == wanted);
        assert!(room(stored, "embedding").is_ok(), "exactly what any file may take");
        writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        (0..65).for_each(|_| writer.write(&batch).unwrap());
        let metadata = writer.finish().unwrap();
        let room = |stored, wanted: &str| ParquetRoom::of(&metadata, stored, |name| name == wanted);
        assert!(room(0, "embedding").unwrap_err().contains("1 GiB"));
        assert!(room(1 << 20, "embedding").is_ok() && room(0, "path").is_ok());
        let mut left = ParquetRoom { left: 10 };
        assert!(left.add(["12345", "67890"]).is_ok() && left.add(["1"]).is_err());
    }
}
