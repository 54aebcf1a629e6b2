//! Several runs side by side.

use serde::Serialize;
use twist_run::figure::Better;
use twist_run::{Figure, figure};

use super::comparable::{Comparable, comparable};
use super::curves::points;
use super::evidence::write_measured;
use super::measured_on::{images_of, number_of};
use crate::chart::{Chart, ChartInput, Line, Unit};
use crate::run::{Run, flatten_json};
use crate::text::capitalised;
use crate::verdict::verdict_on;

#[derive(Serialize)]
pub(crate) struct Comparison {
    names: Vec<String>,
    /// Whether the classes or the classifier of each run can be used.
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

const COMPARED: [&Figure; 12] = [
    figure::KNN_TOP1,
    figure::FINETUNE_TOP1,
    figure::ACC,
    figure::ACC_MANY_TO_ONE,
    figure::NMI,
    figure::AMI,
    figure::ARI,
    figure::FOWLKES_MALLOWS,
    figure::CLASSES_IN_USE,
    figure::MINUTES,
    figure::IMAGES_PER_SECOND,
    figure::PEAK_MEMORY,
];

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
    let rows: Vec<Row> = COMPARED.iter().filter_map(|figure| row(runs, figure, &judged)).collect();
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
    let stated = run.protocol().filter(|protocol| !protocol.is_null()).map(flatten_json);
    let data = run.data_fingerprint().map(|data| ("data_fingerprint".to_owned(), data.to_owned()));
    stated.map(|stated| data.into_iter().chain(stated).collect()).unwrap_or_default()
}

/// Says among which runs the best values of `rows` are marked, and why not among the others.
fn marked(rows: &[Row], judged: &Comparable, names: &[String]) -> String {
    if judged.runs.is_empty() {
        let why = match judged.judged {
            0 => "no run is finished and says how it was measured".into(),
            1 => "only one run is finished and says how it was measured".into(),
            _ => format!("the finished runs differ in {}", judged.differences.join(", ")),
        };
        return format!("best values are not marked, because no two runs are comparable: {why}.");
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

fn row(runs: &[Run], figure: &Figure, judged: &Comparable) -> Option<Row> {
    let values: Vec<Option<f64>> = runs.iter().map(|run| run.figure(figure)).collect();
    let compares = judged.costs || !figure.is_cost();
    let known: Vec<f64> = judged.runs.iter().filter(|_| compares).filter_map(|at| values[*at]).collect();
    let judges = figure.better != Better::Neither;
    let better = |best, new| if figure.improves(new, best) { new } else { best };
    let best = known.iter().copied().filter(|_| judges).reduce(better);
    // Equal values have no best one, and neither has a single value.
    let decided = known.len() > 1 && known.iter().any(|value| *value != known[0]);
    let cell = |(at, run): (usize, &Run)| Cell {
        text: values[at].map_or_else(
            || "–".into(),
            |value| write_measured(figure.key, value, number_of(run, figure.key)),
        ),
        title: images_of(run, figure.key).map(|images| format!("on {images}")).unwrap_or_default(),
        best: judges && decided && judged.runs.contains(&at) && values[at] == best,
    };
    let cells = runs.iter().enumerate().map(cell).collect();
    values.iter().any(Option::is_some).then(|| Row { name: figure.title.into(), cells })
}

fn charts(runs: &[Run], names: &[String]) -> Vec<Chart> {
    let chart = |figure: &Figure, evaluated: bool| {
        let line = |(i, (run, name)): (usize, (&Run, &String))| {
            let records = if evaluated { &run.log.evals } else { &run.log.steps };
            Line { name: name.clone(), color: i % 8, points: points(records, figure) }
        };
        Chart::new(ChartInput {
            title: capitalised(figure.title),
            x_name: "epoch".into(),
            unit: if evaluated { Unit::Fraction } else { Unit::Number },
            lines: runs.iter().zip(names).enumerate().map(line).collect(),
            from_zero: evaluated || figure.is_cost(),
            ..Default::default()
        })
    };
    let scores = [figure::KNN_TOP1, figure::ACC, figure::NMI].map(|figure| chart(figure, true));
    let steps =
        [figure::LOSS, figure::DIVERSITY, figure::IMAGES_PER_SECOND].map(|figure| chart(figure, false));
    scores.into_iter().chain(steps).flatten().collect()
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
