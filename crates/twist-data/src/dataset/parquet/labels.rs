//! The label column, read whole when the table is opened.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::pages::SharedFile;

/// The label of each row as text; `None` for all where there is no column.
pub(super) fn read_labels(
    reader: &SerializedFileReader<SharedFile>,
    column: Option<usize>,
) -> Result<Vec<Option<String>>> {
    let mut labels = Vec::new();
    for number in 0..reader.num_row_groups() {
        let group = reader.get_row_group(number)?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        let Some(column) = column else {
            labels.extend(std::iter::repeat_n(None, rows));
            continue;
        };
        let before = labels.len();
        match group.get_column_reader(column)? {
            ColumnReader::Int32ColumnReader(column) => {
                read(column, rows, &mut labels, |v| Ok(v.to_string()))?
            }
            ColumnReader::Int64ColumnReader(column) => {
                read(column, rows, &mut labels, |v| Ok(v.to_string()))?
            }
            ColumnReader::ByteArrayColumnReader(column) => read(column, rows, &mut labels, |v| {
                let text = std::str::from_utf8(v.data()).map(str::to_owned);
                text.map_err(|_| ParquetError::General("a label is not UTF-8 text".to_owned()))
            })?,
            _ => {
                return Err(ParquetError::General(
                    "the labels are neither whole numbers nor text".to_owned(),
                ));
            }
        }
        if labels.len() != before + rows {
            let found = labels.len() - before;
            return Err(ParquetError::General(format!("a row group of {rows} rows has {found} labels")));
        }
    }
    Ok(labels)
}

/// All values of one column chunk.
fn read<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    rows: usize,
    labels: &mut Vec<Option<String>>,
    text: impl Fn(&T::T) -> Result<String>,
) -> Result<()> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut left = rows;
    while left > 0 {
        let (read, _, _) = column.read_records(left, Some(&mut levels), None, &mut values)?;
        if read == 0 {
            break;
        }
        left -= read;
    }
    // Without nulls in the schema there are no levels; with them, a value stands wherever the level is full.
    if levels.is_empty() {
        for value in &values {
            labels.push(Some(text(value)?));
        }
        return Ok(());
    }
    let full = levels.iter().copied().max().filter(|_| !values.is_empty());
    let mut values = values.iter();
    for level in levels {
        let value = if Some(level) == full { values.next() } else { None };
        labels.push(value.map(&text).transpose()?);
    }
    Ok(())
}
