//! `images.csv`: the names of the evaluated images.

use std::path::Path;

use twist_data::Dataset;

use crate::EvalError;

/// Writes `index,path,label,class`, one row an image; the last two are empty without a label.
///
/// # Errors
/// The disk is full or read-only.
pub(crate) fn write(path: &Path, indices: &[u32], dataset: &dyn Dataset) -> Result<(), EvalError> {
    twist_io::write_atomic(path, |file| {
        let mut table = csv::Writer::from_writer(file);
        table.write_record(["index", "path", "label", "class"])?;
        for &index in indices {
            let label = dataset.label(index as usize);
            let class = label.and_then(|label| dataset.classes().get(label as usize));
            table.write_record([
                index.to_string(),
                dataset.path(index as usize),
                label.map_or(String::new(), |label| label.to_string()),
                class.cloned().unwrap_or_default(),
            ])?;
        }
        table.flush()
    })?;
    Ok(())
}
