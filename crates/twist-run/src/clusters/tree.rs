//! The merge tree of a model's classes: which of them become one first when fewer are wanted.
//!
//! Its leaves are the classes that have images. Every merge makes one class of two, until one is left; a class that was merged is
//! called after its smallest cluster, as a [`Group`](super::Group) is. Classes without images are not in the tree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twist_io::Refused;

use super::weights::NamedWeights;
use crate::samples::MOST_CLASSES;

/// What a tree is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeParts {
    /// Clusters of the network, with images or without.
    pub clusters: u32,
    /// Those whose classes these are.
    pub weights: NamedWeights,
    /// Which images were looked at, in words.
    pub of: String,
    /// How many.
    pub rows: usize,
    /// How many neighbours of each.
    pub neighbours: usize,
    /// The classes that have such an image, ascending.
    pub classes: Vec<TreeClass>,
    /// In the order in which they are made, the nearest classes first.
    pub merges: Vec<TreeMerge>,
    /// How many classes the features show, where that could be counted.
    pub estimate: Option<ClassEstimate>,
}

/// A leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeClass {
    /// Its number.
    pub class: u32,
    /// Its images.
    pub rows: usize,
}

/// Two classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeMerge {
    /// Their numbers, ascending; the result has the first.
    pub of: [u32; 2],
    /// From 0 (all neighbours of one are in the other) to 1 (they have no neighbours in each other). A later merge may be lower.
    pub height: f64,
}

/// How many classes features show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassEstimate {
    /// The number.
    pub classes: usize,
    /// The least and the most of several counts.
    pub range: (usize, usize),
    /// Rows that were looked at.
    pub rows: usize,
}

/// A tree that holds together.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassTree(TreeParts);

impl ClassTree {
    /// Classes, at most. Links between classes with fewer than ten images each say little.
    pub const MOST_CLASSES: usize = 2_048;

    /// Checks that the parts are a tree.
    ///
    /// # Errors
    /// A class or a merge that cannot be, named.
    pub fn new(parts: TreeParts) -> Result<Self, Refused> {
        check(&parts).map_err(|why| Refused::new("this is not a tree of classes").because(why))?;
        Ok(Self(parts))
    }

    /// The same for a copy of the model that has these weights.
    #[must_use]
    pub fn of_weights(self, weights: NamedWeights) -> Self {
        Self(TreeParts { weights, ..self.0 })
    }

    /// What it is made of.
    pub fn parts(&self) -> &TreeParts {
        &self.0
    }

    /// How many classes it has, one at least.
    pub fn classes(&self) -> usize {
        self.0.classes.len()
    }

    /// The classes that are left when so many merges are made that `classes` remain, each by its clusters, ascending.
    ///
    /// # Errors
    /// There are not so many classes, or none is to remain.
    pub fn cut(&self, classes: usize) -> Result<Vec<Vec<u32>>, Refused> {
        let all = self.classes();
        if !(1..=all).contains(&classes) {
            let why = match all {
                1 => "one class has images".to_owned(),
                _ => format!("{all} classes have images"),
            };
            let remedy =
                format!("give a number from 1 to {all}; for more classes, train with more --clusters");
            let what = format!("a cut cannot leave {classes} classes");
            return Err(Refused::new(what).because(why).remedy(remedy));
        }
        let alone = |one: &TreeClass| (one.class, vec![one.class]);
        let mut left: BTreeMap<u32, Vec<u32>> = self.0.classes.iter().map(alone).collect();
        for merge in &self.0.merges[..all - classes] {
            let gone = left.remove(&merge.of[1]).unwrap_or_default();
            left.entry(merge.of[0]).or_default().extend(gone);
        }
        Ok(left
            .into_values()
            .map(|mut members| {
                members.sort_unstable();
                members
            })
            .collect())
    }

    /// How many images these classes have together; those that are not in the tree have none.
    pub fn rows_of(&self, members: &[u32]) -> usize {
        let own = |member: &u32| self.0.classes.binary_search_by_key(member, |one| one.class).ok();
        members.iter().filter_map(own).map(|place| self.0.classes[place].rows).sum()
    }
}

/// Why the parts are not a tree.
fn check(parts: &TreeParts) -> Result<(), String> {
    let TreeParts { clusters, rows, classes, merges, estimate, .. } = parts;
    if u64::from(*clusters) > MOST_CLASSES {
        return Err(format!("it has {clusters} clusters, and at most {MOST_CLASSES} are believed"));
    }
    if classes.is_empty() || !classes.is_sorted_by(|a, b| a.class < b.class) {
        return Err("`classes` must have at least one class, each once and in ascending order".into());
    }
    if classes.len() > ClassTree::MOST_CLASSES {
        return Err(format!(
            "it has {} classes, and a tree has at most {}",
            classes.len(),
            ClassTree::MOST_CLASSES
        ));
    }
    if let Some(one) = classes.iter().find(|one| one.class >= *clusters || one.rows == 0) {
        return Err(match one.rows {
            0 => format!("class {} has no rows", one.class),
            _ => format!("class {} is not one of {clusters} clusters", one.class),
        });
    }
    let counted = classes.iter().try_fold(0usize, |sum, one| sum.checked_add(one.rows));
    if counted != Some(*rows) {
        return Err(format!("the rows of its classes do not add up to {rows}"));
    }
    if merges.len() + 1 != classes.len() {
        return Err(format!(
            "{} classes need {} merges, and it has {}",
            classes.len(),
            classes.len() - 1,
            merges.len()
        ));
    }
    let mut left: BTreeMap<u32, ()> = classes.iter().map(|one| (one.class, ())).collect();
    for (place, TreeMerge { of: [kept, gone], height }) in merges.iter().enumerate() {
        let bad = |why: &str| Err(format!("merge {place}, of {kept} and {gone}, {why}"));
        if kept >= gone {
            return bad("must name the smaller class first");
        }
        if !left.contains_key(kept) || left.remove(gone).is_none() {
            return bad("names a class that is not there, or was merged before");
        }
        if !(0.0..=1.0).contains(height) {
            return bad("has a height that is not a number from 0 to 1");
        }
    }
    if let Some(ClassEstimate { classes: found, range: (least, most), .. }) = estimate
        && (*found == 0 || least > most)
    {
        return Err(format!("the estimate of {found} classes, range {least} to {most}, cannot be"));
    }
    Ok(())
}
