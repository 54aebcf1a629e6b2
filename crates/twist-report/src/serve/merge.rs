//! Making one class of several, and what that does to the others: the probabilities of merged classes add up, so that images
//! of other classes, and unsure ones, can move into the result.

use serde::Deserialize;
use serde_json::{Value, json};
use twist_io::Refused;
use twist_run::ClusterNames;

use super::message::{Answer, Reply, Request};
use super::not_changed::NotChanged;
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
pub(super) struct Seen {
    class: u32,
    /// The outputs that it was made of.
    parts: Vec<u32>,
}

impl Seen {
    /// Whether it still is what the user saw.
    ///
    /// # Errors
    /// Another page may have merged it meanwhile.
    pub(super) fn expect(&self, names: &ClusterNames) -> Result<(), Refused> {
        names.expect(self.class, &self.parts)
    }
}

impl Merge {
    /// Merges, if each class still is what the user saw. Returns the number of the
    /// result.
    fn apply(&self, names: &mut ClusterNames) -> Result<u32, Refused> {
        self.classes.iter().try_for_each(|seen| seen.expect(names))?;
        let name = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        Ok(names.merge(&self.numbers(), name)?.class)
    }

    fn numbers(&self) -> Vec<u32> {
        self.classes.iter().map(|seen| seen.class).collect()
    }

    /// The images of the class that these classes of `site`, which are not merged there yet, would make.
    fn preview(&self, site: &Site) -> Result<Value, NotChanged> {
        let mut names = site.naming.names.clone();
        let result = self.apply(&mut names)?;
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
        Ok(json!({ "images": images, "from_others": others, "from_unsure": unsure }))
    }
}

/// What a merge would do; nothing is changed.
pub(super) fn preview(site: &Site, request: &Request) -> Answer {
    let asked: Merge = request.json()?;
    Ok(Reply::json(&asked.preview(site)?))
}

/// Makes several classes one, and says what became of it.
pub(super) fn merge(site: &mut Site, request: &Request) -> Answer {
    let asked: Merge = request.json()?;
    site.refresh();
    let outcome = asked.preview(site)?;
    site.change(|names| asked.apply(names).map(drop))?;
    Ok(Reply::json(&outcome))
}
