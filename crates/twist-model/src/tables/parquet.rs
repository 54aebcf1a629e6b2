//! Parquet with bounded row groups.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use twist_io::{AtomicFile, Refused};
use twist_run::samples::FACTS_KEY;

use super::sink::TableSink;
use crate::ModelError;

/// A row group ends after this many bytes or rows, whichever comes first: it is what memory holds of the file.
const GROUP_BYTES: usize = 16 << 20;
const GROUP_ROWS: usize = 65_536;

/// A table in a file of its own.
pub(super) struct Parquet {
    file: AtomicFile,
    /// Writes into memory, from where each finished part goes to the file: so what the disk says is told with the path.
    writer: ArrowWriter<Vec<u8>>,
}

impl Parquet {
    /// Begins the file. `facts` are kept in its metadata under `twist` unless they are null.
    pub(super) fn new(
        path: &Path,
        schema: &Arc<Schema>,
        facts: &serde_json::Value,
    ) -> Result<Self, ModelError> {
        let facts = (!facts.is_null()).then(|| vec![KeyValue::new(FACTS_KEY.to_owned(), facts.to_string())]);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false) // floats and paths hardly repeat: a dictionary costs time and saves nothing
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_key_value_metadata(facts)
            .build();
        let file = AtomicFile::create(path)?;
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties)).map_err(table)?;
        Ok(Self { file, writer })
    }
}

impl TableSink for Parquet {
    fn push(&mut self, rows: &RecordBatch) -> Result<(), ModelError> {
        self.writer.write(rows).map_err(table)?;
        // The writer has counted these bytes, so offsets stay those of the file.
        let done = std::mem::take(self.writer.inner_mut());
        Ok(self.file.write(|out| out.write_all(&done))?)
    }

    fn finish(self: Box<Self>) -> Result<(), ModelError> {
        let Self { mut file, writer } = *self;
        let rest = writer.into_inner().map_err(table)?;
        file.write(|out| out.write_all(&rest))?;
        Ok(file.finish()?)
    }
}

fn table(error: ParquetError) -> ModelError {
    Refused::new("cannot make the parquet file").caused_by(error).into()
}
