//! Browsing: classes, their images page by page, one image, and what to label next.

use serde::Deserialize;
use serde_json::{Value, json};

use super::message::{Answer, Reply, Request};
use super::site::Site;
use crate::classes::Class;
use crate::label_next::propose;
use crate::map::nearest;
use crate::section::MOST_NAMES;

/// Images on one page of a class.
const PAGE: usize = 60;
/// Images that stand for a class in the list of classes.
const EXAMPLES: usize = 8;
/// Neighbours of an image.
pub(super) const NEIGHBOURS: usize = 24;

/// What the page has to know at its beginning.
pub(super) fn run(site: &Site) -> Reply {
    Reply::json(&json!({
        "name": site.name,
        "images": site.samples.len(),
        "outputs": site.naming.names.clusters(),
        "unsure_below": site.naming.names.unsure(),
        "evaluated_on": site.evaluated_on,
        "can_embed": site.helpers.embed.is_some(),
        "has_labels": site.samples.has_labels(),
        "verdict": site.verdict,
        "has_paths": site.samples.path.iter().any(|path| !path.is_empty()),
    }))
}

/// Every class, the largest first.
pub(super) fn classes(site: &Site) -> Reply {
    let classes: Vec<Value> = site.classes.classes.iter().map(|class| card(site, class)).collect();
    Reply::json(&json!({
        "classes": classes,
        "colors": site.classes.colors(),
        "unsure": site.classes.unsure.len(),
    }))
}

fn card(site: &Site, class: &Class) -> Value {
    let samples = &site.samples;
    let turns = class.rows_by_turns(samples);
    let mut examples: Vec<usize> =
        turns.iter().filter(|row| site.has_picture(**row)).take(EXAMPLES).copied().collect();
    if examples.is_empty() {
        examples = turns.into_iter().take(MOST_NAMES).collect();
    }
    let mean =
        class.rows.iter().map(|row| samples.merged.confidence[*row]).sum::<f32>() / class.rows.len() as f32;
    json!({
        "number": class.number,
        "name": class.name,
        "named": site.naming.is_named(class.number),
        "parts": class.parts,
        "size": class.rows.len(),
        "unsure": class.unsure,
        "color": class.color,
        "mostly": class.majority.map(|(label, _)| samples.class_name(label)),
        "purity": class.majority.map(|(_, share)| share),
        "sure": super::site::rounded(mean),
        "examples": examples.into_iter().map(|row| site.item(row)).collect::<Vec<_>>(),
    })
}

/// One page of a class: `class` (a number, or `unsure`), `order` (`sure` or `border`), `page`.
pub(super) fn images(site: &Site, request: &Request) -> Answer {
    let page: usize = request.value("page").and_then(|page| page.parse().ok()).unwrap_or(0);
    let found = match request.value("class") {
        Some("unsure") => Some(site.classes.unsure.clone()),
        Some(number) => {
            number.parse().ok().and_then(|number| site.classes.find(number)).map(|class| class.rows.clone())
        }
        None => None,
    };
    let missing = || Reply::refuse(404, "this class does not exist, or it has no images");
    let mut rows = found.ok_or_else(missing)?;
    if request.value("order") == Some("border") {
        rows.sort_by(|a, b| site.samples.margin(*a).total_cmp(&site.samples.margin(*b)).then(a.cmp(b)));
    }
    let total = rows.len();
    let shown: Vec<Value> =
        rows.into_iter().skip(page.saturating_mul(PAGE)).take(PAGE).map(|row| site.item(row)).collect();
    Ok(Reply::json(&json!({ "total": total, "page": page, "pages": total.div_ceil(PAGE), "images": shown })))
}

pub(super) fn image(site: &Site, row: usize) -> Answer {
    if row >= site.samples.len() {
        return Err(Reply::refuse(404, "this image is not in the run"));
    }
    let samples = &site.samples;
    let found = nearest(&samples.embedding, samples.width, &[row], NEIGHBOURS);
    let neighbours: Vec<Value> =
        found.into_iter().flatten().map(|near| with_similarity(site, near)).collect();
    Ok(Reply::json(&json!({ "image": site.item(row), "neighbours": neighbours })))
}

/// A neighbour as the page shows it.
pub(super) fn with_similarity(site: &Site, near: crate::map::Neighbour) -> Value {
    let mut item = site.item(near.row);
    item["similarity"] = super::site::rounded(near.similarity).into();
    item
}

/// Images whose name has the text of the body in it, whatever its case.
pub(super) fn find(site: &Site, request: &Request) -> Answer {
    let Find { text } = request.json()?;
    let wanted = text.trim().to_lowercase();
    let fits = |row: &usize| !wanted.is_empty() && site.samples.title(*row).to_lowercase().contains(&wanted);
    let rows: Vec<usize> = (0..site.samples.len()).filter(fits).collect();
    let shown: Vec<Value> = rows.iter().take(PAGE).map(|row| site.item(*row)).collect();
    Ok(Reply::json(&json!({ "total": rows.len(), "images": shown })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    text: String,
}

/// The images that a user labelled, page by page, by label and name; and how many labels are of images that the run does not
/// show.
pub(super) fn labelled(site: &Site, request: &Request) -> Reply {
    let page: usize = request.value("page").and_then(|page| page.parse().ok()).unwrap_or(0);
    let label = |row: usize| site.labels.of(&site.samples.path[row]).unwrap_or_default();
    let mut rows: Vec<usize> = site.labelled_rows().into_iter().collect();
    rows.sort_by(|a, b| (label(*a), &site.samples.path[*a]).cmp(&(label(*b), &site.samples.path[*b])));
    let (total, elsewhere) = (rows.len(), site.labels.count().saturating_sub(rows.len()));
    let shown: Vec<Value> =
        rows.into_iter().skip(page.saturating_mul(PAGE)).take(PAGE).map(|row| site.item(row)).collect();
    Reply::json(&json!({
        "total": total, "elsewhere": elsewhere, "page": page, "pages": total.div_ceil(PAGE), "images": shown,
    }))
}

/// Images whose label would tell most, those with a label left out.
pub(super) fn next(site: &Site) -> Reply {
    let rows = propose(&site.samples, &site.labelled_rows());
    let images: Vec<Value> = rows.into_iter().take(PAGE).map(|row| site.item(row)).collect();
    let counts: Vec<Value> = site
        .labels
        .counts()
        .into_iter()
        .map(|(label, number)| json!({ "label": label, "images": number }))
        .collect();
    Reply::json(&json!({ "images": images, "labels": counts, "labelled": site.labels.count() }))
}
