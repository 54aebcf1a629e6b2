//! What all formats of tables share.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema};
use twist_io::Refused;

use crate::ModelError;

/// A stream, such as stdout, takes no more.
pub(super) const NOT_WRITTEN: &str = "cannot write the table";

/// The column of embeddings, where a table has one.
pub(crate) const EMBEDDING: &str = "embedding";

/// Takes the rows of one table.
pub trait TableSink {
    /// Adds rows of the schema that the sink was made for.
    ///
    /// # Errors
    /// The disk is full, or nobody reads the stream any more.
    fn push(&mut self, rows: &RecordBatch) -> Result<(), ModelError>;

    /// Completes the table and gives its files their names.
    ///
    /// # Errors
    /// The disk is full or read-only.
    fn finish(self: Box<Self>) -> Result<(), ModelError>;
}

/// Finds out whether `path` can become a file, and removes what a killed process left there.
pub(super) fn check_place(path: &Path) -> Result<(), ModelError> {
    let output = |why: &str| ModelError::from(Refused::writing(path, why));
    if path.is_dir() {
        return Err(output("it is a folder: give the name of a file in it"));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(output("its folder does not exist: create it first"))
        }
        _ => {
            twist_io::remove_leftovers_of(path)?;
            Ok(())
        }
    }
}

/// The type of a column of embeddings of `width` numbers.
pub fn embedding_field(width: i32) -> Field {
    let element = Arc::new(Field::new("item", DataType::Float32, false));
    Field::new(EMBEDDING, DataType::FixedSizeList(element, width), false)
}

pub(super) fn embedding_width(schema: &Schema, path: &Path) -> Result<usize, ModelError> {
    match schema.field_with_name(EMBEDDING).map(Field::data_type) {
        Ok(DataType::FixedSizeList(_, width)) => Ok(*width as usize),
        _ => {
            let why = "this format holds embeddings, and the table has none: write .csv, .jsonl or .parquet";
            Err(Refused::writing(path, why).into())
        }
    }
}
