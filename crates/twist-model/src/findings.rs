//! What `twist audit` found, as a table.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use twist_data::Finding;

use crate::ModelError;

/// The columns of findings, a row each: `path`, `check`, `value` (what counts for the check; null where it has no value), `group`
/// (of copies, from 1), `action` (keep, remove or look), `other` (the image that it repeats), `why`.
pub fn finding_schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("path", DataType::Utf8, false),
        Field::new("check", DataType::Utf8, false),
        Field::new("value", DataType::Float32, true),
        Field::new("group", DataType::Int32, true),
        Field::new("action", DataType::Utf8, false),
        Field::new("other", DataType::Utf8, true),
        Field::new("why", DataType::Utf8, false),
    ]))
}

/// Findings as rows of [`finding_schema`].
///
/// # Errors
/// Another schema.
pub fn finding_rows(schema: &Arc<Schema>, findings: &[Finding]) -> Result<RecordBatch, ModelError> {
    let text = |of: &dyn Fn(&Finding) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(findings.iter().map(of)))
    };
    let columns: Vec<ArrayRef> = vec![
        text(&|finding| finding.path.clone()),
        text(&|finding| finding.check.to_string()),
        Arc::new(Float32Array::from_iter(findings.iter().map(|f| f.value.map(|value| value as f32)))),
        Arc::new(Int32Array::from_iter(findings.iter().map(|f| f.group.map(|group| group as i32)))),
        text(&|finding| finding.action.name().to_owned()),
        Arc::new(StringArray::from_iter(findings.iter().map(|finding| finding.other.as_deref()))),
        text(&|finding| finding.why.clone()),
    ];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
