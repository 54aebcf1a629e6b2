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
mod numbers;
mod parquet;
mod sink;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::Schema;

use self::destination::Destination;
use self::sink::check_place;
pub use self::sink::{TableSink, embedding_field};
use crate::ModelError;

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
        TableFormat::Csv => Box::new(csv::Csv::new(Destination::file(path)?, schema, cells::as_given)?),
        TableFormat::JsonLines => Box::new(jsonl::JsonLines::new(Destination::file(path)?)),
        TableFormat::Parquet => Box::new(parquet::Parquet::new(path, schema, facts)?),
        TableFormat::Npy => Box::new(numbers::Numbers::npy(path, schema)?),
        TableFormat::Safetensors => Box::new(numbers::Numbers::safetensors(path, schema, facts)?),
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
    Ok(Box::new(csv::Csv::new(Destination::Stream(stream), schema, cells::as_given)?))
}

/// As [`table_in_stream`], for people at a terminal: what would act upon it is [written out](twist_io::printable).
///
/// # Errors
/// Nobody reads the stream any more.
pub fn table_on_terminal(
    stream: Box<dyn Write>,
    schema: &Arc<Schema>,
) -> Result<Box<dyn TableSink>, ModelError> {
    Ok(Box::new(csv::Csv::new(Destination::Stream(stream), schema, twist_io::printable)?))
}

/// Where the other columns of a table lie whose format holds numbers alone: `FILE.csv`.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".csv");
    name.into()
}
