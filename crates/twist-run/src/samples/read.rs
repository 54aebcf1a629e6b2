//! The table as it is read, of this and of older versions.

use std::collections::HashMap;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::cells::{floats, integers, list_values};
use super::{FACTS_KEY, MOST_CLASSES, STEPS, Samples, column};
use crate::{ParquetRoom, RunError, files};

/// Columns that older tables have instead of the lists.
const CONFIDENCE: &str = "confidence";
const SECOND_CLUSTER: &str = "second_cluster";
const SECOND_CONFIDENCE: &str = "second_confidence";

/// The columns that are read when embeddings are not asked for.
const COLUMNS: [&str; 10] = [
    column::PATH,
    column::INDEX,
    column::LABEL,
    column::LABEL_INDEX,
    column::CLUSTERS,
    column::PROBABILITIES,
    column::CLUSTER,
    CONFIDENCE,
    SECOND_CLUSTER,
    SECOND_CONFIDENCE,
];

impl Samples {
    /// The images that the run in `folder` was evaluated on, in the order of the table; `None` where it was not evaluated. Of
    /// older runs `images.csv` is read as well.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged.
    pub fn read(folder: &Path, with_embeddings: bool) -> Result<Option<Self>, RunError> {
        let path = folder.join(files::EMBEDDINGS);
        if !path.is_file() {
            return Ok(None);
        }
        let damaged = |reason| RunError::Damaged { path: path.clone(), reason };
        let mut samples = read_parquet(twist_io::open_regular(&path)?, with_embeddings).map_err(damaged)?;
        if samples.path.is_empty() {
            samples.path = vec![String::new(); samples.len()];
            let names = folder.join(files::IMAGES);
            if names.is_file() {
                read_names(&twist_io::read_small(names)?, &mut samples);
            }
        }
        Ok(Some(samples))
    }
}

fn read_parquet(file: fs_err::File, with_embeddings: bool) -> Result<Samples, String> {
    let said = |error: parquet::errors::ParquetError| error.to_string();
    let stored = file.metadata().map_err(|error| error.to_string())?.len();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.into_parts().0).map_err(said)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
    let wanted = |name: &str| with_embeddings || COLUMNS.contains(&name);
    let mut room = ParquetRoom::of(builder.metadata(), stored, wanted)?;
    let builder = if with_embeddings { builder } else { builder.with_projection(mask) };
    let facts = builder.metadata().file_metadata().key_value_metadata().into_iter().flatten();
    let facts = facts.filter(|entry| entry.key == FACTS_KEY).find_map(|entry| entry.value.as_deref());
    let facts = facts.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let mut samples =
        Samples { steps: facts.and_then(|facts| facts.get(STEPS)?.as_u64()), ..Samples::default() };
    for batch in builder.with_batch_size(ParquetRoom::BATCH).build().map_err(said)? {
        let batch = batch.map_err(|error| error.to_string())?;
        let before = [samples.path.len(), samples.label_name.len()];
        append(&mut samples, &batch)?;
        room.add(samples.path[before[0]..].iter().map(String::as_str))?;
        room.add(samples.label_name[before[1]..].iter().flatten().map(String::as_str))?;
        if with_embeddings {
            append_embeddings(&mut samples, &batch)?;
        }
    }
    if samples.is_empty() { Err("it holds no image".into()) } else { Ok(samples) }
}

fn append(samples: &mut Samples, batch: &RecordBatch) -> Result<(), String> {
    let column = |name: &str| batch.column_by_name(name).ok_or(format!("it has no column `{name}`"));
    let required = |name: &str| -> Result<Vec<u32>, String> {
        let values = integers(column(name)?).ok_or(format!("column `{name}` holds no integers"))?;
        whole(name, values)
    };
    let reals = |name: &str| floats(column(name)?).ok_or(format!("column `{name}` holds no numbers"));
    let rows = batch.num_rows();

    samples.index.extend(required(column::INDEX)?);
    let (ranked, each) =
        match (batch.column_by_name(column::CLUSTERS), batch.column_by_name(column::PROBABILITIES)) {
            (Some(clusters), Some(probabilities)) => {
                let clusters = list_values(clusters).and_then(integers);
                let clusters = whole(column::CLUSTERS, clusters.ok_or("column `clusters` holds no lists")?)?;
                let probabilities = list_values(probabilities).and_then(floats);
                let probabilities = probabilities.ok_or("column `probabilities` holds no lists")?;
                if clusters.len() != probabilities.len() || clusters.len() % rows.max(1) != 0 {
                    return Err("columns `clusters` and `probabilities` differ in length".into());
                }
                let clusters = possible(column::CLUSTERS, clusters)?;
                let each = clusters.len() / rows.max(1);
                (clusters.into_iter().zip(probabilities).collect::<Vec<_>>(), each)
            }
            _ => {
                let first = possible(column::CLUSTER, required(column::CLUSTER)?)?;
                let second = possible(SECOND_CLUSTER, required(SECOND_CLUSTER)?)?;
                let first = first.into_iter().zip(reals(CONFIDENCE)?);
                let second = second.into_iter().zip(reals(SECOND_CONFIDENCE)?);
                (first.zip(second).flat_map(|(first, second)| [first, second]).collect(), 2)
            }
        };
    if rows > 0 && (each < 2 || (samples.each != 0 && samples.each != each)) {
        return Err(match each < 2 {
            true => "column `clusters` holds fewer than two classes".into(),
            false => "the lists of column `clusters` differ in length".into(),
        });
    }
    samples.each = if rows > 0 { each } else { samples.each };
    samples.ranked.extend(ranked);

    let label = batch.column_by_name(column::LABEL_INDEX).or_else(|| batch.column_by_name(column::LABEL));
    match label {
        Some(label) => samples.label.extend(integers(label).ok_or("the labels are not integers")?),
        None => samples.label.extend(vec![None; rows]),
    }
    let texts = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    if let Some(paths) = texts(column::PATH) {
        samples.path.extend(paths.iter().map(|path| path.unwrap_or_default().to_owned()));
    }
    match texts(column::LABEL) {
        Some(names) => samples.label_name.extend(names.iter().map(|name| name.map(str::to_owned))),
        None => samples.label_name.extend(vec![None; rows]),
    }
    Ok(())
}

fn append_embeddings(samples: &mut Samples, batch: &RecordBatch) -> Result<(), String> {
    let lists = batch.column_by_name(column::EMBEDDING).ok_or("it has no column `embedding`")?;
    let values = list_values(lists).and_then(floats).ok_or("column `embedding` holds no lists of numbers")?;
    let rows = batch.num_rows();
    if rows == 0 {
        return Ok(());
    }
    let width = values.len() / rows;
    if width == 0 || width * rows != values.len() || (samples.width != 0 && samples.width != width) {
        return Err("the embeddings differ in length".into());
    }
    samples.width = width;
    // A diverged run may store NaN; as zero such an image is far from all others and breaks no distance.
    samples.embedding.extend(values.into_iter().map(|x| if x.is_finite() { x } else { 0.0 }));
    Ok(())
}

/// `values` when there is one everywhere.
fn whole(name: &str, values: Vec<Option<u32>>) -> Result<Vec<u32>, String> {
    let values = values.into_iter().collect::<Option<_>>();
    values.ok_or(format!("column `{name}` holds empty or negative values"))
}

/// `values` when a network can have such classes.
fn possible(name: &str, values: Vec<u32>) -> Result<Vec<u32>, String> {
    match values.iter().max() {
        Some(highest) if u64::from(*highest) >= MOST_CLASSES => {
            Err(format!("column `{name}` names class {highest}, and a network has at most {MOST_CLASSES}"))
        }
        _ => Ok(values),
    }
}

/// Takes paths and class names from the `images.csv` of an older run (`index,path,label,class`). It only adds names, so rows that
/// are wrong are passed over.
fn read_names(text: &[u8], samples: &mut Samples) {
    let rows: HashMap<u32, usize> =
        samples.index.iter().enumerate().map(|(row, index)| (*index, row)).collect();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let Ok(header) = reader.byte_headers().cloned() else { return };
    let place = |name: &str| header.iter().position(|field| field == name.as_bytes());
    let (Some(index_at), Some(path_at)) = (place(column::INDEX), place(column::PATH)) else { return };
    for record in reader.byte_records().flatten() {
        let field = |at: usize| record.get(at).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let index = field(index_at).and_then(|text| text.trim().parse().ok());
        let Some(row) = index.and_then(|index: u32| rows.get(&index)) else { continue };
        samples.path[*row] = field(path_at).unwrap_or_default();
        samples.label_name[*row] = place("class").and_then(field).filter(|name| !name.is_empty());
    }
}
