//! Names and merges, and the operations on them.

use std::collections::{BTreeMap, HashMap};

use twist_io::{Refused, composed, label_read_of, printable};

use super::group::{Group, Groups};
use super::weights::NamedWeights;

/// Longest name in characters: it has to fit into tables and pictures.
const LONGEST: usize = 100;
/// Names that an error suggests.
const SUGGESTED: usize = 3;

/// What a person said of the K clusters of a model: names, merges, and the probability below which an image is unsure.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterNames {
    clusters: u32,
    /// Of clusters by themselves; hidden while they are merged into a group of another name.
    pub(super) names: BTreeMap<u32, String>,
    /// Oldest first. Each united at least two groups when it was made.
    pub(super) merges: Vec<Merge>,
    pub(super) unsure: Option<f64>,
    /// Those whose classes these are; files of older versions do not say it.
    pub(super) weights: Option<NamedWeights>,
}

/// One step of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Merge {
    /// One cluster of each group that it unites, in the order in which they were named.
    pub(super) of: Vec<u32>,
    /// The name of the result; `None`: that of the first named part, unless it is `unnamed`.
    pub(super) name: Option<String>,
    /// Whether a cut of the tree made it; as long as nobody names its result, the next cut may undo it.
    pub(super) cut: bool,
    /// Whether names of parts do not name the result: a cut puts parts together whatever they are called.
    pub(super) unnamed: bool,
}

/// Who makes a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MadeBy {
    Person,
    /// A cut of the tree, which may leave the result without the name of a part.
    Cut {
        unnamed: bool,
    },
}

impl Merge {
    pub(super) fn made_by(&self) -> MadeBy {
        if self.cut { MadeBy::Cut { unnamed: self.unnamed } } else { MadeBy::Person }
    }
}

/// A group while it is put together.
struct Part {
    members: Vec<u32>,
    name: Option<String>,
    /// Position of the merge that made it.
    merge: Option<usize>,
}

impl ClusterNames {
    /// A model's `clusters` classes as training left them: no names, no merges, no threshold.
    pub fn new(clusters: u32) -> Self {
        Self { clusters, names: BTreeMap::new(), merges: Vec::new(), unsure: None, weights: None }
    }

    /// How many clusters the model has.
    pub fn clusters(&self) -> u32 {
        self.clusters
    }

    /// Whether nobody said anything yet.
    pub fn is_untouched(&self) -> bool {
        !self.names_classes() && self.unsure.is_none()
    }

    /// Whether anything is said of single classes.
    pub fn names_classes(&self) -> bool {
        !(self.names.is_empty() && self.merges.is_empty())
    }

    /// The weights whose classes these are, where that is known.
    pub fn weights(&self) -> Option<&NamedWeights> {
        self.weights.as_ref()
    }

    /// Says whose classes these are.
    pub fn set_weights(&mut self, weights: NamedWeights) {
        self.weights = Some(weights);
    }

    // === Asking ===

    /// All groups.
    pub fn groups(&self) -> Groups {
        let mut parts = self.merged();
        let mut single = vec![true; self.clusters as usize];
        parts.iter().flat_map(|part| &part.members).for_each(|&member| single[member as usize] = false);
        parts.extend((0..self.clusters).filter(|&cluster| single[cluster as usize]).map(|c| self.single(c)));
        Groups::new(parts.into_iter().map(as_group).collect(), self.clusters)
    }

    /// The group that has this cluster. For many images, ask [`ClusterNames::groups`] once.
    ///
    /// # Errors
    /// The cluster does not exist.
    pub fn resolve(&self, cluster: u32) -> Result<Group, Refused> {
        Ok(as_group(self.part_of(cluster)?))
    }

    /// The name that somebody gave to one cluster, whether or not it is seen: a merged group may have another.
    pub fn own_name(&self, cluster: u32) -> Option<&str> {
        self.names.get(&cluster).map(String::as_str)
    }

    /// The group that `text` means: a number of one of its clusters, or its name.
    ///
    /// # Errors
    /// The class does not exist; names that look like it are suggested.
    pub fn find(&self, text: &str) -> Result<Group, Refused> {
        let text = &*composed(text.trim());
        if let Ok(cluster) = text.parse() {
            return self.resolve(cluster);
        }
        let groups = self.groups();
        if let Some(group) = groups.iter().find(|group| group.name == text) {
            return Ok(group.clone());
        }
        let edits = |name: &str| strsim::levenshtein(&name.to_lowercase(), &text.to_lowercase());
        let mut similar: Vec<(usize, &str)> = groups
            .iter()
            .filter(|group| group.named)
            .map(|group| (edits(&group.name), group.name.as_str()))
            .filter(|(edits, name)| *edits <= name.len().max(text.len()) / 3)
            .collect();
        similar.sort();
        let similar: Vec<&str> = similar.into_iter().take(SUGGESTED).map(|(_, name)| name).collect();
        Err(no_class(text, self.clusters, &similar))
    }

    /// The probability below which an image is unsure.
    pub fn unsure(&self) -> Option<f64> {
        self.unsure
    }

    // === Changing ===

    /// Calls the group that has this cluster `name`. Its default, "class N", takes a given name away.
    ///
    /// The name of a group that was merged belongs to the merge: the names of its parts come back when it is undone.
    ///
    /// # Errors
    /// The cluster does not exist, the name is taken, or it cannot be a name; nothing is changed then.
    pub fn rename(&mut self, cluster: u32, name: &str) -> Result<(), Refused> {
        let part = self.part_of(cluster)?;
        let name = self.allowed(name, &part.members)?;
        match (part.merge, name) {
            (Some(merge), name) => self.merges[merge].name = name,
            (None, Some(name)) => drop(self.names.insert(cluster, name)),
            (None, None) => drop(self.names.remove(&cluster)),
        }
        Ok(())
    }

    /// Unites the groups that these clusters are in, and returns the result. Without a name it is called as the first
    /// named one of them.
    ///
    /// # Errors
    /// They are one group already, and as [`ClusterNames::rename`]; nothing is changed then.
    pub fn merge(&mut self, clusters: &[u32], name: Option<&str>) -> Result<Group, Refused> {
        self.merge_by(clusters, name, MadeBy::Person)
    }

    /// As [`ClusterNames::merge`], whoever does it.
    pub(super) fn merge_by(
        &mut self,
        clusters: &[u32],
        name: Option<&str>,
        by: MadeBy,
    ) -> Result<Group, Refused> {
        let merged = self.merged();
        let (mut of, mut members): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for &cluster in clusters {
            self.exists(cluster)?;
            if !members.contains(&cluster) {
                match merged.iter().find(|part| part.members.contains(&cluster)) {
                    Some(part) => members.extend(&part.members),
                    None => members.push(cluster),
                }
                of.push(cluster);
            }
        }
        let [first, _, ..] = of[..] else {
            let given: Vec<String> = clusters.iter().map(u32::to_string).collect();
            let given = if given.is_empty() { "none".to_owned() } else { given.join(", ") };
            return Err(Refused::new(format!(
                "a merge needs two classes that are not merged yet; got {given}"
            )));
        };
        let name = match name {
            Some(name) => self.allowed(name, &members)?,
            None => None,
        };
        let (cut, unnamed) = (by != MadeBy::Person, by == MadeBy::Cut { unnamed: true });
        self.merges.push(Merge { of, name, cut, unnamed });
        self.resolve(first)
    }

    /// Makes sure that the group that has this cluster is made of `members`, in whichever order.
    ///
    /// # Errors
    /// It is another one, as after others merged or took apart something meanwhile; the cluster does not exist.
    pub fn expect(&self, cluster: u32, members: &[u32]) -> Result<(), Refused> {
        let (mut now, mut seen) = (self.part_of(cluster)?.members, members.to_vec());
        now.sort_unstable();
        seen.sort_unstable();
        if now == seen {
            return Ok(());
        }
        let why = "someone merged it or undid a merge in the meantime; look at it again";
        Err(Refused::new(format!("class {cluster} has changed since you saw it")).because(why))
    }

    /// Undoes the last merge of the group that has this cluster; what it was made of comes back with its names.
    ///
    /// # Errors
    /// It is not merged; the cluster does not exist.
    pub fn unmerge(&mut self, cluster: u32) -> Result<(), Refused> {
        let part = self.part_of(cluster)?;
        let merge = part
            .merge
            .ok_or_else(|| Refused::new(format!("class {cluster} is not merged with any other")))?;
        self.merges.remove(merge);
        Ok(())
    }

    /// Sets the probability below which an image is unsure; `None`: no image is.
    ///
    /// # Errors
    /// It is not a probability.
    pub fn set_unsure(&mut self, threshold: Option<f64>) -> Result<(), Refused> {
        match threshold {
            Some(got) if !(0.0..=1.0).contains(&got) => Err(Refused::new(format!(
                "the threshold for unsure images must be a probability from 0 to 1; got {got}"
            ))),
            _ => {
                self.unsure = threshold;
                Ok(())
            }
        }
    }

    /// The same for classes that have other numbers, with what went on and what did not: each name, and each merge by its name
    /// or numbers. A merge goes on with all of its parts.
    pub(super) fn renumbered(&self, numbers: &HashMap<u32, u32>) -> (Self, Vec<String>, Vec<String>) {
        let mut new = Self { unsure: self.unsure, ..Self::new(self.clusters) };
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for (cluster, name) in &self.names {
            let named = numbers.get(cluster).is_some_and(|number| new.rename(*number, name).is_ok());
            if named { &mut kept } else { &mut lost }.push(format!("`{name}`"));
        }
        // Clusters whose merge did not go on: what was made of it later does not either.
        let mut apart: Vec<u32> = Vec::new();
        for merge in &self.merges {
            let numbers: Option<Vec<u32>> = merge.of.iter().map(|old| numbers.get(old).copied()).collect();
            let whole = numbers.filter(|_| !merge.of.iter().any(|old| apart.contains(old)));
            let merged = whole.is_some_and(|numbers| {
                new.merge_by(&numbers, merge.name.as_deref(), merge.made_by()).is_ok()
            });
            if !merged {
                apart.extend(&merge.of);
            }
            let of: Vec<String> = merge.of.iter().map(u32::to_string).collect();
            let called = merge
                .name
                .as_ref()
                .map_or_else(|| format!("the merge of {}", of.join(", ")), |name| format!("`{name}`"));
            if merged { &mut kept } else { &mut lost }.push(called);
        }
        (new, kept, lost)
    }

    /// The same for a model that has more classes behind these: `clusters` in all.
    #[must_use]
    pub fn of_more(&self, clusters: u32) -> Self {
        Self { clusters: clusters.max(self.clusters), ..self.clone() }
    }

    /// The same for a model that has only the first `clusters` of these classes, and what is lost: each name, and each merge by
    /// its name or numbers.
    pub fn of_first(&self, clusters: u32) -> (Self, Vec<String>) {
        let (mut first, _, lost) = self.renumbered(&(0..clusters).map(|class| (class, class)).collect());
        (first.clusters, first.weights) = (clusters, self.weights.clone());
        (first, lost)
    }

    // === Inside ===

    /// The groups that merges made: the history played from its beginning.
    fn merged(&self) -> Vec<Part> {
        let mut parts: Vec<Option<Part>> = Vec::new();
        let mut place: BTreeMap<u32, usize> = BTreeMap::new();
        for (position, merge) in self.merges.iter().enumerate() {
            let mut whole = Part { members: Vec::new(), name: merge.name.clone(), merge: Some(position) };
            for &cluster in &merge.of {
                let part = place.get(&cluster).and_then(|&at| parts[at].take());
                let part = part.unwrap_or_else(|| self.single(cluster));
                whole.members.extend(part.members);
                whole.name = whole.name.or(part.name.filter(|_| !merge.unnamed));
            }
            place.extend(whole.members.iter().map(|&member| (member, parts.len())));
            parts.push(Some(whole));
        }
        parts.into_iter().flatten().collect()
    }

    /// A cluster by itself.
    fn single(&self, cluster: u32) -> Part {
        Part { members: vec![cluster], name: self.names.get(&cluster).cloned(), merge: None }
    }

    fn exists(&self, cluster: u32) -> Result<(), Refused> {
        match cluster < self.clusters {
            true => Ok(()),
            false => Err(no_class(&cluster.to_string(), self.clusters, &[])),
        }
    }

    fn part_of(&self, cluster: u32) -> Result<Part, Refused> {
        self.exists(cluster)?;
        let merged = self.merged().into_iter().find(|part| part.members.contains(&cluster));
        Ok(merged.unwrap_or_else(|| self.single(cluster)))
    }

    /// The name that the group of these members may have; `None` for its default.
    ///
    /// A name must be free of every other group, hidden names included, because a merge can be undone.
    fn allowed(&self, name: &str, members: &[u32]) -> Result<Option<String>, Refused> {
        let name = &*composed(name.trim());
        let bad = |why: &str| Refused::new(format!("`{name}` cannot be the name of a class")).because(why);
        if name.is_empty() {
            return Err(bad("it is empty"));
        }
        if name.chars().count() > LONGEST {
            return Err(bad("it is longer than 100 characters"));
        }
        if printable(name) != name {
            return Err(bad(
                "it has line breaks or invisible characters, such as those that change the direction of writing",
            ));
        }
        if name.bytes().all(|byte| byte.is_ascii_digit()) || name.parse::<u32>().is_ok() {
            return Err(bad("it would be taken for the number of a class; add a word"));
        }
        match label_read_of(name) {
            None => return Err(bad("it means \"no label\" in a file of labels; add a word")),
            Some(read) if read != name => {
                return Err(bad(&format!("a file of labels with it would be read as `{read}`; add a word")));
            }
            Some(_) => {}
        }
        if let Some(number) = name.strip_prefix("class ").filter(|number| number.parse::<u32>().is_ok()) {
            let own = members.iter().min().is_some_and(|least| least.to_string() == number);
            return if own {
                Ok(None)
            } else {
                Err(bad("it is reserved for unnamed classes; choose another name"))
            };
        }
        let of_clusters = self.names.iter().map(|(&cluster, known)| (cluster, known));
        let of_merges =
            self.merges.iter().filter_map(|merge| Some((*merge.of.first()?, merge.name.as_ref()?)));
        match of_clusters
            .chain(of_merges)
            .find(|(cluster, known)| *known == name && !members.contains(cluster))
        {
            Some((class, _)) => {
                let what = format!("`{name}` is already the name of class {class}");
                Err(Refused::new(what).remedy("choose another one, or merge the two"))
            }
            None => Ok(Some(name.to_owned())),
        }
    }
}

/// The class that was asked for, by number or name, is not one of so many.
fn no_class(given: &str, clusters: u32, similar: &[&str]) -> Refused {
    let hint = if similar.is_empty() {
        String::new()
    } else {
        format!("; did you mean `{}`?", similar.join("` or `"))
    };
    let why = format!("the classes are 0 to {}{hint}", clusters.saturating_sub(1));
    Refused::new(format!("class `{given}` does not exist")).because(why)
}

fn as_group(part: Part) -> Group {
    let Part { mut members, name, .. } = part;
    members.sort_unstable();
    let class = members.first().copied().unwrap_or_default();
    let named = name.is_some();
    Group { class, members, name: name.unwrap_or_else(|| format!("class {class}")), named }
}
