//! Which classes of a trained network become one first when fewer are wanted.

use tch::Tensor;
use twist_run::{ClassEstimate, ClassTree, NamedWeights, TreeClass, TreeMerge, TreeParts};

use super::tree::{Links, Merge};
use super::{ClassCount, LEAST_ROWS, Looked};
use crate::EvalError;

/// The balance of [`Links::tree`]: parts of classes are of very different sizes.
const BALANCE: f64 = 0.25;
/// Digits of a height.
const DIGITS: f64 = 1e6;

/// The classes of rows.
pub(crate) struct ClassesOf<'a> {
    /// The most probable class of each row.
    pub(crate) classes: &'a [u32],
    /// Clusters of the network.
    pub(crate) clusters: u32,
    /// Those of the network.
    pub(crate) weights: &'a NamedWeights,
    /// Which images the rows are of, in words.
    pub(crate) images: &'a str,
}

/// The merge tree of classes, from the links between `rows` `[N, D]`; equal rows and classes give equal trees. The affinity is
/// that of [`ClassCount`], between classes instead of small groups. Beside it stands the number of classes that the rows show.
/// Where there is no tree, why.
///
/// # Errors
/// libtorch's own.
pub(crate) fn merge_tree(rows: &Tensor, of: &ClassesOf<'_>) -> Result<Result<ClassTree, String>, EvalError> {
    let Some(looked) = Looked::at(rows)? else {
        let (rows, _) = rows.size2()?;
        return Ok(Err(format!("{rows} {} were looked at, and a tree needs {LEAST_ROWS}", of.images)));
    };
    let class_of = |&place: &u32| of.classes[place as usize];
    let mut used: Vec<u32> = looked.chosen.iter().map(class_of).collect();
    used.sort_unstable();
    used.dedup();
    if used.len() > ClassTree::MOST_CLASSES {
        return Ok(Err(format!(
            "{} classes have images, and a tree has at most {}",
            used.len(),
            ClassTree::MOST_CLASSES
        )));
    }
    // The class of every row is among them.
    let place = |class: u32| used.partition_point(|&other| other < class) as u32;
    let groups: Vec<u32> = looked.chosen.iter().map(|row| place(class_of(row))).collect();
    let links = Links::new(&groups, &looked.graph);
    let leaf = |(&class, &rows): (&u32, &f64)| TreeClass { class, rows: rows as usize };
    let merge =
        |Merge { kept, gone, affinity }| TreeMerge { of: [used[kept], used[gone]], height: height(affinity) };
    let estimate = ClassCount::in_looked(&looked)?;
    let tree = ClassTree::new(TreeParts {
        clusters: of.clusters,
        weights: of.weights.clone(),
        of: of.images.to_owned(),
        rows: looked.chosen.len(),
        neighbours: looked.neighbours,
        classes: used.iter().zip(links.sizes()).map(leaf).collect(),
        merges: links.tree(BALANCE).into_iter().map(merge).collect(),
        estimate: estimate.map(|ClassCount { estimate, range, rows }| ClassEstimate {
            classes: estimate,
            range,
            rows,
        }),
    });
    Ok(Ok(tree?))
}

/// 1 for classes without links, 0 for one whose rows are linked with the other only.
fn height(affinity: f64) -> f64 {
    ((1.0 / (1.0 + affinity)) * DIGITS).round() / DIGITS
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};
    use torch_ext::RandomNumbers;

    use super::*;

    fn weights() -> NamedWeights {
        NamedWeights::Step { step: 7, hash: Some("ab".into()) }
    }

    /// Four clouds of 40 rows, the first two near each other, as a head with twelve outputs says them: the first cloud is
    /// outputs 1 and 9, the others are 4, 6 and 7.
    fn rows() -> (Tensor, Vec<u32>) {
        let _numbers = RandomNumbers::seeded(5);
        let options = (Kind::Float, Device::Cpu);
        let centres = Tensor::randn([4, 32], options);
        let near = centres.get(0) + Tensor::randn([32], options) * 0.9;
        centres.get(1).copy_(&near);
        let clouds: Vec<Tensor> = (0..4)
            .map(|cloud| centres.get(cloud).unsqueeze(0) + Tensor::randn([40, 32], options) * 0.6)
            .collect();
        let class = |row: u32| match row / 40 {
            0 => [1, 9][row as usize % 2],
            cloud => [4, 6, 7][cloud as usize - 1],
        };
        (Tensor::cat(&clouds, 0), (0..160).map(class).collect())
    }

    #[test]
    fn parts_of_a_class_are_merged_first_and_near_classes_next() {
        let (rows, classes) = rows();
        let of =
            ClassesOf { classes: &classes, clusters: 12, weights: &weights(), images: "training images" };
        let tree = merge_tree(&rows, &of).unwrap().unwrap();
        let parts = tree.parts();
        let sizes: Vec<(u32, usize)> = parts.classes.iter().map(|one| (one.class, one.rows)).collect();
        assert_eq!(sizes, [(1, 20), (4, 40), (6, 40), (7, 40), (9, 20)]);
        assert_eq!((parts.merges[0].of, parts.merges[1].of), ([1, 9], [1, 4]), "{parts:?}");
        assert!(parts.merges[0].height < 0.6 && parts.merges[2].height > 0.8, "{parts:?}");
        assert_eq!((parts.rows, parts.neighbours, &parts.weights), (160, 10, &weights()));
        let estimate = parts.estimate.unwrap();
        assert!((3..=5).contains(&estimate.classes) && estimate.rows == 160, "{estimate:?}");
        assert_eq!(merge_tree(&rows, &of).unwrap().unwrap(), tree, "equal rows give equal trees");
    }

    #[test]
    fn a_tree_that_is_left_out_says_why() {
        let (rows, classes) = rows();
        let of =
            ClassesOf { classes: &classes, clusters: 12, weights: &weights(), images: "held-out images" };
        let few = merge_tree(&rows.narrow(0, 0, 59), &of).unwrap().unwrap_err();
        assert_eq!(few, "59 held-out images were looked at, and a tree needs 60");
        let rows = Tensor::arange(6_147, (Kind::Float, Device::Cpu)).view([2_049, 3]);
        let classes: Vec<u32> = (0..2_049).collect();
        let of =
            ClassesOf { classes: &classes, clusters: 4_096, weights: &weights(), images: "training images" };
        let many = merge_tree(&rows, &of).unwrap().unwrap_err();
        assert_eq!(many, "2049 classes have images, and a tree has at most 2048");
    }

    #[test]
    fn heights_are_finite() {
        assert_eq!([f64::INFINITY, 3.0, 0.0].map(height), [0.0, 0.25, 1.0]);
        // Each row of the two classes has all its neighbours in the other one.
        let rows = Tensor::ones([80, 4], (Kind::Float, Device::Cpu));
        let classes: Vec<u32> = (0..80).collect();
        let of =
            ClassesOf { classes: &classes, clusters: 80, weights: &weights(), images: "training images" };
        let tree = merge_tree(&rows, &of).unwrap().unwrap();
        assert_eq!(tree.parts().merges.len(), 79);
    }
}
