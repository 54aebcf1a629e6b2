//! How many classes there are, from features without labels, and which classes of a network are nearest.
//!
//! Rows are put into many small groups by k-means. Groups whose rows are neighbours are merged, until no
//! two are linked enough. The limits below which groups stay apart are fixed numbers, chosen on features of photographs; see
//! `docs/classes.md` for how far the answer can be trusted.
//!
//! The same links between rows say which classes of a trained network become one first when fewer are wanted (`classes.rs`).

mod classes;
mod space;
mod tree;

use tch::Tensor;

pub(crate) use self::classes::{ClassesOf, merge_tree};
pub(crate) use self::space::NeighbourScaling;
use self::space::{others, scaled_by_neighbours};
use self::tree::{Graph, Links, cut};
use crate::labels::{label_numbers, spread};
use crate::{EvalError, KMeans};

/// With fewer rows, nothing is estimated.
const LEAST_ROWS: usize = 60;
/// The estimate looks at this many rows, at most.
pub(crate) const MOST_ROWS: usize = 20_000;
/// Rows of a small group; the number of small groups at least and at most.
const ROWS_OF_GROUP: usize = 15;
const LEAST_GROUPS: usize = 8;
const MOST_GROUPS: usize = 800;
/// Neighbours of a row: one for so many rows, at least and at most. Neighbours of small classes must not run out.
const ROWS_OF_NEIGHBOUR: usize = 15;
const LEAST_NEIGHBOURS: usize = 8;
const MOST_NEIGHBOURS: usize = 25;
/// The ways of merging: the balance of [`Links::tree`], and the affinity below which groups stay apart. Each is tried with
/// multiples of its affinity: where classes are clear, the counts hardly differ.
const WAYS: [(f64, f64); 2] = [(0.0, 0.17), (0.25, 0.11)];
const MULTIPLES: [f64; 3] = [0.8, 1.0, 1.2];
/// Small groups are found so many times, with other seeds.
const TRIES: u64 = 2;
const ITERATIONS: u32 = 30;
/// A group that has less than this part of the average is a remainder and not a class.
const REMAINDER: f64 = 0.2;

/// The estimated number of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// The geometric mean of all tries, at least 2.
    pub estimate: usize,
    /// The smallest and the largest number of a try. Far apart, they say that no number of classes stands out.
    pub range: (usize, usize),
    /// Rows that were looked at.
    pub rows: usize,
}

impl ClassCount {
    /// Estimates the number of classes in `rows` `[N, D]`; equal rows give equal answers. `None` for too few rows, or for
    /// features without different rows.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn of(rows: &Tensor) -> Result<Option<Self>, EvalError> {
        match Looked::at(rows)? {
            Some(looked) => Self::in_looked(&looked),
            None => Ok(None),
        }
    }

    fn in_looked(looked: &Looked) -> Result<Option<Self>, EvalError> {
        let rows = looked.chosen.len();
        let clusters = (rows / ROWS_OF_GROUP).clamp(LEAST_GROUPS, MOST_GROUPS) as i64;
        let mut counts = Vec::new();
        for seed in 0..TRIES {
            let fit = KMeans { clusters, restarts: 1, iterations: ITERATIONS, seed }.fit(&looked.rows)?;
            let groups = label_numbers(&fit.assign(&looked.rows)?)?;
            let links = Links::new(&groups, &looked.graph);
            for (balance, affinity) in WAYS {
                let tree = links.tree(balance);
                let counted = |multiple| classes(&cut(links.sizes(), &tree, multiple * affinity));
                counts.extend(MULTIPLES.map(counted));
            }
        }
        Ok(Self::of_tries(&counts, rows))
    }

    fn of_tries(counts: &[usize], rows: usize) -> Option<Self> {
        let range = (*counts.iter().min()?, *counts.iter().max()?);
        let mean = counts.iter().map(|&count| (count as f64).ln()).sum::<f64>() / counts.len() as f64;
        Some(Self { estimate: (mean.exp().round() as usize).max(2), range, rows })
    }
}

/// The rows that are looked at.
struct Looked {
    /// Their places in the table, ascending.
    chosen: Vec<u32>,
    /// `[N, d]`, in the space in which they are compared.
    rows: Tensor,
    graph: Graph,
    /// Neighbours of each row.
    neighbours: usize,
}

impl Looked {
    /// `None` for too few rows.
    fn at(rows: &Tensor) -> Result<Option<Self>, EvalError> {
        let (len, _) = rows.size2()?;
        let chosen = spread(len as usize, MOST_ROWS);
        if chosen.len() < LEAST_ROWS {
            return Ok(None);
        }
        tch::no_grad(|| {
            let places: Vec<i64> = chosen.iter().copied().map(i64::from).collect();
            let rows = rows.f_index_select(0, &Tensor::f_from_slice(&places)?.f_to_device(rows.device())?)?;
            let rows = scaled_by_neighbours(&rows)?;
            let neighbours = (chosen.len() / ROWS_OF_NEIGHBOUR).clamp(LEAST_NEIGHBOURS, MOST_NEIGHBOURS);
            let graph = Graph::new(label_numbers(&others(&rows, neighbours)?.f_flatten(0, -1)?)?, neighbours);
            Ok(Some(Self { chosen, rows, graph, neighbours }))
        })
    }
}

/// Groups that are large enough for a class.
fn classes(sizes: &[f64]) -> usize {
    let mean = sizes.iter().sum::<f64>() / sizes.len().max(1) as f64;
    sizes.iter().filter(|&&rows| rows >= REMAINDER * mean).count()
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};
    use torch_ext::RandomNumbers;

    use super::*;

    /// Classes of these sizes around random directions of 48 numbers.
    fn rows(sizes: &[i64], noise: f64) -> Tensor {
        let _numbers = RandomNumbers::seeded(1);
        let options = (Kind::Float, Device::Cpu);
        let parts: Vec<Tensor> = sizes
            .iter()
            .map(|&size| Tensor::randn([1, 48], options) + Tensor::randn([size, 48], options) * noise)
            .collect();
        Tensor::cat(&parts, 0)
    }

    #[test]
    fn classes_of_equal_and_of_very_different_sizes_are_counted() {
        for sizes in [vec![60; 4], vec![40; 12], vec![300, 200, 100, 60, 40, 30], vec![50; 30], vec![900; 4]]
        {
            let found = ClassCount::of(&rows(&sizes, 0.6)).unwrap().unwrap();
            let off = (found.estimate as f64 / sizes.len() as f64).ln().abs();
            assert!(off <= 1.25f64.ln(), "{found:?} for {sizes:?}");
            assert!(found.range.0 <= found.estimate && found.estimate <= found.range.1);
        }
    }

    #[test]
    fn equal_rows_give_equal_answers_and_few_rows_none() {
        let rows = rows(&[50; 5], 0.6);
        assert_eq!(ClassCount::of(&rows).unwrap(), ClassCount::of(&rows).unwrap());
        assert_eq!(ClassCount::of(&rows.narrow(0, 0, 59)).unwrap(), None);
    }

    #[test]
    fn tries_are_averaged_as_ratios() {
        assert_eq!(
            ClassCount::of_tries(&[8, 32], 100),
            Some(ClassCount { estimate: 16, range: (8, 32), rows: 100 })
        );
        assert_eq!(ClassCount::of_tries(&[1, 1], 100).unwrap().estimate, 2);
        assert_eq!(classes(&[100.0, 90.0, 80.0, 9.0]), 3, "nine rows are less than a fifth of 69.75");
    }
}
