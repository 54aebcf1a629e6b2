//! Editing: names, merges, the threshold for unsure images, and labels. Everything is on the disk before the reply.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use twist_io::{Refused, text_to_cell};
use twist_run::samples::column::FOR_PEOPLE;
use twist_run::{RunError, files};

use super::message::{Reply, Request};
use super::site::Site;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    class: u32,
    /// Empty takes the name away.
    name: String,
}

/// Calls a class something.
pub(super) fn rename(site: &mut Site, request: &Request) -> Reply {
    let Rename { class, name } = match request.json() {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let name = match name.trim() {
        "" => format!("class {}", site.naming.group(class)),
        name => name.to_owned(),
    };
    changed(site.change(|names| names.rename(class, &name)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unmerge {
    class: u32,
    /// The outputs that it was made of when the user saw it.
    parts: Vec<u32>,
}

/// Takes back the last merge of a class.
pub(super) fn unmerge(site: &mut Site, request: &Request) -> Reply {
    match request.json::<Unmerge>() {
        Ok(Unmerge { class, parts }) => changed(site.change(|names| {
            names.expect(class, &parts)?;
            names.unmerge(class)
        })),
        Err(refusal) => refusal,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Threshold {
    below: Option<f64>,
}

/// Sets the probability below which an image is in no class.
pub(super) fn threshold(site: &mut Site, request: &Request) -> Reply {
    match request.json::<Threshold>() {
        Ok(asked) => {
            let before = site.classes.unsure.len();
            match site.change(|names| names.set_unsure(asked.below)) {
                Ok(()) => Reply::json(&json!({ "unsure": site.classes.unsure.len(), "before": before })),
                refused => changed(refused),
            }
        }
        Err(refusal) => refusal,
    }
}

/// Why names stay as they are.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotChanged {
    /// What was asked for cannot be.
    #[error(transparent)]
    Asked(#[from] Refused),
    /// The file cannot be used, whatever is asked for.
    #[error(transparent)]
    File(#[from] RunError),
}

/// The reply to a change that went well, or was refused.
pub(super) fn changed(result: Result<(), NotChanged>) -> Reply {
    match result {
        Ok(()) => Reply::json(&json!({})),
        Err(error) => refusal(&error),
    }
}

/// The reply that says why names stay as they are.
pub(super) fn refusal(error: &NotChanged) -> Reply {
    let status = match error {
        NotChanged::File(_) => 500,
        NotChanged::Asked(_) => 409,
    };
    Reply::refuse(status, error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    rows: Vec<usize>,
    /// Empty takes the labels away.
    label: String,
    /// Images with another label than this one keep theirs: what is taken back must not take back what others did.
    only: Option<String>,
}

/// Gives images a label, and says which they had.
pub(super) fn label(site: &mut Site, request: &Request) -> Reply {
    let Label { mut rows, label, only } = match request.json() {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    site.labels.refresh();
    if let Some(only) = only {
        let own = |row: &usize| {
            site.samples.path.get(*row).and_then(|path| site.labels.of(path)).unwrap_or_default()
        };
        rows.retain(|row| own(row) == only);
    }
    let paths: Option<Vec<&str>> =
        rows.iter().map(|row| site.samples.path.get(*row).map(String::as_str)).collect();
    match paths {
        None => Reply::refuse(404, "this image is not in the run"),
        Some(paths) if paths.contains(&"") => Reply::refuse(
            409,
            "the run does not name its images (images.csv is missing), so they cannot be labelled",
        ),
        Some(paths) => {
            let mut before: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (row, path) in rows.iter().zip(&paths) {
                before.entry(site.labels.of(path).unwrap_or_default()).or_default().push(*row);
            }
            let before: Vec<_> =
                before.into_iter().map(|(label, rows)| json!({ "label": label, "rows": rows })).collect();
            match site.labels.set(&paths, &label) {
                Ok(()) => Reply::json(&json!({ "labelled": site.labels.count(), "before": before })),
                Err(why) => Reply::refuse(409, why),
            }
        }
    }
}

/// The labels as a table to save: `path,cluster,name,label,probability`, one row an image.
pub(super) fn export(site: &Site) -> Reply {
    let mut rows: Vec<usize> = site.labelled_rows().into_iter().collect();
    rows.sort_unstable();
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut write = |record: [&str; 5]| table.write_record(record).is_ok();
    let mut whole = write(FOR_PEOPLE);
    for row in rows {
        let path = &site.samples.path[row];
        let (class, probability, ..) = site.samples.verdict(row);
        let label = site.labels.of(path).unwrap_or_default();
        whole &= write([
            &text_to_cell(path),
            &class.to_string(),
            &text_to_cell(&site.classes.title(class)),
            &text_to_cell(label),
            &format!("{probability:.4}"),
        ]);
    }
    match table.into_inner() {
        Ok(bytes) if whole => {
            Reply { save_as: Some(files::LABELS), ..Reply::bytes("text/csv; charset=utf-8", bytes) }
        }
        _ => Reply::refuse(500, "the table could not be written"),
    }
}
