//! How many classes there are: what a cut of the tree would join, and the cut.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};
use twist_run::{ClassTree, Cut, Group, Groups};

use super::merge::Seen;
use super::message::{Answer, Reply, Request};
use super::not_changed::NotChanged;
use super::site::Site;
use crate::run::Naming;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How many classes with images are to remain.
    classes: usize,
    /// The classes as the page showed them.
    seen: Vec<Seen>,
}

/// What the page has to know of the tree; `null` without one.
pub(super) fn tree(site: &Site) -> Reply {
    let Some(tree) = &site.tree else { return Reply::json(&Value::Null) };
    let parts = tree.parts();
    Reply::json(&json!({
        "classes": tree.classes(),
        "now": site.naming.names.classes_in(tree),
        "estimate": parts.estimate,
        "images": parts.rows,
        "of": parts.of,
    }))
}

/// What a cut would do; nothing is changed.
pub(super) fn preview(site: &Site, request: &Request) -> Answer {
    let Asked { classes, seen } = request.json()?;
    let tree = tree_of(site)?;
    let mut names = site.naming.names.clone();
    let mut tried = || -> Result<Cut, NotChanged> {
        seen.iter().try_for_each(|one| one.expect(&names))?;
        Ok(names.cut(tree, classes)?)
    };
    let cut = tried()?;
    Ok(Reply::json(&outcome(site, &site.naming, &names.into(), &cut)))
}

/// Merges classes along the tree, or takes them apart, and says what became of it.
pub(super) fn cut(site: &mut Site, request: &Request) -> Answer {
    let Asked { classes, seen } = request.json()?;
    site.refresh();
    let before = site.naming.clone();
    let tree = tree_of(site)?.clone();
    let (cut, aside) = site.cut(&tree, classes, &seen)?;
    let mut outcome = outcome(site, &before, &site.naming, &cut);
    outcome["aside"] = aside.and_then(|file| Some(file.file_name()?.to_string_lossy().into_owned())).into();
    Ok(Reply::json(&outcome))
}

fn tree_of(site: &Site) -> Result<&ClassTree, Reply> {
    let why = "this run has no tree of its classes; `twist clusters RUN tree` says why";
    site.tree.as_ref().ok_or_else(|| Reply::refuse(409, why))
}

fn outcome(site: &Site, before: &Naming, after: &Naming, cut: &Cut) -> Value {
    let sizes = [before, after].map(|naming| sizes(site, naming));
    let groups = [before, after].map(|naming| naming.names.groups());
    let shown = |group: &Group, side: usize| {
        let images = sizes[side].get(&group.class).copied().unwrap_or(0);
        json!({ "number": group.class, "name": group.name, "images": images })
    };
    let with_parts = |group: &Group, side: usize| {
        let other = 1 - side;
        let parts: Vec<Value> =
            parts(group, &groups[other]).into_iter().map(|part| shown(part, other)).collect();
        json!({ "class": shown(group, side), "parts": parts })
    };
    json!({
        "before": cut.before,
        "now": cut.now,
        "changes": !cut.is_nothing(),
        "joined": cut.joined.iter().map(|group| with_parts(group, 1)).collect::<Vec<Value>>(),
        "divided": cut.divided.iter().map(|group| with_parts(group, 0)).collect::<Vec<Value>>(),
        "lost": cut.lost,
        "hidden": cut.hidden.iter().map(|(name, now)| json!({ "name": name, "now": now.name })).collect::<Vec<Value>>(),
    })
}

/// The groups of `others` that have the clusters of `group`.
fn parts<'a>(group: &Group, others: &'a Groups) -> Vec<&'a Group> {
    let mut parts: Vec<&Group> = group.members.iter().filter_map(|&one| others.group_of(one)).collect();
    parts.sort_by_key(|part| part.class);
    parts.dedup();
    parts
}

/// The images of each class by number, unsure ones left out.
fn sizes(site: &Site, naming: &Naming) -> HashMap<u32, u64> {
    let (verdicts, unsure) = site.samples.under(naming);
    let mut sizes = HashMap::new();
    for (class, _) in verdicts.cluster.iter().zip(unsure).filter(|(_, unsure)| !unsure) {
        *sizes.entry(*class).or_default() += 1;
    }
    sizes
}
