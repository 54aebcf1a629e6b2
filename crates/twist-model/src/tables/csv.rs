//! Comma-separated values, with a header, as RFC 4180 has them.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use twist_io::Refused;

use super::cells::{cell, field};
use super::destination::Destination;
use super::sink::{NOT_WRITTEN, TableSink};
use crate::ModelError;

/// One line a row.
pub(super) struct Csv {
    out: Destination,
    /// What becomes of the text in a cell.
    shown: Shown,
}

/// Text as it is given, or as a terminal may get it.
pub(super) type Shown = fn(&str) -> Cow<'_, str>;

impl Csv {
    /// Writes the header.
    pub(super) fn new(mut out: Destination, schema: &Schema, shown: Shown) -> Result<Self, ModelError> {
        out.write(&lines([schema.fields().iter().map(|field| field.name().clone())])?)?;
        Ok(Self { out, shown })
    }

    /// Flushes the table to the disk, without its name.
    pub(super) fn seal(&mut self) -> Result<(), ModelError> {
        self.out.seal()
    }
}

impl TableSink for Csv {
    fn push(&mut self, rows: &RecordBatch) -> Result<(), ModelError> {
        let shown = self.shown;
        let fields = |row| (0..rows.num_columns()).map(move |column| field(&cell(rows, column, row), shown));
        self.out.write(&lines((0..rows.num_rows()).map(fields))?)
    }

    fn finish(self: Box<Self>) -> Result<(), ModelError> {
        self.out.finish()
    }
}

fn lines<R: IntoIterator<Item = String>>(rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>, ModelError> {
    let in_memory = |source: std::io::Error| Refused::new(NOT_WRITTEN).caused_by(source);
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| in_memory(error.into()))?;
    }
    Ok(writer.into_inner().map_err(|error| in_memory(error.into_error()))?)
}
