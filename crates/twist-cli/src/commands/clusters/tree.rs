//! `twist clusters MODEL tree`: which classes become one first when fewer are wanted.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use twist_eval::ClassCount;
use twist_io::printable;
use twist_run::{ClassEstimate, ClassTree, ClusterNames, Group, Groups, TreeClass, TreeMerge};

use crate::head_auto::estimate_in_words;
use crate::names::Named;
use crate::talk::{Talk, to_stdout};

const HELP: &str = "\
Examples:
  twist clusters runs/demo-1 tree
  twist clusters runs/demo-1 tree --json

A line that begins with a height stands for the two classes below it, which become one. \"One class
from 12 down\" means: when 12 classes or fewer are left. The height is 0 if all neighbours of one
class are in the other, and 1 if none are.";

/// Show which classes become one first when fewer are wanted
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A place in the tree.
struct Node {
    rows: usize,
    /// Its smallest cluster.
    class: u32,
    /// Ascending.
    members: Vec<u32>,
    /// Of two that became one: both, the larger one first, with the height and how many classes are left.
    made: Option<([usize; 2], f64, usize)>,
}

pub(super) fn run(args: &Args, model: &Path, talk: &Talk) -> anyhow::Result<()> {
    let named = Named::open(model, talk)?;
    let tree = named.tree(model)?;
    if args.json {
        return Ok(to_stdout(serde_json::to_string_pretty(&as_json(&tree, &named.names))?)?);
    }
    for line in for_people(&tree, &named.names) {
        to_stdout(line)?;
    }
    Ok(())
}

/// The estimate in words.
pub(super) fn estimate(found: ClassEstimate) -> String {
    let ClassEstimate { classes, range, rows } = found;
    estimate_in_words(ClassCount { estimate: classes, range, rows })
}

fn as_json(tree: &ClassTree, names: &ClusterNames) -> Value {
    let parts = tree.parts();
    let class = |one: &TreeClass| json!({ "cluster": one.class, "name": names.own_name(one.class), "rows": one.rows });
    let merge = |(place, merge): (usize, &TreeMerge)| json!({ "of": merge.of, "height": merge.height, "classes": tree.classes() - place - 1 });
    json!({
        "clusters": parts.clusters,
        "weights": parts.weights,
        "images": parts.of,
        "rows": parts.rows,
        "neighbours": parts.neighbours,
        "classes": parts.classes.iter().map(class).collect::<Vec<Value>>(),
        "merges": parts.merges.iter().enumerate().map(merge).collect::<Vec<Value>>(),
        "estimate": parts.estimate,
        "classes_now": names.classes_in(tree),
    })
}

fn for_people(tree: &ClassTree, names: &ClusterNames) -> Vec<String> {
    let parts = tree.parts();
    let nodes = nodes(tree);
    let groups = names.groups();
    let mut lines = Vec::new();
    let root = nodes.len().saturating_sub(1);
    // What is still to be shown: a place, what stands before its line, and before those below it.
    let mut left = vec![(root, String::new(), String::new())];
    while let Some((place, lead, below)) = left.pop() {
        let node = &nodes[place];
        lines.push(format!("{lead}{}", line(node, tree, names, &groups)));
        if let Some(([first, second], ..)) = node.made {
            left.push((second, format!("{below}└─ "), format!("{below}   ")));
            left.push((first, format!("{below}├─ "), format!("{below}│  ")));
        }
    }
    lines.push(String::new());
    lines.push(format!(
        "{} classes of {} {}, linked with {} neighbours each; {} classes now",
        tree.classes(),
        parts.rows,
        parts.of,
        parts.neighbours,
        names.classes_in(tree)
    ));
    let without = parts.clusters as usize - tree.classes();
    if without > 0 {
        lines.push(format!("{without} more classes have no images and are not in the tree"));
    }
    lines.extend(parts.estimate.map(estimate));
    lines
}

fn line(node: &Node, tree: &ClassTree, names: &ClusterNames, groups: &Groups) -> String {
    let images = if node.rows == 1 { "image" } else { "images" };
    let Some((_, height, classes)) = node.made else {
        let name =
            names.own_name(node.class).map_or_else(String::new, |name| format!(" `{}`", printable(name)));
        return format!("class {}{name}  {} {images}", node.class, node.rows);
    };
    // What is one class now, where it begins; clusters without images may belong to it.
    let is_node = |group: &&Group| {
        let own = group.members.iter().filter(|&&one| tree.rows_of(&[one]) > 0);
        own.eq(node.members.iter())
    };
    let now = groups.group_of(node.class).filter(is_node);
    let now = now.map_or_else(String::new, |group| format!("  now `{}`", printable(&group.name)));
    format!("{height:.3}  {} {images}, one class from {classes} down{now}", node.rows)
}

/// The leaves and then the merges, the root last.
fn nodes(tree: &ClassTree) -> Vec<Node> {
    let parts = tree.parts();
    let leaf =
        |one: &TreeClass| Node { rows: one.rows, class: one.class, members: vec![one.class], made: None };
    let mut nodes: Vec<Node> = parts.classes.iter().map(leaf).collect();
    let mut top: BTreeMap<u32, usize> =
        parts.classes.iter().enumerate().map(|(place, one)| (one.class, place)).collect();
    for (place, merge) in parts.merges.iter().enumerate() {
        // A tree was checked: both are there.
        let both = merge.of.map(|class| top[&class]);
        let mut members: Vec<u32> = both.iter().flat_map(|&one| nodes[one].members.clone()).collect();
        members.sort_unstable();
        let rows = both.iter().map(|&one| nodes[one].rows).sum();
        let [first, second] = both;
        let ordered = if nodes[second].rows > nodes[first].rows { [second, first] } else { both };
        top.insert(merge.of[0], nodes.len());
        let made = Some((ordered, merge.height, tree.classes() - place - 1));
        nodes.push(Node { rows, class: merge.of[0], members, made });
    }
    nodes
}

#[cfg(test)]
mod tests {
    use twist_run::{NamedWeights, TreeParts};

    use super::*;

    #[test]
    fn the_tree_is_drawn_from_its_root() {
        let class = |class, rows| TreeClass { class, rows };
        let tree = ClassTree::new(TreeParts {
            clusters: 5,
            weights: NamedWeights::Step { step: 1, hash: None },
            of: "training images".into(),
            rows: 101,
            neighbours: 8,
            classes: vec![class(0, 20), class(1, 30), class(2, 50), class(4, 1)],
            merges: vec![
                TreeMerge { of: [0, 1], height: 0.25 },
                TreeMerge { of: [2, 4], height: 0.5 },
                TreeMerge { of: [0, 2], height: 0.9375 },
            ],
            estimate: Some(ClassEstimate { classes: 2, range: (2, 3), rows: 101 }),
        })
        .unwrap();
        let mut names = ClusterNames::new(5);
        names.rename(1, "red").unwrap();
        names.merge(&[0, 1, 3], None).unwrap();
        let lines = for_people(&tree, &names);
        let expected = "\
0.938  101 images, one class from 1 down
├─ 0.500  51 images, one class from 2 down
│  ├─ class 2  50 images
│  └─ class 4  1 image
└─ 0.250  50 images, one class from 3 down  now `red`
   ├─ class 1 `red`  30 images
   └─ class 0  20 images

4 classes of 101 training images, linked with 8 neighbours each; 3 classes now
1 more classes have no images and are not in the tree
2 clusters: estimated from the features, counts of 101 rows range from 2 to 3";
        assert_eq!(lines.join("\n"), expected);
        assert_eq!(as_json(&tree, &names)["merges"][2]["classes"], 1);
    }
}
