//! Features from NumPy's `.npy`.

use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};
use twist_io::{Dtype, read_npy};

use super::{Content, label_of, numbered};
use crate::EvalError;

/// Reads a table, and the labels beside it.
pub(super) fn read(path: &Path, with_labels: bool) -> Result<Content, EvalError> {
    let wrong = |reason: String| EvalError::FeatureFile { path: path.to_owned(), reason };
    let (header, bytes) = read_npy(path)?;
    let &[len, width] = header.shape.as_slice() else {
        let shape = &header.shape;
        return Err(wrong(format!("its shape is {shape:?}, expected [N, D]: one row for each image")));
    };
    let kind = match header.dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::F16 => Kind::Half,
        other => {
            return Err(wrong(format!("its elements are {other:?}; save it as float32, x.astype('<f4')")));
        }
    };
    let rows = table(kind, bytes, [len as i64, width as i64])?;
    let beside = labels_of(path);
    let labels = if with_labels && beside.is_file() { read_labels(&beside, len)? } else { Vec::new() };
    Ok(Content { rows, names: Vec::new(), classes: numbered(&labels), labels })
}

/// Bytes as a float32 table, without a copy where they are float32 already.
fn table(kind: Kind, bytes: Vec<u8>, shape: [i64; 2]) -> Result<Tensor, EvalError> {
    if bytes.is_empty() {
        return Ok(Tensor::f_zeros(shape, (Kind::Float, tch::Device::Cpu))?);
    }
    let length = bytes.len() as i64;
    let raw = torch_ext::host::adopt(bytes, &[length])?;
    Ok(raw.f_view_dtype(kind)?.f_view(shape)?.f_to_kind(Kind::Float)?)
}

/// `x.labels.npy` of `x.npy`.
fn labels_of(path: &Path) -> PathBuf {
    path.with_extension("labels.npy")
}

fn read_labels(path: &Path, rows: usize) -> Result<Vec<Option<u32>>, EvalError> {
    let wrong = |reason: String| EvalError::FeatureFile { path: path.to_owned(), reason };
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
    integers.into_iter().map(label_of).collect::<Result<_, _>>().map_err(wrong)
}
