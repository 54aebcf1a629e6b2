//! The merge tree: its file, cuts, and what of names and merges stays.

use proptest::prelude::*;
use twist_run::{
    ClassEstimate, ClassTree, ClusterNames, Metrics, NamedWeights, TreeClass, TreeMerge, TreeParts,
    clusters_file, tree_file,
};

/// Of eight clusters, 6 has no images. 0 and 1 are near, 3 and 4, then 2 joins the first two, and 7 joins 5.
fn parts() -> TreeParts {
    let class = |class| TreeClass { class, rows: 10 + class as usize };
    let merge = |first, second, height| TreeMerge { of: [first, second], height };
    TreeParts {
        clusters: 8,
        weights: step(60, Some("ab")),
        of: "training images".into(),
        rows: 92,
        neighbours: 8,
        classes: [0, 1, 2, 3, 4, 5, 7].map(class).to_vec(),
        merges: vec![
            merge(0, 1, 0.125),
            merge(3, 4, 0.25),
            merge(0, 2, 0.5),
            merge(5, 7, 0.4375),
            merge(0, 3, 0.75),
            merge(0, 5, 1.0),
        ],
        estimate: Some(ClassEstimate { classes: 4, range: (3, 5), rows: 92 }),
    }
}

fn step(step: u64, hash: Option<&str>) -> NamedWeights {
    NamedWeights::Step { step, hash: hash.map(str::to_owned) }
}

fn tree() -> ClassTree {
    ClassTree::new(parts()).unwrap()
}

/// Members of all classes of several clusters.
fn merged(names: &ClusterNames) -> Vec<Vec<u32>> {
    names.groups().iter().map(|group| group.members.clone()).filter(|members| members.len() > 1).collect()
}

#[test]
fn a_cut_makes_the_first_merges() {
    let tree = tree();
    assert_eq!(tree.cut(7).unwrap().len(), 7);
    assert_eq!(tree.cut(4).unwrap(), [vec![0, 1, 2], vec![3, 4], vec![5], vec![7]]);
    assert_eq!(tree.cut(1).unwrap(), [vec![0, 1, 2, 3, 4, 5, 7]]);
    assert_eq!((tree.rows_of(&[0, 7]), tree.rows_of(&[6])), (27, 0));
    for outside in [0, 8] {
        let message = tree.cut(outside).unwrap_err().to_string();
        assert!(message.contains("7 classes have images") && message.contains("from 1 to 7"), "{message}");
    }
}

#[test]
fn a_tree_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    assert!(ClassTree::read(folder.path()).unwrap().is_none());
    tree().save(folder.path()).unwrap();
    assert_eq!(ClassTree::read(folder.path()).unwrap(), Some(tree()));
    let bytes = fs_err::read(tree_file(folder.path())).unwrap();
    tree().save(folder.path()).unwrap();
    assert_eq!(fs_err::read(tree_file(folder.path())).unwrap(), bytes);
    let weights = folder.path().join("a.safetensors");
    assert_eq!(tree_file(&weights), folder.path().join("a.safetensors.tree.json"));
    ClassTree::remove(folder.path()).unwrap();
    assert!(ClassTree::read(folder.path()).unwrap().is_none());
}

#[test]
fn what_is_not_a_tree_is_refused() {
    type Change = fn(&mut TreeParts);
    let cases: [(Change, &str); 14] = [
        (
            |parts| {
                parts.clusters = 3_000;
                parts.classes = (0..2_049).map(|class| TreeClass { class, rows: 1 }).collect();
            },
            "2049 classes, and a tree has at most 2048",
        ),
        (|parts| parts.merges[0].of = [1, 0], "the smaller class first"),
        (|parts| parts.merges[2].of = [1, 2], "merge 2, of 1 and 2, names a class that is not there"),
        (|parts| parts.merges[5].of = [0, 6], "names a class that is not there"),
        (|parts| parts.merges[1].height = f64::NAN, "merge 1, of 3 and 4, has a height"),
        (|parts| parts.merges[1].height = f64::INFINITY, "has a height"),
        (|parts| parts.merges[1].height = -0.1, "has a height"),
        (|parts| parts.merges.truncate(5), "7 classes need 6 merges, and it has 5"),
        (|parts| parts.classes[6].class = 8, "class 8 is not one of 8 clusters"),
        (|parts| parts.classes[6].class = 5, "each once"),
        (|parts| parts.classes.clear(), "at least one class"),
        (|parts| parts.rows = 93, "do not add up to 93"),
        (|parts| parts.classes[2].rows = 0, "class 2 has no rows"),
        (|parts| parts.clusters = u32::MAX, "are believed"),
    ];
    for (change, words) in cases {
        let mut parts = parts();
        change(&mut parts);
        let message = ClassTree::new(parts).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_file_that_was_changed_by_hand_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    tree().save(folder.path()).unwrap();
    let path = tree_file(folder.path());
    let text = fs_err::read_to_string(&path).unwrap();
    let cases = [
        ("\"height\": 0.125", "\"height\": 1e999", "number out of range"),
        ("\"height\": 0.125", "\"height\": 1.5", "has a height that is not a number from 0 to 1"),
        ("\"height\": 0.125", "\"hight\": 0.125", "unknown field `hight`"),
        ("\"rows\": 92,\n  \"n", "\"rows\": 91,\n  \"n", "do not add up"),
        ("\"version\": 1", "\"version\": 2", "only version 1 is known"),
        ("\"clusters\": 8", "\"clusters\": -8", "invalid value"),
        ("{\n  \"version\"", "\n  \"version\"", "expected"),
    ];
    for (old, new, words) in cases {
        assert!(text.contains(old), "{old}");
        fs_err::write(&path, text.replacen(old, new, 1)).unwrap();
        let message = ClassTree::read(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("tree.json cannot be used") && message.contains("remove metrics.json"),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_tree_is_that_of_the_classes_that_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let of = |clusters, weights: NamedWeights| {
        ClassTree::of_classes(folder.path(), clusters, Some(&weights)).map_err(|e| e.to_string())
    };
    let own = || step(60, Some("ab"));
    let missing = || of(8, own()).unwrap_err();
    assert!(missing().contains("is missing") && missing().contains("finish the run with --resume"));
    let mut metrics = Metrics::default();
    metrics.write(folder.path()).unwrap();
    assert!(
        missing().contains("older version of Twist") && missing().contains("remove metrics.json"),
        "{}",
        missing()
    );
    metrics.set_tree(folder.path(), Ok(tree())).unwrap();
    metrics.set_tree(folder.path(), Err("too few images".into())).unwrap();
    metrics.write(folder.path()).unwrap();
    assert!(missing().contains("too few images; `twist clusters RUN merge`"), "{}", missing());
    tree().save(folder.path()).unwrap();
    assert_eq!(of(8, own()).unwrap(), tree());
    assert_eq!(of(8, step(60, None)).unwrap(), tree(), "figures of an older version");
    let other = of(8, step(60, Some("cd"))).unwrap_err();
    assert!(
        other.contains("is of the classes of step 60 of another run") && other.contains("--resume"),
        "{other}"
    );
    let other = of(8, step(70, Some("cd"))).unwrap_err();
    assert!(other.contains("is of the classes of step 60") && other.contains("--resume"), "{other}");
    assert!(of(9, own()).unwrap_err().contains("is of 8 classes, but the model has 9"));
}

#[test]
fn names_and_merges_stay_where_the_cut_allows_it() {
    let tree = tree();
    let mut names = ClusterNames::new(8);
    names.rename(2, "two").unwrap();
    names.rename(4, "four").unwrap();
    names.merge(&[1, 2], Some("pair")).unwrap();
    names.merge(&[5, 6], None).unwrap();
    names.merge(&[4, 7], Some("strangers")).unwrap();
    assert_eq!(names.classes_in(&tree), 5);

    let cut = names.cut(&tree, 4).unwrap();
    assert_eq!((cut.before, cut.now), (5, 4));
    assert_eq!(merged(&names), [vec![0, 1, 2], vec![3, 4], vec![5, 6]], "6 has no images and stays with 5");
    assert_eq!(names.resolve(0).unwrap().name, "pair");
    assert_eq!(names.resolve(3).unwrap().name, "four", "its own name is back");
    assert_eq!(cut.lost, ["`strangers` (4, 7)"]);
    let numbers = |groups: &[twist_run::Group]| groups.iter().map(|group| group.class).collect::<Vec<_>>();
    assert_eq!((numbers(&cut.joined), numbers(&cut.divided)), (vec![0, 3], vec![4]));
    assert_eq!(cut.hidden, []);

    // Two names in one class, of which neither is that of most images: both are hidden, and come back.
    let cut = names.cut(&tree, 2).unwrap();
    assert_eq!(merged(&names), [vec![0, 1, 2, 3, 4], vec![5, 6, 7]]);
    assert_eq!(
        cut.hidden.iter().map(|(name, now)| (name.as_str(), now.name.as_str())).collect::<Vec<_>>(),
        [("pair", "class 0"), ("four", "class 0")]
    );
    assert_eq!(cut.lost, [] as [String; 0]);
    names.rename(0, "most").unwrap();
    let cut = names.cut(&tree, 6).unwrap();
    assert_eq!(cut.lost, ["`pair` (1, 2)", "`most` (0, 1, 2, 3, 4)"]);
    assert_eq!(merged(&names), [vec![0, 1], vec![5, 6]]);
    assert_eq!(
        (names.resolve(2).unwrap().name, names.resolve(4).unwrap().name),
        ("two".into(), "four".into())
    );
    names.unmerge(0).unwrap();
    assert_eq!(merged(&names), [vec![5, 6]]);
}

#[test]
fn a_class_of_a_cut_is_called_as_most_of_its_images() {
    // Of 27 images, class 3 has 13 and class 4 has 14.
    for (named, called) in [(4, "lamps"), (3, "class 3")] {
        let mut names = ClusterNames::new(8);
        names.rename(named, "lamps").unwrap();
        let cut = names.cut(&tree(), 4).unwrap();
        assert_eq!(names.resolve(3).unwrap().name, called, "{named}");
        assert_eq!(cut.hidden.len(), usize::from(called != "lamps"), "{cut:?}");
        let folder = tempfile::tempdir().unwrap();
        names.save(clusters_file(folder.path())).unwrap();
        assert_eq!(ClusterNames::load(clusters_file(folder.path()), 8).unwrap(), names);
        names.cut(&tree(), 7).unwrap();
        assert_eq!(names.resolve(named).unwrap().name, "lamps", "the name is back");
    }
    // The name of most of the images is that of the class, wherever it stands.
    let mut names = ClusterNames::new(8);
    names.rename(3, "few").unwrap();
    names.rename(4, "most").unwrap();
    let cut = names.cut(&tree(), 4).unwrap();
    assert_eq!(names.resolve(3).unwrap().name, "most");
    assert_eq!(cut.hidden[0].0, "few");
}

#[test]
fn what_a_named_merge_is_made_of_stays_with_it() {
    let tree = tree();
    let mut names = ClusterNames::new(8);
    names.cut(&tree, 4).unwrap();
    names.merge(&[0, 3], Some("left")).unwrap();
    names.cut(&tree, 2).unwrap();
    assert_eq!(names.resolve(4).unwrap().name, "left");
    names.unmerge(0).unwrap();
    assert_eq!(
        merged(&names),
        [vec![0, 1, 2], vec![3, 4], vec![5, 7]],
        "as they were before they were merged"
    );
}

#[test]
fn a_cut_that_cannot_be_changes_nothing() {
    let mut names = ClusterNames::new(8);
    names.merge(&[0, 5], Some("mine")).unwrap();
    let before = names.clone();
    assert!(names.cut(&tree(), 8).is_err() && names.cut(&tree(), 0).is_err());
    assert_eq!(names, before);
    assert!(ClusterNames::new(9).cut(&tree(), 3).unwrap_err().to_string().contains("of 8 clusters"));
}

#[test]
fn the_file_before_is_kept_where_a_merge_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = clusters_file(folder.path());
    let mut names = ClusterNames::new(8);
    let cut = names.cut(&tree(), 3).unwrap();
    assert_eq!(names.save_cut(&cut, &path).unwrap(), None);
    names.rename(3, "three and four").unwrap();
    names.save(&path).unwrap();
    let cut = names.cut(&tree(), 7).unwrap();
    let aside = names.save_cut(&cut, &path).unwrap().unwrap();
    assert_eq!(aside, folder.path().join("clusters.replaced-1.json"));
    assert_eq!(ClusterNames::load(aside, 8).unwrap().resolve(4).unwrap().name, "three and four");
    assert!(!ClusterNames::load(path, 8).unwrap().names_classes());
}

/// A tree over some of the clusters, merged in any order.
fn trees() -> impl Strategy<Value = ClassTree> {
    let order = prop::collection::vec(any::<prop::sample::Index>(), 24);
    (prop::collection::btree_set(0u32..12, 1..12), order, prop::collection::vec(0u32..=1000, 12)).prop_map(
        |(classes, order, heights)| {
            let mut left: Vec<u32> = classes.iter().copied().collect();
            let mut merges = Vec::new();
            while left.len() > 1 {
                let place = merges.len();
                let kept = order[2 * place].index(left.len() - 1);
                let gone = kept + 1 + order[2 * place + 1].index(left.len() - 1 - kept);
                let of = [left[kept], left.remove(gone)];
                merges.push(TreeMerge { of, height: f64::from(heights[place]) / 1000.0 });
            }
            let classes: Vec<TreeClass> =
                classes.into_iter().map(|class| TreeClass { class, rows: 3 }).collect();
            let rows = 3 * classes.len();
            let more = TreeParts { clusters: 12, estimate: None, ..parts() };
            ClassTree::new(TreeParts { classes, merges, rows, ..more }).unwrap()
        },
    )
}

/// What somebody did before: merges and names.
fn edits() -> impl Strategy<Value = Vec<(Vec<u32>, bool)>> {
    prop::collection::vec((prop::collection::vec(0u32..12, 1..4), any::<bool>()), 0..6)
}

fn edited(edits: &[(Vec<u32>, bool)]) -> ClusterNames {
    let mut names = ClusterNames::new(12);
    for (place, (clusters, named)) in edits.iter().enumerate() {
        let name = named.then(|| format!("name {place}"));
        // Some are merged already, and then nothing happens.
        match (clusters.as_slice(), name) {
            ([one], Some(name)) => drop(names.rename(*one, &name)),
            (_, name) => drop(names.merge(clusters, name.as_deref())),
        }
    }
    names
}

proptest! {
    #[test]
    fn a_cut_leaves_exactly_its_classes_and_is_read_as_written(
        tree in trees(), edits in edits(), first in any::<prop::sample::Index>(), second in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        tree.save(folder.path()).unwrap();
        prop_assert_eq!(ClassTree::read(folder.path()).unwrap().unwrap(), tree.clone());
        let mut names = edited(&edits);
        let alone = |class: &u32| !tree.parts().classes.iter().any(|one| one.class == *class);
        let mut fresh = ClusterNames::new(12);
        for wanted in [first, second] {
            let wanted = wanted.index(tree.classes()) + 1;
            names.cut(&tree, wanted).unwrap();
            fresh.cut(&tree, wanted).unwrap();
            prop_assert_eq!(names.classes_in(&tree), wanted);
            let own = |names: &ClusterNames| -> Vec<Vec<u32>> {
                let with_images = |group: &twist_run::Group| -> Vec<u32> {
                    group.members.iter().copied().filter(|member| !alone(member)).collect()
                };
                names.groups().iter().map(with_images).filter(|members| !members.is_empty()).collect()
            };
            let mut of_names = own(&names);
            of_names.sort();
            prop_assert_eq!(&of_names, &tree.cut(wanted).unwrap());
            prop_assert_eq!(&own(&fresh), &tree.cut(wanted).unwrap());
            names.save(clusters_file(folder.path())).unwrap();
            prop_assert_eq!(ClusterNames::load(clusters_file(folder.path()), 12).unwrap(), names.clone());
            let before = names.clone();
            let again = names.cut(&tree, wanted).unwrap();
            prop_assert!(again.is_nothing() && again.lost.is_empty() && again.hidden.is_empty());
            prop_assert_eq!(&names, &before);
        }
        // Every cluster by itself is where it began.
        fresh.cut(&tree, tree.classes()).unwrap();
        prop_assert!(!fresh.names_classes());
    }

    #[test]
    fn every_name_is_seen_hidden_or_listed_as_lost(tree in trees(), edits in edits(), wanted in any::<prop::sample::Index>()) {
        let mut names = edited(&edits);
        let before = names.groups();
        let cut = names.cut(&tree, wanted.index(tree.classes()) + 1).unwrap();
        let after = names.groups();
        for group in before.iter().filter(|group| group.named) {
            let seen = after.iter().any(|other| other.name == group.name);
            let hidden = cut.hidden.iter().any(|(name, _)| *name == group.name);
            let lost = cut.lost.iter().any(|lost| lost.contains(&format!("`{}`", group.name)));
            prop_assert!(seen || hidden || lost, "{} {:?}", group.name, cut);
        }
    }
}
