//! The published numbers as data: `tables.toml`, of which every row is checked by a test.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{DataSet, Protocol, Published};

#[derive(Deserialize)]
struct File {
    table: Vec<Table>,
}

/// What holds for each of its rows that does not say otherwise.
#[derive(Deserialize)]
struct Table {
    evaluation: String,
    protocol: Protocol,
    rows: Vec<Row>,
    #[serde(flatten)]
    shared: About,
}

#[derive(Deserialize)]
struct Row {
    #[serde(flatten)]
    about: About,
    /// By their keys, fractions.
    #[serde(flatten)]
    figures: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct About {
    data: Option<DataSet>,
    method: Option<String>,
    arch: Option<String>,
    training: Option<String>,
    source: Option<String>,
}

pub(super) fn all() -> Vec<Published> {
    read().unwrap_or_default()
}

fn read() -> Result<Vec<Published>, toml::de::Error> {
    let File { table } = toml::from_str(include_str!("tables.toml"))?;
    Ok(table
        .into_iter()
        .flat_map(|Table { evaluation, protocol, rows, shared }| {
            rows.into_iter().filter_map(move |Row { about, figures }| {
                let text = |own: Option<String>, shared: &Option<String>| own.or_else(|| shared.clone());
                Some(Published {
                    data: about.data.or(shared.data)?,
                    evaluation: evaluation.clone(),
                    method: text(about.method, &shared.method)?,
                    arch: text(about.arch, &shared.arch)?,
                    training: text(about.training, &shared.training).unwrap_or_default(),
                    figures: figures.into_iter().collect(),
                    protocol: protocol.clone(),
                    source: text(about.source, &shared.source)?,
                })
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_lost() {
        let lines = include_str!("tables.toml").lines().filter(|line| line.starts_with("    { ")).count();
        assert_eq!((read().unwrap().len(), lines), (lines, 145));
    }
}
