//! Making one class of several, and what that does to the others: the probabilities of merged classes add up, so that images
//! of other classes, and unsure ones, can move into the result.

use serde::Deserialize;
use serde_json::{Value, json};
use twist_io::Refused;
use twist_run::ClusterNames;

use super::edit::{changed, refusal};
use super::message::{Reply, Request};
use super::site::Site;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    classes: Vec<Seen>,
    /// What the result is called; without one, as its first named part.
    name: Option<String>,
}

/// A class as the page showed it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    class: u32,
    /// The outputs that it was made of.
    parts: Vec<u32>,
}

impl Merge {
    /// Merges, if each class still is what the user saw: another page may have merged it meanwhile. Returns the number of the
    /// result.
    fn apply(&self, names: &mut ClusterNames) -> Result<u32, Refused> {
        for Seen { class, parts } in &self.classes {
            names.expect(*class, parts)?;
        }
        let name = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        Ok(names.merge(&self.numbers(), name)?.class)
    }

    fn numbers(&self) -> Vec<u32> {
        self.classes.iter().map(|seen| seen.class).collect()
    }

    /// The images of the class that `names` make of these classes of `site`, which are not merged there yet.
    fn outcome(&self, site: &Site, names: ClusterNames, result: u32) -> Value {
        let (now, unsure_now) = site.samples.under(&names.into());
        let (before, unsure_before) = (&site.samples.merged, &site.samples.unsure);
        let own = self.numbers();
        let (mut images, mut others, mut unsure) = (0u64, 0u64, 0u64);
        let inside = |row: &usize| now.cluster[*row] == result && !unsure_now[*row];
        for row in (0..site.samples.len()).filter(inside) {
            images += 1;
            others += u64::from(!unsure_before[row] && !own.contains(&before.cluster[row]));
            unsure += u64::from(unsure_before[row]);
        }
        json!({ "images": images, "from_others": others, "from_unsure": unsure })
    }
}

/// What a merge would do; nothing is changed.
pub(super) fn preview(site: &Site, request: &Request) -> Reply {
    let asked: Merge = match request.json() {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let mut names = site.naming.names().clone();
    match asked.apply(&mut names) {
        Ok(result) => Reply::json(&asked.outcome(site, names, result)),
        Err(error) => refusal(&error.into()),
    }
}

/// Makes several classes one, and says what became of it.
pub(super) fn merge(site: &mut Site, request: &Request) -> Reply {
    let asked: Merge = match request.json() {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    site.refresh();
    let mut names = site.naming.names().clone();
    let outcome = match asked.apply(&mut names) {
        Ok(result) => asked.outcome(site, names, result),
        Err(error) => return refusal(&error.into()),
    };
    match site.change(|names| asked.apply(names).map(drop)) {
        Ok(()) => Reply::json(&outcome),
        refused => changed(refused),
    }
}
