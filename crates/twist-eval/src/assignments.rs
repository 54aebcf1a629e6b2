//! Which cluster each image of a run's final evaluation is in: the columns of `embeddings.parquet` that say so. In older
//! runs the paths and the labels stand in `images.csv`.

use std::collections::HashMap;
use std::path::Path;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Array, RecordBatch, StringArray};

use twist_io::Groups;
use twist_run::files;

use crate::EvalError;

/// The columns that are read; the embeddings stay on the disk.
const COLUMNS: [&str; 9] = [
    "path",
    "index",
    "label",
    "clusters",
    "probabilities",
    // Tables of the oldest runs have the two most probable clusters alone.
    "cluster",
    "confidence",
    "second_cluster",
    "second_confidence",
];

/// One image.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Index in the evaluated data set.
    pub index: u32,
    /// Its path; empty when no file names it.
    pub path: String,
    /// The name of the class that the data set gives it.
    pub label: Option<String>,
    /// The most probable clusters with their probabilities, best first; two at least.
    pub clusters: Vec<(u32, f32)>,
}

impl Assignment {
    /// Its class among `groups` by number, with its probability.
    pub fn class(&self, groups: &Groups) -> (u32, f32) {
        groups.best_two(self.clusters.iter().copied())[0]
    }
}

/// The images that the run in `folder` was evaluated on, in the order of the table; `None` where it was not evaluated.
///
/// # Errors
/// A file is damaged or cannot be read.
pub fn assignments(folder: &Path) -> Result<Option<Vec<Assignment>>, EvalError> {
    let path = folder.join(files::EMBEDDINGS);
    if !path.is_file() {
        return Ok(None);
    }
    let damaged = |reason: String| EvalError::DamagedTable { path: path.clone(), reason };
    let unreadable = |source| EvalError::Unreadable { path: path.clone(), source };
    let file = fs_err::File::open(&path).map_err(unreadable)?.into_parts().0;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(error.to_string()))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
    let reader = builder.with_projection(mask).build().map_err(|error| damaged(error.to_string()))?;
    let mut images = Vec::new();
    for rows in reader {
        let rows = rows.map_err(|error| damaged(error.to_string()))?;
        images.extend(of_rows(&rows).ok_or_else(|| damaged("it lacks columns of an evaluation".into()))?);
    }
    if images.iter().any(|image| image.path.is_empty()) {
        name(&mut images, &folder.join(files::IMAGES))?;
    }
    Ok(Some(images))
}

/// `None` when a column is missing or of another type.
fn of_rows(rows: &RecordBatch) -> Option<Vec<Assignment>> {
    let integers = |name| rows.column_by_name(name)?.as_primitive_opt::<Int32Type>();
    let reals = |name| rows.column_by_name(name)?.as_primitive_opt::<Float32Type>();
    let index = integers("index")?;
    let clusters: Vec<Vec<(u32, f32)>> = match rows.column_by_name("clusters") {
        Some(clusters) => {
            let clusters = clusters.as_fixed_size_list_opt()?;
            let probabilities = rows.column_by_name("probabilities")?.as_fixed_size_list_opt()?;
            let kept = usize::try_from(clusters.value_length()).ok().filter(|kept| *kept > 0)?;
            let (clusters, probabilities) = (
                clusters.values().as_primitive_opt::<Int32Type>()?.values(),
                probabilities.values().as_primitive_opt::<Float32Type>()?.values(),
            );
            let pair = |(cluster, probability): (&i32, &f32)| (*cluster as u32, *probability);
            clusters
                .chunks(kept)
                .zip(probabilities.chunks(kept))
                .map(|(clusters, probabilities)| clusters.iter().zip(probabilities).map(pair).collect())
                .collect()
        }
        None => {
            let (first, second) = (integers("cluster")?, integers("second_cluster")?);
            let (sure, less_sure) = (reals("confidence")?, reals("second_confidence")?);
            let pair = |row| {
                let best = (first.value(row) as u32, sure.value(row));
                vec![best, (second.value(row) as u32, less_sure.value(row))]
            };
            (0..rows.num_rows()).map(pair).collect()
        }
    };
    let texts = |name| rows.column_by_name(name)?.as_string_opt::<i32>();
    let (paths, labels) = (texts("path"), texts("label"));
    let text = |column: Option<&StringArray>, row| {
        column.filter(|column| column.is_valid(row)).map(|column| column.value(row).to_owned())
    };
    let image = |(row, (index, clusters)): (usize, (&i32, _))| Assignment {
        index: *index as u32,
        path: text(paths, row).unwrap_or_default(),
        label: text(labels, row),
        clusters,
    };
    Some(index.values().iter().zip(clusters).enumerate().map(image).collect())
}

/// Takes paths and labels from the `images.csv` of an older run (`index,path,label,class`), where there is one.
fn name(images: &mut [Assignment], file: &Path) -> Result<(), EvalError> {
    if !file.is_file() {
        return Ok(());
    }
    let bytes = fs_err::read(file).map_err(|source| EvalError::Unreadable { path: file.into(), source })?;
    let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
    let damaged =
        |error: ::csv::Error| EvalError::DamagedTable { path: file.into(), reason: error.to_string() };
    let mut known: HashMap<u32, (String, String)> = HashMap::with_capacity(images.len());
    for row in reader.deserialize::<(u32, String, String, String)>() {
        let (index, path, _, class) = row.map_err(damaged)?;
        known.insert(index, (path, class));
    }
    for image in images {
        let (path, class) = known.remove(&image.index).unwrap_or_default();
        image.path = path;
        image.label = Some(class).filter(|class| !class.is_empty());
    }
    Ok(())
}
