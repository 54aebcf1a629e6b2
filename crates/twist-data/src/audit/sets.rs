//! Which images belong together: disjoint sets that are joined (Tarjan 1975).

/// Sets of the numbers `0..len`, at first each alone.
pub(super) struct DisjointSets(Vec<u32>);

impl DisjointSets {
    pub(super) fn new(len: usize) -> Self {
        Self((0..len as u32).collect())
    }

    /// The smallest number of the set that holds `number`.
    pub(super) fn root(&mut self, number: usize) -> usize {
        let mut number = number;
        while self.0[number] as usize != number {
            // Half of the way is cut off for the next one.
            self.0[number] = self.0[self.0[number] as usize];
            number = self.0[number] as usize;
        }
        number
    }

    /// Joins the sets of two numbers.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b) as u32;
    }

    /// The root of every number.
    pub(super) fn roots(&mut self) -> Vec<usize> {
        (0..self.0.len()).map(|number| self.root(number)).collect()
    }

    /// The sets of more than one number: each ascending, in the order of their smallest numbers.
    pub(super) fn groups(mut self) -> Vec<Vec<usize>> {
        let mut members = std::collections::BTreeMap::<usize, Vec<usize>>::new();
        for (number, root) in self.roots().into_iter().enumerate() {
            members.entry(root).or_default().push(number);
        }
        members.into_values().filter(|group| group.len() > 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_sets() {
        let mut sets = DisjointSets::new(7);
        [(5, 3), (1, 6), (3, 0), (6, 6)].iter().for_each(|&(a, b)| sets.join(a, b));
        assert_eq!(sets.roots(), [0, 1, 2, 0, 4, 0, 1]);
        assert_eq!(sets.groups(), [vec![0, 3, 5], vec![1, 6]]);
    }
}
