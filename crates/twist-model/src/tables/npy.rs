//! The embeddings as a NumPy table `[N, D]`, with a CSV file beside it that names the rows.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use twist_io::NpyWriter;

use super::beside::Beside;
use super::sink::{TableSink, embedding_width};
use crate::ModelError;

/// Two files; the one with the numbers gets its name last.
pub(super) struct Npy {
    table: NpyWriter,
    names: Beside,
}

impl Npy {
    /// Begins both.
    pub(super) fn new(path: &Path, schema: &Schema) -> Result<Self, ModelError> {
        let width = embedding_width(schema, path)?;
        Ok(Self { table: NpyWriter::create(path, width)?, names: Beside::new(path, schema)? })
    }
}

impl TableSink for Npy {
    fn push(&mut self, rows: &RecordBatch) -> Result<(), ModelError> {
        let values = self.names.split(rows)?;
        Ok(self.table.push(&values)?)
    }

    fn finish(self: Box<Self>) -> Result<(), ModelError> {
        let Self { mut table, names } = *self;
        names.finish(|| table.seal())?;
        table.finish()?;
        Ok(())
    }
}
