//! `embeddings.parquet`: what the network said of every evaluated image.
//!
//! Columns: `path` (text), `cluster` (i32), `label` (text, may be null), `probability` (f32), `index` (i32), `label_index`
//! (i32, may be null), `clusters` and `probabilities` (lists of i32 and f32: the most probable classes, best first),
//! `embedding` (list of f32, L2-normalised). Other widths of the same kind are read as well.
//!
//! Older tables have the number of the label as `label` and its name and the path in `images.csv`, `confidence` for
//! `probability`, the second class as `second_cluster` and `second_confidence`, and perhaps no lists.

use std::collections::HashMap;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type};
use arrow_array::{ArrayRef, FixedSizeListArray, ListArray, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use twist_io::printable;
use twist_run::files;

use super::{MOST_CLASSES, Naming, Note};
use crate::error::ReportError;

/// One entry per evaluated image in each vector, in file order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// The image's index in the evaluation data.
    pub(crate) index: Vec<u32>,
    /// Its class, where it is known.
    pub(crate) label: Vec<Option<u32>>,
    /// What the network said, class by class as it numbers them.
    pub(crate) said: Verdicts,
    /// Its most probable classes with their probabilities, best first: as many of each image; empty where the table has two
    /// alone.
    pub(crate) ranked: Vec<(u32, f32)>,
    /// The same with merged classes as one; equal to `said` until [`Samples::merge`].
    pub(crate) merged: Verdicts,
    /// Whether the probability of the class is below the threshold that a user set.
    pub(crate) unsure: Vec<bool>,
    /// `[N, width]`, row-major.
    pub(crate) embedding: Vec<f32>,
    /// Numbers per embedding.
    pub(crate) width: usize,
    /// The image's path; empty when no file names it.
    pub(crate) path: Vec<String>,
    /// Names of the classes, by label.
    pub(crate) class_names: HashMap<u32, String>,
}

/// The two most probable classes of every image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdicts {
    /// The discovered class.
    pub(crate) cluster: Vec<u32>,
    /// The probability of the discovered class.
    pub(crate) confidence: Vec<f32>,
    /// The runner-up.
    pub(crate) second_cluster: Vec<u32>,
    /// The probability of the runner-up.
    pub(crate) second_confidence: Vec<f32>,
}

impl Verdicts {
    /// Adds an image with its two most probable classes.
    fn push(&mut self, first: (u32, f32), second: (u32, f32)) {
        self.cluster.push(first.0);
        self.confidence.push(first.1);
        self.second_cluster.push(second.0);
        self.second_confidence.push(second.1);
    }
}

impl Samples {
    /// Puts merged classes together and marks the unsure images. Any earlier merge is taken back first.
    pub(crate) fn merge(&mut self, naming: &Naming) {
        (self.merged, self.unsure) = self.under(naming);
    }

    /// The classes under `naming`, and which images are unsure then. A merged class is as probable as its parts together, and
    /// may so be more probable than the class that was.
    pub(crate) fn under(&self, naming: &Naming) -> (Verdicts, Vec<bool>) {
        let mut merged = self.said.clone();
        let Verdicts { cluster, confidence, second_cluster, second_confidence } = &mut merged;
        let each = self.ranked.len() / self.index.len().max(1);
        for i in 0..cluster.len() {
            let two = [(cluster[i], confidence[i]), (second_cluster[i], second_confidence[i])];
            let known = if each == 0 { &two } else { &self.ranked[i * each..(i + 1) * each] };
            let [first, second] = naming.best_two(known);
            (cluster[i], confidence[i]) = first;
            (second_cluster[i], second_confidence[i]) = second;
        }
        let threshold = naming.unsure_below();
        let unsure = confidence.iter().map(|p| f64::from(*p) < threshold).collect();
        (merged, unsure)
    }

    /// One more than the highest output that the table names: what the network has at least.
    pub(crate) fn most_outputs(&self) -> u64 {
        let ranked = self.ranked.iter().map(|(class, _)| class);
        let named = self.said.cluster.iter().chain(&self.said.second_cluster).chain(ranked);
        named.max().map_or(0, |highest| u64::from(*highest) + 1)
    }

    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether labels tell images apart: with one class there is nothing to compare with.
    pub(crate) fn has_labels(&self) -> bool {
        let mut labels = self.label.iter().flatten();
        labels.next().is_some_and(|first| labels.any(|label| label != first))
    }

    /// The name of a label; "label 3" where it has none.
    pub(crate) fn class_name(&self, label: u32) -> String {
        self.class_names
            .get(&label)
            .map_or_else(|| format!("label {label}"), |name| printable(name).into_owned())
    }

    /// How much more probable the discovered class is than the runner-up: small at the border of a class.
    pub(crate) fn margin(&self, i: usize) -> f32 {
        self.merged.confidence[i] - self.merged.second_confidence[i]
    }

    /// The class of image `i`, its probability, the runner-up, and its probability.
    pub(crate) fn verdict(&self, i: usize) -> (u32, f32, u32, f32) {
        let Verdicts { cluster, confidence, second_cluster, second_confidence } = &self.merged;
        (cluster[i], confidence[i], second_cluster[i], second_confidence[i])
    }

    /// A name of image `i`: its path, or its index.
    pub(crate) fn title(&self, i: usize) -> String {
        match self.path[i].as_str() {
            "" => format!("image {}", self.index[i]),
            path => printable(path).into_owned(),
        }
    }
}

/// Reads the table, and of an older run `images.csv`, from the run folder; damage becomes a note.
pub(super) fn read(folder: &Path, notes: &mut Vec<Note>) -> Result<Option<Samples>, ReportError> {
    let path = folder.join(files::EMBEDDINGS);
    if !path.is_file() {
        notes.push(
            "There are no embeddings (embeddings.parquet) in the run folder yet, so there is no gallery, no \
             confusion, no neighbours and no map: they are written by the final evaluation, when training ends."
                .into(),
        );
        return Ok(None);
    }
    let mut samples = match read_parquet(&path) {
        Ok(samples) => samples,
        Err(reason) => {
            notes.push(format!(
                "embeddings.parquet could not be read ({reason}), so there is no gallery, no confusion, no \
                 neighbours and no map: `twist train … --resume` writes it again."
            ));
            return Ok(None);
        }
    };
    if samples.path.is_empty() {
        samples.path = vec![String::new(); samples.len()];
        if let Some(text) = super::read_optional(&folder.join(files::IMAGES))? {
            read_names(&text, &mut samples);
        }
    }
    samples.merge(&Naming::default());
    Ok(Some(samples))
}

fn read_parquet(path: &Path) -> Result<Samples, String> {
    let file = fs_err::File::open(path).map_err(|error| error.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.into_parts().0)
        .and_then(|builder| builder.build())
        .map_err(|error| error.to_string())?;
    let mut samples = Samples::default();
    for batch in reader {
        append(&mut samples, &batch.map_err(|error| error.to_string())?)?;
    }
    if samples.len() == 0 { Err("it holds no image".into()) } else { Ok(samples) }
}

fn append(samples: &mut Samples, batch: &RecordBatch) -> Result<(), String> {
    let column = |name: &str| batch.column_by_name(name).ok_or(format!("it has no column `{name}`"));
    let required = |name: &str| -> Result<Vec<u32>, String> {
        let values = integers(column(name)?).ok_or(format!("column `{name}` holds no integers"))?;
        values
            .into_iter()
            .collect::<Option<_>>()
            .ok_or(format!("column `{name}` holds empty or negative values"))
    };
    let classes =
        |name: &str| -> Result<Vec<u32>, String> { required(name).and_then(|values| possible(name, values)) };
    let reals = |name: &str| floats(column(name)?).ok_or(format!("column `{name}` holds no numbers"));

    samples.index.extend(required("index")?);
    if let (Some(clusters), Some(probabilities)) =
        (batch.column_by_name("clusters"), batch.column_by_name("probabilities"))
    {
        let clusters = list_values(clusters).and_then(integers).ok_or("column `clusters` holds no lists")?;
        let probabilities =
            list_values(probabilities).and_then(floats).ok_or("column `probabilities` holds no lists")?;
        if clusters.len() != probabilities.len() || clusters.len() % batch.num_rows().max(1) != 0 {
            return Err("columns `clusters` and `probabilities` differ in length".into());
        }
        let clusters: Option<Vec<u32>> = clusters.into_iter().collect();
        let clusters = clusters.ok_or("column `clusters` holds empty or negative values")?;
        let clusters = possible("clusters", clusters)?;
        let ranked: Vec<(u32, f32)> = clusters.into_iter().zip(probabilities).collect();
        let each = ranked.len() / batch.num_rows().max(1);
        if each < 2 {
            return Err("column `clusters` holds fewer than two classes".into());
        }
        for two in ranked.chunks(each) {
            samples.said.push(two[0], two[1]);
        }
        samples.ranked.extend(ranked);
    } else {
        let (first, second) = (classes("cluster")?, classes("second_cluster")?);
        let (sure, less_sure) = (reals("confidence")?, reals("second_confidence")?);
        for (first, second) in first.into_iter().zip(sure).zip(second.into_iter().zip(less_sure)) {
            samples.said.push(first, second);
        }
    }
    let label = batch.column_by_name("label_index").or_else(|| batch.column_by_name("label"));
    match label {
        Some(label) => samples.label.extend(integers(label).ok_or("the labels are not integers")?),
        None => samples.label.extend(vec![None; batch.num_rows()]),
    }
    append_names(samples, batch);

    let values = list_values(column("embedding")?)
        .and_then(floats)
        .ok_or("column `embedding` holds no lists of numbers")?;
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

/// Takes paths and the names of the labels, where the table has them.
fn append_names(samples: &mut Samples, batch: &RecordBatch) {
    let texts = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    if let Some(paths) = texts("path") {
        samples.path.extend(paths.iter().map(|path| path.unwrap_or_default().to_owned()));
    }
    if let Some(names) = texts("label") {
        let labels = &samples.label[samples.label.len() - batch.num_rows()..];
        for (label, name) in labels.iter().zip(names) {
            if let (Some(label), Some(name)) = (label, name) {
                samples.class_names.entry(*label).or_insert_with(|| name.to_owned());
            }
        }
    }
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

/// What the lists of a column hold, one after another.
fn list_values(lists: &ArrayRef) -> Option<&ArrayRef> {
    let fixed = lists.as_fixed_size_list_opt().map(FixedSizeListArray::values);
    fixed.or_else(|| lists.as_list_opt::<i32>().map(ListArray::values))
}

/// Integers of any width; null and negative values are `None`.
fn integers(array: &ArrayRef) -> Option<Vec<Option<u32>>> {
    if let Some(values) = array.as_primitive_opt::<Int32Type>() {
        return Some(values.iter().map(|x| x.and_then(|x| u32::try_from(x).ok())).collect());
    }
    if let Some(values) = array.as_primitive_opt::<Int64Type>() {
        return Some(values.iter().map(|x| x.and_then(|x| u32::try_from(x).ok())).collect());
    }
    Some(array.as_primitive_opt::<UInt32Type>()?.iter().collect())
}

/// Floating point numbers of either width; null becomes 0.
fn floats(array: &ArrayRef) -> Option<Vec<f32>> {
    if let Some(values) = array.as_primitive_opt::<Float32Type>() {
        return Some(values.iter().map(Option::unwrap_or_default).collect());
    }
    let values = array.as_primitive_opt::<Float64Type>()?;
    Some(values.iter().map(|x| x.unwrap_or_default() as f32).collect())
}

/// Takes paths and class names from the `images.csv` of an older run (`index,path,label,class`). It only adds names, so rows that are wrong
/// are passed over.
fn read_names(text: &[u8], samples: &mut Samples) {
    let rows: HashMap<u32, usize> =
        samples.index.iter().enumerate().map(|(row, index)| (*index, row)).collect();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let Ok(header) = reader.byte_headers().cloned() else { return };
    let place = |name: &str| header.iter().position(|field| field == name.as_bytes());
    let (Some(index_at), Some(path_at)) = (place("index"), place("path")) else { return };
    for record in reader.byte_records().flatten() {
        let field = |at: usize| record.get(at).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let Some(row) =
            field(index_at).and_then(|text| text.trim().parse().ok()).and_then(|i: u32| rows.get(&i))
        else {
            continue;
        };
        samples.path[*row] = field(path_at).unwrap_or_default();
        let name = place("class").and_then(field).filter(|name| !name.is_empty());
        if let (Some(label), Some(name)) = (samples.label[*row], name) {
            samples.class_names.entry(label).or_insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use twist_io::ClusterNames;

    use super::*;

    #[test]
    fn merged_classes_win_together_and_lose_apart() {
        let mut samples = Samples {
            index: vec![0, 1],
            said: Verdicts {
                cluster: vec![4, 0],
                confidence: vec![0.4, 0.9],
                second_cluster: vec![1, 4],
                second_confidence: vec![0.3, 0.1],
            },
            ranked: vec![(4, 0.4), (1, 0.3), (2, 0.2), (0, 0.9), (4, 0.1), (3, 0.0)],
            ..Samples::default()
        };
        let mut names = ClusterNames::new(5);
        names.merge(&[1, 2], None).unwrap();
        samples.merge(&Naming::from(names));
        assert_eq!(samples.verdict(0), (1, 0.3 + 0.2, 4, 0.4), "the class that was first is second now");
        assert_eq!(samples.verdict(1), (0, 0.9, 4, 0.1));
        assert_eq!(samples.most_outputs(), 5);
        samples.merge(&Naming::default());
        assert_eq!(samples.verdict(0), (4, 0.4, 1, 0.3));
    }
}
