//! The label column, read whole when the table is opened.

use parquet::basic::{IntType, LogicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::pages::SharedFile;

/// The label of each row as text, read from the leaf column `column`. A label that is below 0 or not a number is none.
pub(super) fn read_labels(
    reader: &SerializedFileReader<SharedFile>,
    column: usize,
) -> Result<Vec<Option<String>>> {
    let mut labels = Vec::new();
    let logical = reader.metadata().file_metadata().schema_descr().column(column).logical_type_ref().cloned();
    let is_signed = !matches!(logical, Some(LogicalType::Integer(IntType { is_signed: false, .. })));
    for number in 0..reader.num_row_groups() {
        let group = reader.get_row_group(number)?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        let before = labels.len();
        match group.get_column_reader(column)? {
            ColumnReader::Int32ColumnReader(column) => {
                let wide = |v: i32| if is_signed { i64::from(v) } else { i64::from(v as u32) };
                read(column, rows, &mut labels, |v| Ok(whole(wide(*v))))?
            }
            ColumnReader::Int64ColumnReader(column) => {
                // Beyond 63 bits it cannot be the number of a class, but it is still a name.
                let text = |v: i64| if is_signed { whole(v) } else { Some((v as u64).to_string()) };
                read(column, rows, &mut labels, |v| Ok(text(*v)))?
            }
            ColumnReader::BoolColumnReader(column) => {
                read(column, rows, &mut labels, |v| Ok(Some(v.to_string())))?
            }
            ColumnReader::FloatColumnReader(column) => {
                read(column, rows, &mut labels, |v| counted(f64::from(*v)))?
            }
            ColumnReader::DoubleColumnReader(column) => read(column, rows, &mut labels, |v| counted(*v))?,
            ColumnReader::ByteArrayColumnReader(column) => read(column, rows, &mut labels, |v| {
                let text = std::str::from_utf8(v.data()).map(|text| Some(text.to_owned()));
                text.map_err(|_| ParquetError::General("a label is not UTF-8 text".to_owned()))
            })?,
            _ => {
                return Err(ParquetError::General(
                    "the labels are neither numbers, text nor true and false".to_owned(),
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

/// A whole number as text; below 0 is how tables write that there is no label.
fn whole(value: i64) -> Option<String> {
    (value >= 0).then(|| value.to_string())
}

/// A floating-point number that counts classes, as tables with gaps store them; the gaps are NaN.
fn counted(value: f64) -> Result<Option<String>> {
    match value {
        value if value.is_nan() => Ok(None),
        value if value.fract() == 0.0 && value.abs() < 9e15 => Ok(whole(value as i64)),
        value => {
            Err(ParquetError::General(format!("a label is {value}, and labels are whole numbers or text")))
        }
    }
}

/// All values of one column chunk.
fn read<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    rows: usize,
    labels: &mut Vec<Option<String>>,
    text: impl Fn(&T::T) -> Result<Option<String>>,
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
            labels.push(text(value)?);
        }
        return Ok(());
    }
    let full = levels.iter().copied().max().filter(|_| !values.is_empty());
    let mut values = values.iter();
    for level in levels {
        let value = if Some(level) == full { values.next() } else { None };
        labels.push(value.map(&text).transpose()?.flatten());
    }
    Ok(())
}
