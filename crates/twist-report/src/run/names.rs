//! `clusters.json`: what people call the classes, and which of them they merged.

use std::path::Path;

use twist_run::{ClusterCount, ClusterNames, Groups, NamedWeights, RunError, clusters_file};

use super::notes::Notes;

/// Names and merges, ready to be asked for every image.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    /// The names as they are kept, to change them.
    pub(crate) names: ClusterNames,
    groups: Groups,
}

impl Default for Naming {
    /// Nobody said anything, of no class.
    fn default() -> Self {
        Self::from(ClusterNames::new(0))
    }
}

impl From<ClusterNames> for Naming {
    fn from(names: ClusterNames) -> Self {
        Self { groups: names.groups(), names }
    }
}

impl Naming {
    /// The number of the class that output `cluster` is part of: its smallest part.
    pub(crate) fn group(&self, cluster: u32) -> u32 {
        self.groups.group_of(cluster).map_or(cluster, |group| group.class)
    }

    /// The two most probable classes of an image with their probabilities, from its most probable outputs.
    pub(crate) fn best_two(&self, outputs: &[(u32, f32)]) -> [(u32, f32); 2] {
        self.groups.best_two(outputs.iter().copied())
    }

    /// The outputs that make up class `number`.
    pub(crate) fn parts(&self, number: u32) -> Vec<u32> {
        self.groups.group_of(number).map_or_else(|| vec![number], |group| group.members.clone())
    }

    pub(crate) fn title(&self, number: u32) -> String {
        self.groups.group_of(number).map_or_else(|| format!("class {number}"), |group| group.name.clone())
    }

    /// Whether somebody gave class `number` its name.
    pub(crate) fn is_named(&self, number: u32) -> bool {
        self.groups.group_of(number).is_some_and(|group| group.named)
    }

    pub(crate) fn has_merges(&self) -> bool {
        !self.groups.is_plain()
    }

    /// The probability below which an image is in no class; 0 when nobody set one.
    pub(crate) fn unsure_below(&self) -> f64 {
        self.names.unsure().unwrap_or(0.0)
    }
}

/// Reads the names of the run in `folder`, whose network has `clusters` outputs and was evaluated with these `weights`; a file
/// that cannot be used becomes a note.
pub(super) fn read(
    folder: &Path,
    clusters: ClusterCount,
    weights: Option<NamedWeights>,
    notes: &mut Notes,
) -> Naming {
    let names = load(folder, clusters, weights).unwrap_or_else(|error| {
        notes.damaged(format!("Classes appear without their names: {error}."));
        ClusterNames::new(clusters.now)
    });
    names.into()
}

/// Reads the names of the run in `folder`.
///
/// # Errors
/// The file is damaged, of another model or of other weights, or cannot be read.
pub(crate) fn load(
    folder: &Path,
    clusters: ClusterCount,
    weights: Option<NamedWeights>,
) -> Result<ClusterNames, RunError> {
    ClusterNames::load_for(clusters_file(folder), clusters, weights)
}
