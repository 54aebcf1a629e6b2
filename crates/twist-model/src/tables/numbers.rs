//! The embeddings alone, as a NumPy table or as one tensor `embeddings` `[N, D]`, with a CSV file beside it that names the rows.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use twist_io::{NpyWriter, SafetensorsTable};

use super::beside::Beside;
use super::sink::{TableSink, embedding_width};
use crate::ModelError;

const TENSOR: &str = "embeddings";

/// Two files; the one with the numbers gets its name last.
pub(super) struct Numbers {
    table: Table,
    names: Beside,
}

enum Table {
    Npy(NpyWriter),
    Safetensors(SafetensorsTable),
}

impl Numbers {
    /// Begins both, the numbers as NumPy has them.
    pub(super) fn npy(path: &Path, schema: &Schema) -> Result<Self, ModelError> {
        let table = Table::Npy(NpyWriter::create(path, embedding_width(schema, path)?)?);
        Ok(Self { table, names: Beside::new(path, schema)? })
    }

    /// Begins both, the numbers as a tensor. `facts` are kept in the header's metadata unless they are null.
    pub(super) fn safetensors(
        path: &Path,
        schema: &Schema,
        facts: &serde_json::Value,
    ) -> Result<Self, ModelError> {
        let width = embedding_width(schema, path)?;
        let facts = (!facts.is_null()).then_some(facts);
        let table = Table::Safetensors(SafetensorsTable::create(path, TENSOR, width, facts)?);
        Ok(Self { table, names: Beside::new(path, schema)? })
    }
}

impl TableSink for Numbers {
    fn push(&mut self, rows: &RecordBatch) -> Result<(), ModelError> {
        let values = self.names.split(rows)?;
        match &mut self.table {
            Table::Npy(table) => table.push(&values)?,
            Table::Safetensors(table) => table.push(&values)?,
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), ModelError> {
        let Self { mut table, names } = *self;
        names.finish(|| match &mut table {
            Table::Npy(table) => table.seal(),
            Table::Safetensors(table) => table.seal(),
        })?;
        match table {
            Table::Npy(table) => table.finish().map(drop)?,
            Table::Safetensors(table) => table.finish().map(drop)?,
        }
        Ok(())
    }
}
