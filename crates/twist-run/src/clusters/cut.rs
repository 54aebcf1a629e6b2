//! Cutting the tree: classes are merged along it until so many remain.
//!
//! A cut decides which clusters with images are one class. What people did before stays where that allows it: a merge goes on
//! where all of its clusters are in one class of the cut, with its name; names of single clusters always do. Merges that an
//! earlier cut made and that nobody named give way. A class that a cut makes is called as the part with more than half of its images;
//! other names are hidden.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use twist_io::Refused;

use super::group::{Group, Groups};
use super::names::{ClusterNames, MadeBy, Merge};
use super::tree::ClassTree;
use crate::{RunError, folder};

/// What a cut changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// How many classes with images there were.
    pub before: usize,
    /// How many there are.
    pub now: usize,
    /// Classes of several clusters that were not one class.
    pub joined: Vec<Group>,
    /// Classes that are no longer one class, as they were.
    pub divided: Vec<Group>,
    /// Merges that people made or named and that could not stay, by their name or numbers.
    pub lost: Vec<String>,
    /// Names that are not seen any more, with the class that their class is part of now. They come back with a finer cut.
    pub hidden: Vec<(String, Group)>,
}

impl Cut {
    /// Whether all classes are what they were.
    pub fn is_nothing(&self) -> bool {
        self.joined.is_empty() && self.divided.is_empty()
    }
}

/// A merge of the history, with all clusters of its result.
struct Done {
    merge: Merge,
    members: BTreeSet<u32>,
}

impl Done {
    /// Whether a person made it, or named its result.
    fn is_own(&self) -> bool {
        !self.merge.cut || self.merge.name.is_some()
    }

    fn called(&self) -> String {
        let members: Vec<String> = self.members.iter().map(u32::to_string).collect();
        match &self.merge.name {
            Some(name) => format!("`{name}` ({})", members.join(", ")),
            None => format!("the merge of {}", members.join(", ")),
        }
    }
}

impl ClusterNames {
    /// How many classes have images, according to `tree`.
    pub fn classes_in(&self, tree: &ClassTree) -> usize {
        let groups = self.groups();
        let own = tree.parts().classes.iter().filter_map(|one| groups.position_of(one.class));
        own.collect::<BTreeSet<usize>>().len()
    }

    /// Merges classes along `tree`, or takes them apart, so that `classes` with images remain. Clusters without images stay as
    /// they are.
    ///
    /// # Errors
    /// There are not so many classes, or the tree is of another model; nothing is changed then.
    pub fn cut(&mut self, tree: &ClassTree, classes: usize) -> Result<Cut, Refused> {
        if tree.parts().clusters != self.clusters() {
            let what = format!(
                "the tree is of {} clusters, but the model has {}",
                tree.parts().clusters,
                self.clusters()
            );
            return Err(Refused::new(what));
        }
        let blocks = tree.cut(classes)?;
        let (before, had) = (self.groups(), self.classes_in(tree));
        let mut cut = self.clone();
        let lost;
        (cut.merges, lost) = staying(self.history(), &blocks);
        // A merge in one class of the cut changes nothing in the others.
        let groups = cut.groups();
        for block in &blocks {
            let parts: BTreeSet<usize> = block.iter().filter_map(|&one| groups.position_of(one)).collect();
            if parts.len() > 1 {
                let parts: Vec<&Group> = parts.into_iter().filter_map(|part| groups.get(part)).collect();
                let (of, by) = put_together(&parts, tree);
                cut.merge_by(&of, None, by)?;
            }
        }
        let after = cut.groups();
        let named = before.iter().filter(|group| group.named);
        let hidden = named.filter_map(|group| cut.hides(&group.name, &after)).collect();
        let (joined, divided) = (not_in(&before, &after), not_in(&after, &before));
        *self = cut;
        Ok(Cut { before: had, now: classes, joined, divided, lost, hidden })
    }

    /// A name that is kept and not seen in `groups`, with the class that it is in.
    fn hides(&self, name: &str, groups: &Groups) -> Option<(String, Group)> {
        let of_cluster = self.names.iter().find(|(_, own)| *own == name).map(|(&cluster, _)| cluster);
        let of_merge = || {
            let merge = self.merges.iter().find(|merge| merge.name.as_deref() == Some(name));
            merge.and_then(|merge| merge.of.first().copied())
        };
        let group = groups.group_of(of_cluster.or_else(of_merge)?)?;
        (group.name != name).then(|| (name.to_owned(), group.clone()))
    }

    /// Writes the names after this `cut`. Where a merge of a person was lost, the file before is kept beside `path`, as
    /// `clusters.replaced-1.json` or under the next number that is free; returns where.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn save_cut(&self, cut: &Cut, path: &Path) -> Result<Option<PathBuf>, RunError> {
        self.save_aside(!cut.lost.is_empty(), path)
    }

    /// Writes the names. Where something of a person is `lost`, the file before is kept as by [`ClusterNames::save_cut`]; returns
    /// where.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn save_aside(&self, lost: bool, path: &Path) -> Result<Option<PathBuf>, RunError> {
        let place = path.parent().zip(path.file_name().and_then(|name| name.to_str()));
        let aside = match place.filter(|_| lost) {
            Some((parent, name)) => Some(folder::keep_copy(parent, name)?),
            None => None,
        };
        self.save(path)?;
        Ok(aside)
    }

    /// Every merge with the clusters of its result.
    fn history(&self) -> Vec<Done> {
        let mut done: Vec<Done> = Vec::new();
        // The last merge that each cluster took part in.
        let mut last: BTreeMap<u32, usize> = BTreeMap::new();
        for merge in &self.merges {
            let part =
                |one: &u32| last.get(one).map_or_else(|| [*one].into(), |&at| done[at].members.clone());
            let members: BTreeSet<u32> = merge.of.iter().flat_map(part).collect();
            last.extend(members.iter().map(|&one| (one, done.len())));
            done.push(Done { merge: merge.clone(), members });
        }
        done
    }
}

/// How a cut makes one class of `parts`: the part that has more than half of the images comes first, and gives the class its name.
/// Where no such part has a name, the class has none: most of its images were never called so.
fn put_together(parts: &[&Group], tree: &ClassTree) -> (Vec<u32>, MadeBy) {
    let rows = |part: &Group| tree.rows_of(&part.members);
    let all: usize = parts.iter().map(|part| rows(part)).sum();
    let most = parts.iter().position(|part| part.named && 2 * rows(part) > all);
    let mut of: Vec<u32> = parts.iter().map(|part| part.class).collect();
    of[..=most.unwrap_or(0)].rotate_right(1);
    (of, MadeBy::Cut { unnamed: most.is_none() && parts.iter().any(|part| part.named) })
}

/// The merges that stay under these classes, and the own ones that do not. A merge that an earlier cut made stays only where an
/// own one is made of it.
fn staying(history: Vec<Done>, blocks: &[Vec<u32>]) -> (Vec<Merge>, Vec<String>) {
    let mut block_of = BTreeMap::new();
    for (place, block) in blocks.iter().enumerate() {
        block_of.extend(block.iter().map(|&one| (one, place)));
    }
    let fits = |done: &Done| {
        // Clusters without images are in no class of the cut, and go wherever they were merged to.
        let touched: BTreeSet<usize> =
            done.members.iter().filter_map(|one| block_of.get(one).copied()).collect();
        touched.len() < 2
    };
    let (fitting, not): (Vec<Done>, Vec<Done>) = history.into_iter().partition(fits);
    let stays = |place: usize| {
        let done = &fitting[place];
        done.is_own()
            || fitting[place + 1..]
                .iter()
                .any(|later| later.is_own() && later.members.is_superset(&done.members))
    };
    let merges = (0..fitting.len()).filter(|&place| stays(place)).map(|place| fitting[place].merge.clone());
    (merges.collect(), not.iter().filter(|done| done.is_own()).map(Done::called).collect())
}

/// The groups of `these` that are not a part of one in `others`.
fn not_in(others: &Groups, these: &Groups) -> Vec<Group> {
    let is_part = |group: &Group| {
        let other = others.group_of(group.class);
        other.is_some_and(|other| group.members.iter().all(|one| other.members.contains(one)))
    };
    these.iter().filter(|group| !is_part(group)).cloned().collect()
}
