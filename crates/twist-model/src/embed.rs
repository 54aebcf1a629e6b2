//! Features of images as a table.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use tch::Tensor;
use twist_data::Dataset;

use crate::predict::given_labels;
use crate::stream::FeatureBatch;
use crate::tables::embedding_field;
use crate::{ModelError, unit_rows};

/// The columns of embeddings: `path`, `index` (in the data set), `label` (the name of the class that the data set gives the
/// image, null where it gives none), `embedding` (`width` float32 numbers).
pub fn embedding_schema(width: usize) -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("path", DataType::Utf8, false),
        Field::new("index", DataType::Int32, false),
        Field::new("label", DataType::Utf8, true),
        embedding_field(width as i32),
    ]))
}

/// A batch as rows of [`embedding_schema`]; with `normalize`, each embedding is divided by its L2 norm.
///
/// # Errors
/// Features of another width than the schema's.
pub fn embedding_rows(
    schema: &Arc<Schema>,
    batch: &FeatureBatch<'_>,
    dataset: &dyn Dataset,
    normalize: bool,
) -> Result<RecordBatch, ModelError> {
    let indices = batch.indices;
    let paths = indices.iter().map(|&index| dataset.path(index as usize));
    let features = if normalize { unit_rows(batch.features)? } else { batch.features.shallow_clone() };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(paths)),
        Arc::new(Int32Array::from_iter_values(indices.iter().map(|&index| index as i32))),
        Arc::new(given_labels(dataset, indices)),
        embedding_column(&features)?,
    ];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// Rows `[B, D]` as a column of lists.
///
/// # Errors
/// libtorch fails.
pub fn embedding_column(rows: &Tensor) -> Result<ArrayRef, ModelError> {
    let (_, width) = rows.size2()?;
    let values = Vec::<f32>::try_from(&rows.f_contiguous()?.f_flatten(0, -1)?)?;
    let element = Arc::new(Field::new("item", DataType::Float32, false));
    let values = Arc::new(Float32Array::from(values));
    Ok(Arc::new(FixedSizeListArray::try_new(element, width as i32, values, None)?))
}
