//! Editing: names, merges, the threshold for unsure images, and labels. Everything is on the disk before the reply.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use twist_run::files;

use super::message::{Answer, Reply, Request};
use super::site::Site;
use crate::people;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    class: u32,
    /// Empty takes the name away.
    name: String,
}

pub(super) fn rename(site: &mut Site, request: &Request) -> Answer {
    let Rename { class, name } = request.json()?;
    let name = match name.trim() {
        "" => format!("class {}", site.naming.group(class)),
        name => name.to_owned(),
    };
    site.change(|names| names.rename(class, &name))?;
    Ok(Reply::done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unmerge {
    class: u32,
    /// The outputs that it was made of when the user saw it.
    parts: Vec<u32>,
}

/// Takes back the last merge of a class.
pub(super) fn unmerge(site: &mut Site, request: &Request) -> Answer {
    let Unmerge { class, parts } = request.json()?;
    site.change(|names| {
        names.expect(class, &parts)?;
        names.unmerge(class)
    })?;
    Ok(Reply::done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Threshold {
    below: Option<f64>,
}

/// Sets the probability below which an image is in no class.
pub(super) fn threshold(site: &mut Site, request: &Request) -> Answer {
    let Threshold { below } = request.json()?;
    let before = site.classes.unsure.len();
    site.change(|names| names.set_unsure(below))?;
    Ok(Reply::json(&json!({ "unsure": site.classes.unsure.len(), "before": before })))
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
pub(super) fn label(site: &mut Site, request: &Request) -> Answer {
    let Label { mut rows, label, only } = request.json()?;
    check(&rows, site.samples.len())?;
    site.labels.refresh();
    if let Some(only) = only {
        let own = |row: &usize| site.labels.of(&site.samples.path[*row]).unwrap_or_default();
        rows.retain(|row| own(row) == only);
    }
    let paths: Vec<&str> = rows.iter().map(|row| site.samples.path[*row].as_str()).collect();
    if paths.contains(&"") {
        let why = "the run does not name its images (images.csv is missing), so they cannot be labelled";
        return Err(Reply::refuse(409, why));
    }
    let mut before: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, path) in rows.iter().zip(&paths) {
        before.entry(site.labels.of(path).unwrap_or_default()).or_default().push(*row);
    }
    let before: Vec<_> =
        before.into_iter().map(|(label, rows)| json!({ "label": label, "rows": rows })).collect();
    site.labels.set(&paths, &label).map_err(|why| Reply::refuse(409, why))?;
    Ok(Reply::json(&json!({ "labelled": site.labels.count(), "before": before })))
}

/// Refuses images that the run does not have, and those that are named twice: the page sends neither, so something else is wrong.
fn check(rows: &[usize], images: usize) -> Result<(), Reply> {
    let mut named = vec![false; images];
    for &row in rows {
        let Some(named) = named.get_mut(row) else {
            let why =
                format!("image {row} is not in the run, which has {images} images; nothing was labelled");
            return Err(Reply::refuse(404, why));
        };
        if std::mem::replace(named, true) {
            return Err(Reply::refuse(400, format!("image {row} is named twice; nothing was labelled")));
        }
    }
    Ok(())
}

/// The labels as a table to save: `path,cluster,name,label,probability`, one row an image.
pub(super) fn export(site: &Site) -> Answer {
    let mut rows: Vec<usize> = site.labelled_rows().into_iter().collect();
    rows.sort_unstable();
    let label = |row: usize| site.labels.of(&site.samples.path[row]).unwrap_or_default();
    let rows = rows.into_iter().map(|row| (people::row(&site.samples, &site.classes, row, label(row)), []));
    let mut bytes = Vec::new();
    people::table(&mut bytes, [], rows).map_err(|_| Reply::refuse(500, "the table could not be written"))?;
    Ok(Reply { save_as: Some(files::LABELS), ..Reply::bytes("text/csv; charset=utf-8", bytes) })
}
