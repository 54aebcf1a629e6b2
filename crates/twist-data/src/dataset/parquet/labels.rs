//! The label column, read whole when the table is opened.

use parquet::basic::{IntType, LogicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::Length;

use super::chunk::{Chunk, most_bytes};
use super::header::general;
use super::shared_file::SharedFile;

/// Why a column holds no labels.
pub(super) enum Unread {
    Damaged(ParquetError),
    /// It holds something else.
    Other(String),
}

impl From<ParquetError> for Unread {
    fn from(error: ParquetError) -> Self {
        Self::Damaged(error)
    }
}

/// The label of each row as text, read from the leaf column `column`. A label that is below 0 or not a number is none.
pub(super) fn read_labels(
    file: &SharedFile,
    metadata: &ParquetMetaData,
    column: usize,
) -> Result<Vec<Option<String>>, Unread> {
    let mut labels = Texts { all: Vec::new(), bytes: 0, most: most_bytes(file.len()) };
    let logical = metadata.file_metadata().schema_descr().column(column).logical_type_ref().cloned();
    let is_signed = !matches!(logical, Some(LogicalType::Integer(IntType { is_signed: false, .. })));
    for group in metadata.row_groups() {
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let before = labels.all.len();
        let chunk = Chunk::open(file, group, column)?;
        match get_column_reader(chunk.column(), chunk.pages(chunk.all())) {
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
                text.map_err(|_| format!("holds \"{}\", which is not UTF-8 text", start_of(v.data())))
            })?,
            _ => return Err(Unread::Other("is of a type that cannot name classes".into())),
        }
        if labels.all.len() != before + rows {
            let found = labels.all.len() - before;
            return Err(general(format!("a row group of {rows} rows has {found} labels")).into());
        }
    }
    Ok(labels.all)
}

/// Labels so far. One string of a dictionary may stand in every row, so what they take together is bounded.
struct Texts {
    all: Vec<Option<String>>,
    bytes: u64,
    most: u64,
}

impl Texts {
    fn push(&mut self, label: Option<String>) -> Result<(), Unread> {
        self.bytes += label.as_ref().map_or(0, |label| label.len() as u64);
        if self.bytes > self.most {
            let most = self.most;
            return Err(Unread::Other(format!("holds more than {most} bytes of text, but labels are short")));
        }
        self.all.push(label);
        Ok(())
    }
}

/// The beginning of what is not text, printable.
fn start_of(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(16)].escape_ascii().to_string()
}

/// A whole number as text; tables write a negative number for "no label".
fn whole(value: i64) -> Option<String> {
    (value >= 0).then(|| value.to_string())
}

/// A floating-point number that counts classes, as tables with gaps store them; the gaps are NaN.
fn counted(value: f64) -> Result<Option<String>, String> {
    match value {
        value if value.is_nan() => Ok(None),
        value if value.fract() == 0.0 && value.abs() < 9e15 => Ok(whole(value as i64)),
        value => Err(format!("holds {value}, which is not a whole number")),
    }
}

/// All values of one column chunk.
fn read<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    rows: usize,
    labels: &mut Texts,
    text: impl Fn(&T::T) -> Result<Option<String>, String>,
) -> Result<(), Unread> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut left = rows;
    while left > 0 {
        let (read, _, _) = column.read_records(left, Some(&mut levels), None, &mut values)?;
        if read == 0 {
            break;
        }
        left -= read;
    }
    let text = |value: &T::T| text(value).map_err(Unread::Other);
    // A schema without nulls has no levels; with them, a value stands wherever the level is full.
    if levels.is_empty() {
        return values.iter().try_for_each(|value| labels.push(text(value)?));
    }
    let full = levels.iter().copied().max().filter(|_| !values.is_empty());
    let mut values = values.iter();
    levels.into_iter().try_for_each(|level| {
        let value = if Some(level) == full { values.next() } else { None };
        labels.push(value.map(&text).transpose()?.flatten())
    })
}
