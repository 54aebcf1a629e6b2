//! `embeddings.parquet`: what the network said of every evaluated image.
//!
//! [`column`](mod@column) says what stands in each column.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};
use tch::{Kind, Tensor};
use twist_model::{ModelError, TableFormat, embedding_column, embedding_field, given_labels, table_in_file};
use twist_run::samples::{STEPS, column};

use super::Artefacts;
use crate::EvalError;

/// Rows turned into one record batch: 4,096 × 2,048 floats are 32 MiB.
const ROWS: i64 = 4_096;

/// Writes the table atomically.
///
/// # Errors
/// The disk is full or read-only.
pub(super) fn write(path: &Path, of: &Artefacts<'_>) -> Result<(), EvalError> {
    let Artefacts { features, steps, .. } = *of;
    let (len, width) = features.embeddings.size2()?;
    let (_, kept) = features.clusters.size2()?;
    let schema = schema(kept as i32, width as i32);
    let facts = steps.map_or(Value::Null, |steps| json!({ STEPS: steps }));
    let mut table = table_in_file(path, TableFormat::Parquet, &schema, &facts)?;
    for start in (0..len).step_by(ROWS as usize) {
        table.push(&batch(&schema, of, start, ROWS.min(len - start))?)?;
    }
    Ok(table.finish()?)
}

fn schema(kept: i32, width: i32) -> Arc<Schema> {
    let list = |of| DataType::FixedSizeList(Arc::new(Field::new("item", of, false)), kept);
    Arc::new(Schema::new(vec![
        Field::new(column::PATH, DataType::Utf8, false),
        Field::new(column::CLUSTER, DataType::Int32, false),
        Field::new(column::NAME, DataType::Utf8, false),
        Field::new(column::LABEL, DataType::Utf8, true),
        Field::new(column::PROBABILITY, DataType::Float32, false),
        Field::new(column::INDEX, DataType::Int32, false),
        Field::new(column::LABEL_INDEX, DataType::Int32, true),
        Field::new(column::CLUSTERS, list(DataType::Int32), false),
        Field::new(column::PROBABILITIES, list(DataType::Float32), false),
        embedding_field(width),
    ]))
}

/// Rows `start..start + len` as a record batch.
fn batch(schema: &Arc<Schema>, of: &Artefacts<'_>, start: i64, len: i64) -> Result<RecordBatch, ModelError> {
    let Artefacts { features, dataset, names, .. } = *of;
    let indices = &features.indices[start as usize..(start + len) as usize];
    let labels: Int32Array =
        indices.iter().map(|&i| dataset.label(i as usize).map(|label| label as i32)).collect();
    let (_, kept) = features.clusters.size2()?;
    let clusters = features.clusters.f_narrow(0, start, len)?.f_to_kind(Kind::Int)?;
    let probabilities = features.confidences.f_narrow(0, start, len)?;
    let integers = |tensor: Tensor| -> Result<_, ModelError> {
        Ok(Int32Array::from(Vec::<i32>::try_from(&tensor.f_contiguous()?.f_flatten(0, -1)?)?))
    };
    let reals = |tensor: Tensor| -> Result<_, ModelError> {
        Ok(Float32Array::from(Vec::<f32>::try_from(&tensor.f_contiguous()?.f_flatten(0, -1)?)?))
    };
    let list = |values: ArrayRef| -> Result<ArrayRef, ModelError> {
        let element = Arc::new(Field::new("item", values.data_type().clone(), false));
        Ok(Arc::new(FixedSizeListArray::try_new(element, kept as i32, values, None)?))
    };
    let first = integers(clusters.f_select(1, 0)?)?;
    let name = |cluster: &i32| names.get(*cluster as usize).map_or("", String::as_str);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(indices.iter().map(|&i| dataset.path(i as usize)))),
        Arc::new(first.clone()),
        Arc::new(StringArray::from_iter_values(first.values().iter().map(name))),
        Arc::new(given_labels(dataset, indices)),
        Arc::new(reals(probabilities.f_select(1, 0)?)?),
        Arc::new(indices.iter().map(|&i| Some(i as i32)).collect::<Int32Array>()),
        Arc::new(labels),
        list(Arc::new(integers(clusters)?))?,
        list(Arc::new(reals(probabilities)?))?,
        embedding_column(&features.embeddings.f_narrow(0, start, len)?)?,
    ];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
