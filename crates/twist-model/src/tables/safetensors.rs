//! The embeddings as one tensor `embeddings` `[N, D]`, with a CSV file beside it that names the rows.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use twist_io::SafetensorsTable;

use super::beside::Beside;
use super::sink::{TableSink, embedding_width};
use crate::ModelError;

/// The name of the tensor.
const TENSOR: &str = "embeddings";

/// Two files; the one with the numbers gets its name last.
pub(super) struct Safetensors {
    table: SafetensorsTable,
    names: Beside,
}

impl Safetensors {
    /// Begins both. `facts` are kept in the header's metadata unless they are null.
    pub(super) fn new(path: &Path, schema: &Schema, facts: &serde_json::Value) -> Result<Self, ModelError> {
        let width = embedding_width(schema, path)?;
        let facts = (!facts.is_null()).then_some(facts);
        let table = SafetensorsTable::create(path, TENSOR, width, facts)?;
        Ok(Self { table, names: Beside::new(path, schema)? })
    }
}

impl TableSink for Safetensors {
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
