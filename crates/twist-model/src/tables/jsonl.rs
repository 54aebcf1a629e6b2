//! One JSON object a line (<https://jsonlines.org>).

use arrow_array::RecordBatch;
use serde_json::{Map, Value};

use super::cells::cell;
use super::destination::Destination;
use super::sink::TableSink;
use crate::ModelError;

/// Keys are the names of the columns; a null cell is `null`.
pub(super) struct JsonLines {
    out: Destination,
}

impl JsonLines {
    /// Nothing is written before the first row.
    pub(super) fn new(out: Destination) -> Self {
        Self { out }
    }
}

impl TableSink for JsonLines {
    fn push(&mut self, rows: &RecordBatch) -> Result<(), ModelError> {
        let schema = rows.schema();
        let mut text = String::new();
        for row in 0..rows.num_rows() {
            let names = schema.fields().iter().map(|field| field.name().clone());
            let object: Map<String, Value> =
                names.enumerate().map(|(column, name)| (name, cell(rows, column, row))).collect();
            text.push_str(&Value::Object(object).to_string());
            text.push('\n');
        }
        self.out.write(text.as_bytes())
    }

    fn finish(self: Box<Self>) -> Result<(), ModelError> {
        self.out.finish()
    }
}
