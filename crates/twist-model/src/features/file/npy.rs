//! Features from NumPy's `.npy`, with the CSV that `twist embed` writes beside it, or labels in a file of their own.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use tch::{Kind, Tensor};
use twist_data::text_labels;
use twist_io::{Dtype, NpyHeader, Refused, open_regular, read_npy, read_npy_header, text_of_cell};

use super::{Content, label_of, nothing_in, wrong};
use crate::ModelError;
use crate::tables::beside;

/// Where the numbers of a table lie in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) len: usize,
    pub(super) width: usize,
    kind: Kind,
    /// Bytes of a row.
    row: usize,
    offset: u64,
}

/// Reads a table, and the labels beside it.
pub(super) fn read(path: &Path, with_labels: bool) -> Result<Content, ModelError> {
    let (header, bytes) = read_npy(path)?;
    let layout = layout_of(path, &header)?;
    let rows = table(layout.kind, bytes, [layout.len as i64, layout.width as i64])?;
    let Beside { names, labels, classes } = beside_it(path, layout.len, with_labels)?;
    Ok(Content { rows, names, labels, classes })
}

/// Reads the head of a table.
pub(super) fn layout(path: &Path) -> Result<Layout, ModelError> {
    layout_of(path, &read_npy_header(path)?)
}

fn layout_of(path: &Path, header: &NpyHeader) -> Result<Layout, ModelError> {
    let wrong = |reason: String| wrong(path, reason);
    let &[len, width] = header.shape.as_slice() else {
        let shape = &header.shape;
        return Err(wrong(format!("its shape is {shape:?}, expected [N, D]: one row for each image")));
    };
    if let Some(reason) = nothing_in(len as i64, width as i64) {
        return Err(wrong(reason));
    }
    let (kind, size) = match header.dtype {
        Dtype::F32 => (Kind::Float, 4),
        Dtype::F64 => (Kind::Double, 8),
        Dtype::F16 => (Kind::Half, 2),
        other => {
            return Err(wrong(format!("its elements are {other:?}; save it as float32, x.astype('<f4')")));
        }
    };
    Ok(Layout { len, width, kind, row: width * size, offset: header.data_offset })
}

/// Reads the table row by row: hands on the first `rows`, then the next, as float32 `[B, D]` with the number of the first.
pub(super) fn each(
    path: &Path,
    layout: &Layout,
    rows: usize,
    mut take: impl FnMut(usize, &Tensor) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let failed = |source| Refused::reading(path, source);
    let mut file = open_regular(path).map_err(failed)?;
    file.seek(SeekFrom::Start(layout.offset)).map_err(failed)?;
    for first in (0..layout.len).step_by(rows) {
        let count = rows.min(layout.len - first);
        let mut bytes = vec![0; count * layout.row];
        file.read_exact(&mut bytes).map_err(failed)?;
        take(first, &table(layout.kind, bytes, [count as i64, layout.width as i64])?)?;
    }
    Ok(())
}

/// What lies beside a table.
pub(super) struct Beside {
    /// Empty, or one for each row.
    pub(super) names: Vec<String>,
    /// Empty, or one for each row.
    pub(super) labels: Vec<Option<u32>>,
    pub(super) classes: Vec<String>,
}

/// The names and labels of the `len` rows of a table.
pub(super) fn beside_it(path: &Path, len: usize, with_labels: bool) -> Result<Beside, ModelError> {
    let (own, table) = (path.with_extension("labels.npy"), beside(path));
    let (names, said) = if table.is_file() { read_table(&table, len)? } else { Default::default() };
    let written = match with_labels {
        true if own.is_file() => read_labels(&own, len)?,
        true => said,
        false => Vec::new(),
    };
    let (labels, classes) = text_labels(written.iter().map(Option::as_deref));
    Ok(Beside { names, labels, classes })
}

/// Bytes as a float32 table, without a copy where they are float32 already.
fn table(kind: Kind, bytes: Vec<u8>, shape: [i64; 2]) -> Result<Tensor, ModelError> {
    let length = bytes.len() as i64;
    let raw = torch_ext::host::adopt(bytes, &[length])?;
    Ok(raw.f_view_dtype(kind)?.f_view(shape)?.f_to_kind(Kind::Float)?)
}

/// Paths and labels of `x.npy.csv`, names of classes or their numbers.
fn read_table(path: &Path, rows: usize) -> Result<(Vec<String>, Vec<Option<String>>), ModelError> {
    let wrong = |reason: String| wrong(path, reason);
    let unreadable = |error: csv::Error| wrong(error.to_string());
    let mut reader = csv::Reader::from_path(path).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    let column = |name: &str| header.iter().position(|found| found == name);
    let path_column = column("path")
        .ok_or_else(|| wrong("it has no column \"path\": write both files again, or remove it".to_owned()))?;
    let (mut names, mut labels) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut before = None;
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let index = column("index").and_then(|column| record.get(column)?.trim().parse::<u64>().ok());
        if index.is_some() && before >= index {
            let line = record.position().map_or(0, csv::Position::line);
            return Err(wrong(format!(
                "its rows are in another order than those of the table: in line {line}, `index` does not grow; sort it by `index`"
            )));
        }
        before = index;
        names.push(text_of_cell(record.get(path_column).unwrap_or_default()).to_owned());
        let text = column("label").and_then(|column| record.get(column)).map(text_of_cell);
        labels.push(text.filter(|text| !text.is_empty()).map(str::to_owned));
    }
    if names.len() != rows {
        return Err(wrong(format!(
            "it has {} rows and the table beside it {rows}: write both again",
            names.len()
        )));
    }
    Ok((names, labels))
}

fn read_labels(path: &Path, rows: usize) -> Result<Vec<Option<String>>, ModelError> {
    let wrong = |reason: String| wrong(path, reason);
    let (header, bytes) = read_npy(path)?;
    if header.shape != [rows] {
        let shape = &header.shape;
        return Err(wrong(format!("its shape is {shape:?}, expected [{rows}]: one label for each row")));
    }
    let integers: Vec<i64> = match header.dtype {
        Dtype::I64 => {
            bytes.chunks_exact(8).filter_map(|b| Some(i64::from_le_bytes(b.try_into().ok()?))).collect()
        }
        Dtype::I32 => bytes
            .chunks_exact(4)
            .filter_map(|b| Some(i64::from(i32::from_le_bytes(b.try_into().ok()?))))
            .collect(),
        Dtype::I16 => bytes
            .chunks_exact(2)
            .filter_map(|b| Some(i64::from(i16::from_le_bytes(b.try_into().ok()?))))
            .collect(),
        Dtype::U8 => bytes.iter().map(|&b| i64::from(b)).collect(),
        Dtype::I8 => bytes.iter().map(|&b| i64::from(b as i8)).collect(),
        other => return Err(wrong(format!("its elements are {other:?}; save labels as int64"))),
    };
    Ok(integers.into_iter().map(label_of).collect())
}
