//! Tables that grow row by row into a file: nothing but a batch of rows is in memory, however many there are.
//!
//! The currency is Arrow's [`RecordBatch`]: columns with names and types. A [`TableSink`] takes batches of one schema and
//! writes them in its format, one format a file. Files appear under their names when they are finished; until then a
//! hidden file lies beside, which a process that was killed leaves behind and the next one removes.

mod beside;
mod cells;
mod csv;
mod destination;
mod jsonl;
mod npy;
mod parquet;
mod safetensors;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema};
use twist_io::Refused;

use self::destination::Destination;
use crate::ModelError;

/// A stream, such as stdout, takes no more.
pub(crate) const NOT_WRITTEN: &str = "cannot write the table";

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

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated, with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Parquet, compressed with zstd.
    Parquet,
    /// NumPy: the embeddings; every other column goes to `FILE.csv`.
    Npy,
    /// Safetensors: one tensor `embeddings`; every other column goes to `FILE.csv`.
    Safetensors,
}

impl TableFormat {
    /// The format that the ending of a file's name stands for.
    pub fn of_path(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Self::Csv,
            "jsonl" | "ndjson" => Self::JsonLines,
            "parquet" => Self::Parquet,
            "npy" => Self::Npy,
            "safetensors" => Self::Safetensors,
            _ => return None,
        })
    }
}

/// Begins a table in a file. Whatever has this name now stays until the table is finished.
///
/// `facts` say what the rows are; formats with room for metadata keep them.
///
/// # Errors
/// The folder is missing or cannot be written to, or a folder has the name: all of it before there is any row.
pub fn table_in_file(
    path: &Path,
    format: TableFormat,
    schema: &Arc<Schema>,
    facts: &serde_json::Value,
) -> Result<Box<dyn TableSink>, ModelError> {
    check_place(path)?;
    Ok(match format {
        TableFormat::Csv => Box::new(csv::Csv::new(Destination::file(path)?, schema)?),
        TableFormat::JsonLines => Box::new(jsonl::JsonLines::new(Destination::file(path)?)),
        TableFormat::Parquet => Box::new(parquet::Parquet::new(path, schema, facts)?),
        TableFormat::Npy => Box::new(npy::Npy::new(path, schema)?),
        TableFormat::Safetensors => Box::new(safetensors::Safetensors::new(path, schema, facts)?),
    })
}

/// Begins a CSV table in a stream, such as stdout.
///
/// # Errors
/// Nobody reads the stream any more.
pub fn table_in_stream(
    stream: Box<dyn Write>,
    schema: &Arc<Schema>,
) -> Result<Box<dyn TableSink>, ModelError> {
    Ok(Box::new(csv::Csv::new(Destination::Stream(stream), schema)?))
}

/// Where the other columns of a table lie whose format holds numbers alone: `FILE.csv`.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".csv");
    name.into()
}

/// Finds out whether `path` can become a file, and removes what a killed process left there.
fn check_place(path: &Path) -> Result<(), ModelError> {
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

/// The width of a schema's embeddings.
fn embedding_width(schema: &Schema, path: &Path) -> Result<usize, ModelError> {
    match schema.field_with_name(EMBEDDING).map(Field::data_type) {
        Ok(DataType::FixedSizeList(_, width)) => Ok(*width as usize),
        _ => {
            let why = "this format holds embeddings, and the table has none: write .csv, .jsonl or .parquet";
            Err(Refused::writing(path, why).into())
        }
    }
}
