//! What a table of plain numbers cannot hold: a CSV file with the other columns beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use twist_io::{IoError, Refused};

use super::beside;
use super::cells::as_given;
use super::csv::Csv;
use super::destination::Destination;
use super::sink::{EMBEDDING, TableSink, check_place};
use crate::ModelError;

/// `FILE.csv`: the number of each row, then every column that is not an embedding.
pub(super) struct Beside {
    /// The file with the numbers.
    table: PathBuf,
    csv: Csv,
    schema: Arc<Schema>,
    rows: i32,
}

impl Beside {
    /// Begins the file beside `path`.
    pub(super) fn new(path: &Path, schema: &Schema) -> Result<Self, ModelError> {
        let table = path.to_owned();
        let path = beside(path);
        check_place(&path)?;
        let mut fields = vec![Arc::new(Field::new("row", DataType::Int32, false))];
        fields.extend(schema.fields().iter().filter(|field| field.name() != EMBEDDING).cloned());
        let schema = Arc::new(Schema::new(fields));
        let csv = Csv::new(Destination::file(&path)?, &schema, as_given)?;
        Ok(Self { table, csv, schema, rows: 0 })
    }

    /// Takes the other columns, and returns the numbers.
    pub(super) fn split(&mut self, rows: &RecordBatch) -> Result<Vec<f32>, ModelError> {
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(Int32Array::from_iter_values(self.rows..self.rows + rows.num_rows() as i32))];
        let mut values = Vec::new();
        for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
            match column.as_fixed_size_list_opt() {
                Some(list) if field.name() == EMBEDDING => {
                    values = list.values().as_primitive::<Float32Type>().values().to_vec();
                }
                _ => columns.push(Arc::clone(column)),
            }
        }
        self.rows += rows.num_rows() as i32;
        self.csv.push(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        Ok(values)
    }

    /// Gives the file its name, once `seal` has the numbers on the disk as well. A file with numbers of before is removed first:
    /// whenever the process ends, no numbers lie beside the names of other rows.
    pub(super) fn finish(mut self, seal: impl FnOnce() -> Result<(), IoError>) -> Result<(), ModelError> {
        self.csv.seal()?;
        seal()?;
        if fs_err::symlink_metadata(&self.table).is_ok_and(|found| found.is_file() || found.is_symlink()) {
            let why = |error: std::io::Error| Refused::writing(&self.table, error.to_string());
            fs_err::remove_file(&self.table).map_err(why)?;
        }
        Box::new(self.csv).finish()
    }
}
