//! All evaluations of a run side by side, with published numbers of the same kind beneath them.
//!
//! Published rows are marked as such, name their source, and say in words in what their protocol differs.

use serde::Serialize;
use twist_run::evaluations::{KINDS, TRANSFER};
use twist_run::{Compared, Evaluation, Figure};

use super::evidence::{write_figure, write_measured};
use super::measured_on::{images_by, number as images};
use crate::published::{self, DataSet, Published};
use crate::run::{Run, flatten_json};

/// Longest value of a protocol by which measurements are told apart, in characters.
const LONGEST_WORD: usize = 24;

/// Published rows shown at once; the others are folded away.
const SHOWN: usize = 8;

#[derive(Serialize)]
pub(crate) struct Evaluations {
    groups: Vec<Group>,
}

/// One kind of evaluation.
#[derive(Serialize)]
struct Group {
    title: String,
    columns: Vec<String>,
    own: Vec<Own>,
    published: Vec<Row>,
    /// Further published rows.
    more: Vec<Row>,
    /// What the published rows are about, or why none are shown.
    scope: String,
}

/// A measurement of this run.
#[derive(Serialize)]
struct Own {
    name: String,
    cells: Vec<Cell>,
    protocol: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    /// "on 4 images"; empty where that is not known.
    title: String,
}

#[derive(Serialize)]
struct Row {
    method: String,
    about: String,
    cells: Vec<String>,
    source: String,
    differs: Vec<String>,
    /// Which measurement they are differences to; empty when there is only one.
    compared_with: String,
}

/// The evaluations of `run`; `None` when nothing was evaluated.
pub(crate) fn evaluations(run: &Run) -> Option<Evaluations> {
    let mut kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    for evaluation in &run.evaluations {
        if !kinds.contains(&evaluation.kind.as_str()) {
            kinds.push(&evaluation.kind);
        }
    }
    let groups: Vec<Group> = kinds
        .into_iter()
        .flat_map(|kind| {
            let own = run.evaluations.iter().filter(|one| one.kind == kind).collect();
            by_named_data_set(own).into_iter().filter_map(|own| group(run, kind, &own)).collect::<Vec<_>>()
        })
        .collect();
    (!groups.is_empty()).then_some(Evaluations { groups })
}

/// Measurements on different data sets do not stand in one table, where protocols name data sets.
fn by_named_data_set(own: Vec<&Evaluation>) -> Vec<Vec<&Evaluation>> {
    let mut groups: Vec<Vec<&Evaluation>> = Vec::new();
    for evaluation in own {
        match groups.iter_mut().find(|group| group[0].data_set() == evaluation.data_set()) {
            Some(group) => group.push(evaluation),
            None => groups.push(vec![evaluation]),
        }
    }
    groups
}

fn group(run: &Run, kind: &str, own: &[&Evaluation]) -> Option<Group> {
    let data = data_set(run, own.first()?);
    let rows = data.map(|data| published::rows(data, kind)).unwrap_or_default();

    // Columns are the figures that this run has, in the order in which they are first met.
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in own.iter().flat_map(|one| one.figures.iter()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    // Published figures of transfer do not say how they were measured, so they stand under the first of ours.
    let first = keys.first().copied().unwrap_or_default();
    let cells = |value: &dyn Fn(&str) -> Option<f64>| {
        let cell = |key: &&str| value(key).map_or_else(|| "–".to_owned(), |value| write_figure(key, value));
        keys.iter().map(cell).collect::<Vec<_>>()
    };
    let names = told_apart(own);
    let of_run = || own.iter().zip(&names).filter(|(one, _)| one.beside.is_none());
    let protocols: Vec<(Compared, &String)> = of_run().map(|(one, name)| (ours(run, one), name)).collect();
    // Each published row is compared with the measurement whose protocol is nearest to its own.
    let compared = |row: &Published| {
        let all = protocols.iter().map(|(ours, name)| (row.differences(ours), *name));
        let nearest = all.min_by_key(|(differs, _)| differs.len());
        let (differs, name) =
            nearest.map_or_else(Default::default, |(differs, name)| (differs, name.clone()));
        (differs, if protocols.len() > 1 { name } else { String::new() })
    };
    let measured = own.iter().zip(&names).map(|(one, name)| Own {
        name: name.clone(),
        cells: keys
            .iter()
            .map(|key| {
                let write = |value| write_measured(key, value, images(&one.protocol, key));
                let images = images_by(&one.protocol, key);
                Cell {
                    text: one.figures.by_key(key).map_or_else(|| "–".to_owned(), write),
                    title: images.map(|images| format!("on {images}")).unwrap_or_default(),
                }
            })
            .collect(),
        protocol: flatten_json(&one.protocol),
    });
    let mut published: Vec<Row> = rows
        .iter()
        .map(|row| (row, compared(row)))
        .map(|(row, (differs, compared_with))| Row {
            method: row.method.clone(),
            about: about(row),
            cells: cells(&|key| {
                // Where a source does not say how transfer was measured, it stands under the first of ours.
                let is_it = |name: &str| name == key || (name == TRANSFER.name && key == first);
                row.figures.iter().find(|(name, _)| is_it(name)).map(|(_, value)| *value)
            }),
            source: row.source.clone(),
            differs,
            compared_with,
        })
        .filter(|row| row.cells.iter().any(|cell| cell != "–"))
        .collect();
    // Rows by the same protocol come first, each kind still best first.
    published.sort_by_key(|row| row.differs.len());
    let more = published.split_off(published.len().min(SHOWN));
    let scope = match (data, published.len() + more.len()) {
        (None, _) => "Twist knows no published numbers for these images.".to_owned(),
        (Some(data), 0) => {
            format!("Twist knows no published numbers for {} by this evaluation.", data.name())
        }
        (Some(data), _) => format!("Published numbers are for {}, as their sources print them.", data.name()),
    };
    let title = KINDS.iter().find(|known| known.name == kind).map_or(kind, |known| known.title);
    let title = match own[0].data_set() {
        Some(word) => format!("{title}: {}", data.map_or(word, |data| data.name())),
        None => title.to_owned(),
    };
    Some(Group {
        title,
        columns: keys.iter().map(|key| Figure::title_of(key)).collect(),
        own: measured.collect(),
        published,
        more,
        scope,
    })
}

fn about(row: &Published) -> String {
    if row.training.is_empty() { row.arch.clone() } else { format!("{}, {}", row.arch, row.training) }
}

/// A name for each measurement, by the values in which the protocols of the run's own ones differ.
fn told_apart(own: &[&Evaluation]) -> Vec<String> {
    let tables: Vec<Vec<(String, String)>> = own.iter().map(|one| flatten_json(&one.protocol)).collect();
    let common = |key: &str, value: &str| {
        let of_run = tables.iter().zip(own).filter(|(_, one)| one.beside.is_none());
        of_run
            .map(|(table, _)| table)
            .all(|table| table.iter().any(|(name, other)| name == key && other == value))
    };
    tables
        .iter()
        .zip(own)
        .map(|(table, one)| {
            if let Some(name) = &one.beside {
                return name.clone();
            }
            // Hashes and sentences tell nobody which row is which.
            let short = |value: &str| value.chars().count() <= LONGEST_WORD;
            let differing = table.iter().filter(|(key, value)| short(value) && !common(key, value));
            // `knn.temperature` → `temperature`.
            let last_word = |key: &str| crate::text::words(key.rsplit('.').next().unwrap_or(key));
            let words: Vec<String> =
                differing.take(3).map(|(key, value)| format!("{} {value}", last_word(key))).collect();
            if words.is_empty() { "this run".to_owned() } else { format!("this run, {}", words.join(", ")) }
        })
        .collect()
}

/// The data set of an evaluation: named by its protocol, else known by its class names, else by those of the run.
fn data_set(run: &Run, evaluation: &Evaluation) -> Option<DataSet> {
    if let Some(word) = evaluation.data_set() {
        return DataSet::of_word(word);
    }
    if let Some(names) = evaluation.class_names() {
        return DataSet::of_names(names);
    }
    let samples = run.samples.as_ref()?;
    DataSet::of_names(samples.class_names.values().map(String::as_str))
}

/// What defines an evaluation, where it can be compared; what its protocol leaves out is as in the run.
fn ours(run: &Run, evaluation: &Evaluation) -> Compared {
    let compared = evaluation.compared();
    let labels = run.samples.as_ref().map(|samples| samples.class_names.len()).filter(|number| *number > 0);
    Compared {
        clusters: compared.clusters.or(run.outputs().map(|outputs| outputs as f64)),
        classes: compared.classes.or(labels.map(|labels| labels as f64)),
        ..compared
    }
}
