//! What people see of the clusters: groups of one or several, each with a name.

/// A discovered class as people see it: one cluster of the network, or several that were merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number: that of its smallest cluster.
    pub class: u32,
    /// Its clusters, ascending.
    pub members: Vec<u32>,
    /// Its name; "class N" when nobody gave one.
    pub name: String,
    /// Whether somebody gave the name.
    pub named: bool,
}

/// All groups of a model, and which one each cluster is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    groups: Vec<Group>,
    /// Position in `groups` of each cluster.
    of: Vec<usize>,
}

impl Groups {
    /// From groups that have every cluster of `0..clusters` exactly once.
    pub(super) fn new(mut groups: Vec<Group>, clusters: u32) -> Self {
        groups.sort_by_key(|group| group.class);
        let mut of = vec![0; clusters as usize];
        for (position, group) in groups.iter().enumerate() {
            for &member in &group.members {
                of[member as usize] = position;
            }
        }
        Self { groups, of }
    }

    /// The groups, ascending by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether the model has no clusters.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The group at a position of [`Groups::iter`].
    pub fn get(&self, position: usize) -> Option<&Group> {
        self.groups.get(position)
    }

    /// The position in [`Groups::iter`] of the group that has this cluster.
    pub fn position_of(&self, cluster: u32) -> Option<usize> {
        self.of.get(cluster as usize).copied()
    }

    /// The group that has this cluster.
    pub fn group_of(&self, cluster: u32) -> Option<&Group> {
        self.get(self.position_of(cluster)?)
    }

    /// Whether no cluster is merged with another, so that positions are cluster numbers.
    pub fn is_plain(&self) -> bool {
        self.groups.len() == self.of.len()
    }

    /// The probability of each group, in the order of [`Groups::iter`], from those of all clusters of one image: those of
    /// the members add up. Values beyond the clusters are passed over.
    pub fn probabilities(&self, clusters: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.groups.len()];
        for (probability, &position) in clusters.iter().zip(&self.of) {
            sums[position] += probability;
        }
        sums
    }

    /// The two most probable classes of an image by number, the better first, from some of its clusters with their
    /// probabilities, best first: those of the members of a group add up. A cluster beyond those of the model is a class of
    /// its own. Where all of `clusters` are one class, that is the second as well, with nothing left for it.
    pub fn best_two(&self, clusters: impl IntoIterator<Item = (u32, f32)>) -> [(u32, f32); 2] {
        let mut sums: Vec<(u32, f32)> = Vec::new();
        for (cluster, probability) in clusters {
            let class = self.group_of(cluster).map_or(cluster, |group| group.class);
            match sums.iter_mut().find(|(other, _)| *other == class) {
                Some((_, sum)) => *sum += probability,
                None => sums.push((class, probability)),
            }
        }
        sums.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: the first of equals stays the first
        let first = sums.first().copied().unwrap_or_default();
        [first, sums.get(1).copied().unwrap_or((first.0, 0.0))]
    }
}
