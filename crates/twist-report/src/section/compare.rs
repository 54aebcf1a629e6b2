//! Several runs side by side.

use serde::Serialize;

use super::comparable::{Comparable, comparable};
use super::curves::points;
use super::evidence::write_measured;
use super::measured_on::{images_of, number_of};
use crate::chart::{Chart, ChartInput, Line, Unit};
use crate::run::Run;
use crate::verdict::verdict_on;

/// The comparison of several runs.
#[derive(Serialize)]
pub(crate) struct Comparison {
    names: Vec<String>,
    /// Whether the classes of each run can be used.
    verdicts: Vec<(String, String)>,
    /// Among which runs the best values are marked.
    marked: String,
    rows: Vec<Row>,
    charts: Vec<Chart>,
    /// Keys of the recipes whose values differ.
    differences: Vec<Difference>,
    /// Keys of the protocols whose values differ: such figures must not be compared.
    protocol: Vec<Difference>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    /// "on 4 images"; empty where that is not known.
    title: String,
    best: bool,
}

#[derive(Serialize)]
struct Difference {
    key: String,
    values: Vec<String>,
}

/// A figure to compare by.
struct Compared {
    key: &'static str,
    name: &'static str,
    better: Better,
}

#[derive(Clone, Copy, PartialEq)]
enum Better {
    High,
    Low,
    /// Neither: shown, not judged.
    Neither,
}

const COMPARED: [Compared; 11] = [
    Compared { key: "knn_top1", name: "k-NN", better: Better::High },
    Compared { key: "accuracy_one_to_one", name: "ACC, one to one", better: Better::High },
    Compared { key: "accuracy_many_to_one", name: "ACC, many to one", better: Better::High },
    Compared { key: "nmi", name: "NMI", better: Better::High },
    Compared { key: "ami", name: "AMI", better: Better::High },
    Compared { key: "ari", name: "ARI", better: Better::High },
    Compared { key: "fowlkes_mallows", name: "Fowlkes–Mallows", better: Better::High },
    Compared { key: "classes_in_use", name: "classes in use", better: Better::Neither },
    Compared { key: "minutes", name: "training time", better: Better::Low },
    Compared { key: "images_per_second", name: "images/s", better: Better::High },
    Compared { key: "peak_memory_gib", name: "peak memory, GiB", better: Better::Low },
];

/// What a run cost, of the above.
const COSTS: [&str; 3] = ["minutes", "images_per_second", "peak_memory_gib"];

/// Compares `runs`, which the page calls `names`.
pub(crate) fn compare(runs: &[Run], names: &[String]) -> Comparison {
    let recipes =
        runs.iter().map(|run| run.recipe.as_ref().map(|recipe| recipe.entries.clone()).unwrap_or_default());
    let protocols = runs.iter().map(protocol);
    let protocols: Vec<_> = protocols.collect();
    let all_state_one = protocols.iter().all(|protocol| !protocol.is_empty());
    let judged = comparable(runs);
    let verdicts = runs.iter().zip(names);
    let verdicts = verdicts.filter_map(|(run, name)| Some((name.clone(), verdict_on(run)?.to_string())));
    let rows: Vec<Row> = COMPARED.iter().filter_map(|compared| row(runs, compared, &judged)).collect();
    Comparison {
        names: names.to_vec(),
        verdicts: verdicts.collect(),
        marked: marked(&rows, &judged, names),
        rows,
        charts: charts(runs, names),
        differences: differences(&recipes.collect::<Vec<_>>()),
        protocol: if all_state_one { differences(&protocols) } else { Vec::new() },
    }
}

/// What defines the figures of `run`, the training data included; empty when no file says it.
fn protocol(run: &Run) -> Vec<(String, String)> {
    let stated = run.figures.as_ref().map(|figures| figures.protocol()).filter(|stated| !stated.is_empty());
    let data = run.data_fingerprint().map(|data| ("data_fingerprint".to_owned(), data.to_owned()));
    stated.map(|stated| data.into_iter().chain(stated).collect()).unwrap_or_default()
}

/// Says among which runs the best values of `rows` are marked, and why not among the others.
fn marked(rows: &[Row], judged: &Comparable, names: &[String]) -> String {
    if judged.runs.is_empty() {
        return "best values are not marked, because no two runs are comparable: finished, trained on the same images and \
                measured in the same way."
            .into();
    }
    if !rows.iter().flat_map(|row| &row.cells).any(|cell| cell.best) {
        return "best values are not marked, because the comparable figures are missing or equal.".into();
    }
    let mut text = "the best value of each row is marked".to_owned();
    if judged.runs.len() < names.len() {
        let judged: Vec<&str> = judged.runs.iter().map(|at| names[*at].as_str()).collect();
        text += &format!(
            " among {}. The others are not finished, were trained on other images, or were measured in another way",
            judged.join(", ")
        );
    }
    let costs = if judged.costs {
        ""
    } else {
        " Time, speed and memory are not judged, as recipes or machines differ."
    };
    format!("{text}.{costs}")
}

fn row(runs: &[Run], compared: &Compared, judged: &Comparable) -> Option<Row> {
    let values: Vec<Option<f64>> = runs
        .iter()
        .map(|run| run.figures.as_ref().and_then(|figures| figures.number(compared.key)))
        .collect();
    let compares = judged.costs || !COSTS.contains(&compared.key);
    let known: Vec<f64> = judged.runs.iter().filter(|_| compares).filter_map(|at| values[*at]).collect();
    let best = match compared.better {
        Better::High => known.iter().copied().reduce(f64::max),
        Better::Low => known.iter().copied().reduce(f64::min),
        Better::Neither => None,
    };
    // Where all are equal there is no best, and where one is alone neither.
    let decided = known.len() > 1 && known.iter().any(|value| *value != known[0]);
    let cell = |(at, run): (usize, &Run)| Cell {
        text: values[at].map_or_else(
            || "–".into(),
            |value| write_measured(compared.key, value, number_of(run, compared.key)),
        ),
        title: images_of(run, compared.key).map(|images| format!("on {images}")).unwrap_or_default(),
        best: decided && judged.runs.contains(&at) && values[at] == best,
    };
    let cells = runs.iter().enumerate().map(cell).collect();
    values.iter().any(Option::is_some).then(|| Row { name: compared.name.into(), cells })
}

fn charts(runs: &[Run], names: &[String]) -> Vec<Chart> {
    let lines = |evaluated: bool, key: &str| -> Vec<Line> {
        runs.iter()
            .zip(names)
            .enumerate()
            .map(|(i, (run, name))| {
                let records = if evaluated { &run.log.evals } else { &run.log.steps };
                Line { name: name.clone(), color: i % 8, points: points(records, key) }
            })
            .collect()
    };
    let chart = |title: &str, evaluated: bool, key: &str| {
        let unit = if evaluated { Unit::Fraction } else { Unit::Number };
        Chart::new(ChartInput {
            title: title.into(),
            x_name: "epoch".into(),
            unit,
            lines: lines(evaluated, key),
            from_zero: evaluated || key == "images_per_second",
            ..Default::default()
        })
    };
    [
        chart("k-NN", true, "knn_top1"),
        chart("ACC, one to one", true, "accuracy_one_to_one"),
        chart("NMI", true, "nmi"),
        chart("Loss", false, "loss"),
        chart("Diversity", false, "diversity"),
        chart("Images/s", false, "images_per_second"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The keys whose values are not the same in all tables, in the order in which they first appear. A table without a key
/// differs from one with it; an empty table, that of a run without a recipe, decides nothing.
fn differences(tables: &[Vec<(String, String)>]) -> Vec<Difference> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in tables.iter().flatten() {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let value = |table: &[(String, String)], key: &str| {
        table.iter().find(|(name, _)| name == key).map_or_else(|| "–".to_owned(), |(_, value)| value.clone())
    };
    keys.into_iter()
        .map(|key| Difference {
            key: key.to_owned(),
            values: tables.iter().map(|table| value(table, key)).collect(),
        })
        .filter(|difference| {
            let mut known = difference.values.iter().zip(tables).filter(|(_, table)| !table.is_empty());
            let first = known.next();
            known.any(|(value, _)| first.is_some_and(|(first, _)| first != value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_listed() {
        let table = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect::<Vec<_>>()
        };
        let found =
            differences(&[table(&[("a", "1"), ("b", "2")]), table(&[("a", "1"), ("b", "3"), ("c", "4")])]);
        let keys: Vec<&str> = found.iter().map(|difference| difference.key.as_str()).collect();
        assert_eq!(keys, ["b", "c"]);
        assert_eq!(found[1].values, ["–", "4"]);
    }
}
