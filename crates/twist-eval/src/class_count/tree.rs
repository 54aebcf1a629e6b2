//! Small groups of rows merged into larger ones, the nearest first.

/// Rows and their neighbours, linked by weights.
#[derive(Debug)]
pub(super) struct Graph {
    /// Row `i` has the `k` neighbours from `i * k` on.
    neighbours: Vec<u32>,
    k: usize,
    /// Of each neighbour, 1/k on average.
    weights: Vec<f64>,
}

impl Graph {
    /// The more neighbours two rows have in common, the more their link weighs (Jarvis & Patrick, 1973): links inside of
    /// a class gain, those between classes lose.
    pub(super) fn new(neighbours: Vec<u32>, k: usize) -> Self {
        let mut seen_by = vec![u32::MAX; neighbours.len() / k.max(1)];
        let mut weights = Vec::with_capacity(neighbours.len());
        for (row, near) in neighbours.chunks_exact(k).enumerate() {
            let with = row as u32;
            near.iter().chain([&with]).for_each(|&one| seen_by[one as usize] = with);
            weights.extend(near.iter().map(|&other| {
                let of_other = &neighbours[other as usize * k..][..k];
                let common = of_other.iter().chain([&other]).filter(|&&one| seen_by[one as usize] == with);
                common.count() as f64
            }));
        }
        let rows = seen_by.len() as f64;
        let total: f64 = weights.iter().sum();
        // A neighbour is common to itself, so no total is 0.
        weights.iter_mut().for_each(|weight| *weight *= rows / total);
        Self { neighbours, k, weights }
    }

    fn links(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let places = self.neighbours.iter().zip(&self.weights).enumerate();
        places.map(|(place, (&other, &weight))| (place / self.k, other as usize, weight))
    }
}

/// How strongly groups are linked by rows that are neighbours.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// `[K, K]`, symmetric: the weights of the links from rows of one group to neighbours in the other, 1 a row on average.
    between: Vec<f64>,
    /// Rows of each group.
    sizes: Vec<f64>,
}

/// Two groups become one; a group is called after its first member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Merge {
    pub(super) kept: usize,
    pub(super) gone: usize,
    /// How near they were, see [`Links::tree`].
    pub(super) affinity: f64,
}

impl Links {
    /// `group` is that of each row.
    pub(super) fn new(group: &[u32], graph: &Graph) -> Self {
        let count = group.iter().max().map_or(0, |&last| last as usize + 1);
        let (mut between, mut sizes) = (vec![0.0; count * count], vec![0.0; count]);
        group.iter().for_each(|&own| sizes[own as usize] += 1.0);
        for (row, other, weight) in graph.links() {
            let (one, other) = (group[row] as usize, group[other] as usize);
            between[one * count + other] += weight / 2.0;
            between[other * count + one] += weight / 2.0;
        }
        Self { between, sizes }
    }

    pub(super) fn sizes(&self) -> &[f64] {
        &self.sizes
    }

    /// Merges until one group is left, the pair with the highest affinity first. The affinity is the weight of all links
    /// between two groups, divided by `s^(1-balance) l^balance`, where `s ≤ l` are the weights of the links inside of them.
    ///
    /// Compared with the links inside, the parts of one class are near however many they are. With `balance` 0, a small
    /// group joins whatever it is linked with most, so that one large group may swallow all others; with more, groups of
    /// equal sizes are preferred.
    pub(super) fn tree(&self, balance: f64) -> Vec<Merge> {
        let mut groups = Groups { links: self.clone(), alive: vec![true; self.sizes.len()], balance };
        let mut best: Vec<Option<(f64, usize)>> =
            (0..self.sizes.len()).map(|one| groups.nearest(one)).collect();
        let mut merges = Vec::new();
        while let Some((affinity, kept, gone)) = best
            .iter()
            .enumerate()
            .filter_map(|(one, &best)| best.map(|(affinity, other)| (affinity, one, other)))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        {
            merges.push(Merge { kept, gone, affinity });
            groups.merge(kept, gone);
            best[gone] = None;
            best[kept] = groups.nearest(kept);
            for (one, best) in best.iter_mut().enumerate().filter(|&(one, _)| one != kept) {
                let Some((affinity, other)) = *best else { continue };
                let now = groups.affinity(one, kept);
                if other == kept || other == gone {
                    *best = groups.nearest(one);
                } else if now > affinity {
                    *best = Some((now, kept));
                }
            }
        }
        merges
    }
}

/// The sizes of the groups that are left when every merge of at least this `affinity` is made, up to the first that has
/// less.
pub(super) fn cut(sizes: &[f64], tree: &[Merge], affinity: f64) -> Vec<f64> {
    let mut left: Vec<f64> = sizes.to_vec();
    for merge in tree.iter().take_while(|merge| merge.affinity >= affinity) {
        left[merge.kept] += left[merge.gone];
        left[merge.gone] = 0.0;
    }
    left.retain(|&rows| rows > 0.0);
    left
}

/// What is left on the way up the tree.
struct Groups {
    links: Links,
    alive: Vec<bool>,
    balance: f64,
}

impl Groups {
    fn affinity(&self, one: usize, other: usize) -> f64 {
        let (links, count) = (&self.links.between, self.alive.len());
        let inside = [one, other].map(|group| links[group * count + group]);
        let (small, large) = (inside[0].min(inside[1]), inside[0].max(inside[1]));
        let between = links[one * count + other];
        // Rows without a neighbour in their own group belong to the others first of all.
        if between == 0.0 {
            0.0
        } else {
            between / (small.powf(1.0 - self.balance) * large.powf(self.balance))
        }
    }

    /// The other group with the highest affinity; of equals the first.
    fn nearest(&self, one: usize) -> Option<(f64, usize)> {
        let others = (0..self.alive.len()).filter(|&other| other != one && self.alive[other]);
        others
            .map(|other| (self.affinity(one, other), other))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
    }

    fn merge(&mut self, kept: usize, gone: usize) {
        let count = self.alive.len();
        let between = &mut self.links.between;
        // Both directions of the links between the two are inside of the merged one.
        let inside =
            between[kept * count + kept] + between[gone * count + gone] + 2.0 * between[kept * count + gone];
        for other in 0..count {
            let of_gone = between[gone * count + other];
            between[kept * count + other] += of_gone;
            between[other * count + kept] = between[kept * count + other];
        }
        between[kept * count + kept] = inside;
        self.alive[gone] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six groups of four rows; rows of a pair of groups mix, and pairs touch.
    fn three_pairs() -> Links {
        let group: Vec<u32> = (0..24).map(|row| row / 4).collect();
        let near = |row: u32| (1..4).map(move |step| row / 8 * 8 + (row % 8 + step * 2) % 8);
        let mut links = Links::new(&group, &Graph::new((0..24).flat_map(near).collect(), 3));
        for (one, other) in [(1, 2), (3, 4)] {
            links.between[one * 6 + other] += 0.1;
            links.between[other * 6 + one] += 0.1;
        }
        links
    }

    #[test]
    fn links_weigh_by_common_neighbours_and_one_for_a_row_on_average() {
        // Rows 0, 1 and 2 know only each other; row 3 knows two of them and nobody knows it.
        let graph = Graph::new(vec![1, 2, 0, 2, 0, 1, 0, 1], 2);
        // Common to 0 and 1: 0, 1 and 2. Common to 3 and 0: 0 and 1.
        let scale = 4.0 / (6.0 * 3.0 + 2.0 * 2.0);
        let expected = [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0, 2.0].map(|common| common * scale);
        assert!(graph.weights.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{graph:?}");
    }

    #[test]
    fn groups_that_mix_are_merged_before_those_that_touch() {
        let links = three_pairs();
        assert_eq!(links.sizes(), [4.0; 6]);
        let total: f64 = links.between.iter().sum();
        assert!((total - 24.0 - 0.4).abs() < 1e-9, "a row gives one in all: {total}");
        for balance in [0.0, 0.25, 0.5] {
            let tree = links.tree(balance);
            let pairs: Vec<(usize, usize)> = tree.iter().map(|merge| (merge.kept, merge.gone)).collect();
            assert_eq!(pairs[..3], [(0, 1), (2, 3), (4, 5)], "{balance}");
            assert_eq!(tree.len(), 5, "until one is left");
            assert!(tree[2].affinity > 0.5 && tree[3].affinity < 0.03, "{tree:?}");
            assert_eq!(cut(links.sizes(), &tree, 0.1), [8.0; 3]);
            assert_eq!(cut(links.sizes(), &tree, 2.0), [4.0; 6]);
            assert_eq!(cut(links.sizes(), &tree, 0.0), [24.0]);
        }
    }

    #[test]
    fn the_balance_says_how_much_a_large_group_takes() {
        // Links of 1 and 99 inside, and 0.5 between; of 50 and 50, and 12 between.
        let mut between = vec![0.0; 16];
        for (group, inside) in [1.0, 99.0, 50.0, 50.0].into_iter().enumerate() {
            between[group * 5] = inside;
        }
        for (one, other, links) in [(0usize, 1usize, 0.5), (2, 3, 12.0)] {
            between[one * 4 + other] = links;
            between[other * 4 + one] = links;
        }
        let links = Links { between, sizes: vec![1.0, 99.0, 50.0, 50.0] };
        let first = |balance| {
            let Merge { kept, gone, affinity } = links.tree(balance)[0];
            (kept, gone, (affinity * 1e6).round() / 1e6)
        };
        assert_eq!(first(0.0), (0, 1, 0.5));
        assert_eq!(first(0.5), (2, 3, 0.24));
    }

    #[test]
    fn what_is_merged_has_the_links_of_both() {
        // Three groups in a row: 8 inside of each, 4 between neighbours. Merged, two have 8 + 8 + 2 · 4 inside.
        let links = Links {
            between: vec![8.0, 4.0, 0.0, 4.0, 8.0, 4.0, 0.0, 4.0, 8.0],
            sizes: vec![12.0, 16.0, 12.0],
        };
        let affinities: Vec<f64> = links.tree(1.0).iter().map(|merge| merge.affinity).collect();
        assert_eq!(affinities, [0.5, 4.0 / 24.0]);
    }

    #[test]
    fn nothing_and_one_group_have_no_tree() {
        assert_eq!(Links::new(&[], &Graph::new(Vec::new(), 3)).tree(0.0), []);
        assert_eq!(Links::new(&[0, 0], &Graph::new(vec![1, 0], 1)).tree(0.0), []);
    }
}
