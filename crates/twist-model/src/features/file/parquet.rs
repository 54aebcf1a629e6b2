//! Features from a parquet file with a column `embedding`.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tch::Tensor;
use twist_data::text_labels;
use twist_io::Refused;
use twist_run::ParquetRoom;

use super::{Content, label_of, wrong};
use crate::ModelError;

/// The columns that are looked at.
const EMBEDDING: &str = "embedding";
const PATH: &str = "path";
const LABEL: &str = "label";

/// Whether a file can be opened and has a column of embeddings.
pub(super) fn has_embeddings(path: &Path) -> bool {
    let builder = twist_io::open_regular(path)
        .ok()
        .and_then(|file| ParquetRecordBatchReaderBuilder::try_new(file.into_parts().0).ok());
    builder.is_some_and(|builder| builder.schema().column_with_name(EMBEDDING).is_some())
}

/// Reads the table. Other columns are not read.
pub(super) fn read(path: &Path, with_labels: bool) -> Result<Content, ModelError> {
    let wrong = |reason: String| wrong(path, reason);
    let unreadable = |source: std::io::Error| Refused::reading(path, source);
    let file = twist_io::open_regular(path).map_err(unreadable)?;
    let stored = file.metadata().map_err(unreadable)?.len();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.into_parts().0)
        .map_err(|error| wrong(error.to_string()))?;
    let wanted = [EMBEDDING, PATH, LABEL];
    let known = |name: &str| builder.schema().column_with_name(name).map(|(place, _)| place);
    if known(EMBEDDING).is_none() {
        let names: Vec<&str> = builder.schema().fields().iter().map(|field| field.name().as_str()).collect();
        return Err(wrong(format!("it has no column `{EMBEDDING}`, only {}", names.join(", "))));
    }
    let doubled =
        |name: &&str| builder.schema().fields().iter().filter(|field| field.name() == name).count() > 1;
    if let Some(name) = wanted.iter().find(|name| doubled(name)) {
        return Err(wrong(format!("it has several columns `{name}`: keep one of them")));
    }
    let mut room =
        ParquetRoom::of(builder.metadata(), stored, |name| wanted.contains(&name)).map_err(wrong)?;
    let places: Vec<usize> = wanted.into_iter().filter_map(known).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), places);
    let reader = builder
        .with_projection(mask)
        .with_batch_size(ParquetRoom::BATCH)
        .build()
        .map_err(|error| wrong(error.to_string()))?;

    let mut read = Read::default();
    for batch in reader {
        let batch = batch.map_err(|error| wrong(error.to_string()))?;
        let column = |name: &str| batch.column_by_name(name);
        if let Some(embedding) = column(EMBEDDING) {
            read.embeddings(embedding).map_err(wrong)?;
        }
        if let Some(names) = column(PATH) {
            let names = texts(names).ok_or_else(|| wrong(format!("column `{PATH}` holds no text")))?;
            room.add(names.iter().flatten().map(String::as_str)).map_err(wrong)?;
            read.names.extend(names);
        }
        if let (Some(labels), true) = (column(LABEL), with_labels) {
            read.labels(labels, &mut room).map_err(wrong)?;
        }
    }
    read.finish()
}

#[derive(Default)]
struct Read {
    values: Vec<f32>,
    rows: usize,
    width: Option<usize>,
    names: Vec<Option<String>>,
    labels: Vec<Option<String>>,
}

impl Read {
    fn embeddings(&mut self, column: &ArrayRef) -> Result<(), String> {
        for row in 0..column.len() {
            let (at, missing) = (self.rows + row, column.is_null(row));
            let list = match column.data_type() {
                _ if missing => return Err(format!("row {at} (from 0) has no `{EMBEDDING}`; leave it out")),
                DataType::FixedSizeList(..) => column.as_fixed_size_list().value(row),
                DataType::List(_) => column.as_list::<i32>().value(row),
                DataType::LargeList(_) => column.as_list::<i64>().value(row),
                other => {
                    return Err(format!("column `{EMBEDDING}` holds {other}, expected lists of numbers"));
                }
            };
            let width = *self.width.get_or_insert(list.len());
            if list.len() != width {
                return Err(format!(
                    "row {at} (from 0) has {} numbers, the rows before it {width}",
                    list.len()
                ));
            }
            if list.null_count() > 0 {
                return Err(format!("row {at} (from 0) has an empty place in `{EMBEDDING}`; leave it out"));
            }
            match list.data_type() {
                DataType::Float32 => {
                    self.values.extend_from_slice(list.as_primitive::<Float32Type>().values())
                }
                DataType::Float64 => {
                    self.values.extend(list.as_primitive::<Float64Type>().values().iter().map(|&x| x as f32));
                }
                DataType::Float16 => {
                    self.values
                        .extend(list.as_primitive::<Float16Type>().values().iter().map(|x| x.to_f32()));
                }
                other => {
                    return Err(format!("column `{EMBEDDING}` holds lists of {other}, expected float32"));
                }
            }
        }
        self.rows += column.len();
        Ok(())
    }

    fn labels(&mut self, column: &ArrayRef, room: &mut ParquetRoom) -> Result<(), String> {
        let labels = match (texts(column), integers(column), floats(column)) {
            (Some(words), ..) => words,
            (_, Some(numbers), _) => numbers.into_iter().map(|value| label_of(value?)).collect(),
            (.., Some(numbers)) => numbers.into_iter().map(whole).collect::<Result<_, _>>()?,
            _ => {
                return Err(format!(
                    "column `{LABEL}` holds {}, expected text or whole numbers",
                    column.data_type()
                ));
            }
        };
        room.add(labels.iter().flatten().map(String::as_str))?;
        self.labels.extend(labels);
        Ok(())
    }

    fn finish(self) -> Result<Content, ModelError> {
        let shape = [self.rows as i64, self.width.unwrap_or(0) as i64];
        let rows = Tensor::f_from_slice(&self.values)?.f_view(shape)?;
        let names = self.names.into_iter().enumerate();
        let names = names.map(|(row, name)| name.unwrap_or_else(|| format!("row {row}"))).collect();
        let (labels, classes) = text_labels(self.labels.iter().map(Option::as_deref));
        Ok(Content { rows, names, labels, classes })
    }
}

/// A column of text, of words that are numbered in a dictionary, or of true and false.
fn texts(column: &ArrayRef) -> Option<Vec<Option<String>>> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string::<i32>().iter().map(owned).collect()),
        DataType::LargeUtf8 => Some(column.as_string::<i64>().iter().map(owned).collect()),
        DataType::Utf8View => Some(column.as_string_view().iter().map(owned).collect()),
        DataType::Boolean => {
            Some(column.as_boolean().iter().map(|flag| flag.map(|flag| flag.to_string())).collect())
        }
        DataType::Dictionary(..) => {
            let words = column.as_any_dictionary_opt()?;
            let (keys, values) = (integers(&words.keys().slice(0, words.len()))?, texts(words.values())?);
            let word = |key: Option<i64>| values.get(usize::try_from(key?).ok()?).cloned().flatten();
            Some(keys.into_iter().map(word).collect())
        }
        _ => None,
    }
}

/// A column of floating-point numbers of either width.
fn floats(column: &ArrayRef) -> Option<Vec<Option<f64>>> {
    match column.data_type() {
        DataType::Float32 => {
            Some(column.as_primitive::<Float32Type>().iter().map(|value| value.map(f64::from)).collect())
        }
        DataType::Float64 => Some(column.as_primitive::<Float64Type>().iter().collect()),
        _ => None,
    }
}

/// A label from a number that counts classes, as tables with gaps store them; the gaps are NaN.
fn whole(value: Option<f64>) -> Result<Option<String>, String> {
    match value.filter(|value| !value.is_nan()) {
        None => Ok(None),
        Some(value) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(label_of(value as i64)),
        Some(value) => Err(format!("a label is {value}; labels are whole numbers or text")),
    }
}

/// A column of integers of any width.
fn integers(column: &ArrayRef) -> Option<Vec<Option<i64>>> {
    fn of<T: ArrowPrimitiveType>(column: &ArrayRef) -> Option<Vec<Option<i64>>>
    where
        T::Native: TryInto<i64>,
    {
        let wide = |value: T::Native| value.try_into().unwrap_or(i64::MAX);
        Some(column.as_primitive_opt::<T>()?.iter().map(|value| value.map(wide)).collect())
    }
    match column.data_type() {
        DataType::Int8 => of::<Int8Type>(column),
        DataType::Int16 => of::<Int16Type>(column),
        DataType::Int32 => of::<Int32Type>(column),
        DataType::Int64 => of::<Int64Type>(column),
        DataType::UInt8 => of::<UInt8Type>(column),
        DataType::UInt16 => of::<UInt16Type>(column),
        DataType::UInt32 => of::<UInt32Type>(column),
        DataType::UInt64 => of::<UInt64Type>(column),
        _ => None,
    }
}
