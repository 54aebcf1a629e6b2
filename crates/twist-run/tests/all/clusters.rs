//! Names and merges of discovered classes: what can be said, undone, written and read.

use proptest::prelude::*;
use twist_io::UpdateLock;
use twist_run::{ClusterNames, clusters_file};

fn names_of(names: &ClusterNames) -> Vec<(u32, Vec<u32>, String)> {
    names.groups().iter().map(|group| (group.class, group.members.clone(), group.name.clone())).collect()
}

#[test]
fn names_and_merges_are_what_people_see() {
    let mut names = ClusterNames::new(8);
    assert!(names.is_untouched());
    names.rename(3, " red circles ").unwrap();
    names.rename(5, "blue circles").unwrap();
    let merged = names.merge(&[5, 3], None).unwrap();
    assert_eq!((merged.class, merged.members.as_slice(), merged.named), (3, [3, 5].as_slice(), true));
    assert_eq!(merged.name, "blue circles", "the first one that was given has the name");
    names.rename(3, "circles").unwrap();
    assert_eq!(names.resolve(5).unwrap().name, "circles");
    names.merge(&[1, 5], None).unwrap();
    assert_eq!(names.find("circles").unwrap().members, [1, 3, 5]);
    assert_eq!(names.find("5").unwrap().class, 1);
    assert_eq!(names.groups().len(), 6);

    names.unmerge(3).unwrap();
    assert_eq!(names.resolve(1).unwrap().name, "class 1");
    assert_eq!(names.resolve(3).unwrap().name, "circles");
    names.unmerge(3).unwrap();
    assert_eq!(names.resolve(3).unwrap().name, "red circles");
    assert_eq!(names.resolve(5).unwrap().name, "blue circles");
    assert_eq!(names.unmerge(3).unwrap_err().to_string(), "class 3 is not merged with any other");
    names.rename(3, "class 3").unwrap();
    assert!(!names.resolve(3).unwrap().named, "the default takes a name away");
}

#[test]
fn probabilities_of_members_add_up() {
    let mut names = ClusterNames::new(4);
    assert!(names.groups().is_plain());
    names.merge(&[0, 3], Some("ends")).unwrap();
    let groups = names.groups();
    assert!(!groups.is_plain());
    assert_eq!(groups.probabilities(&[0.25, 0.125, 0.5, 0.125]), [0.375, 0.125, 0.5]);
    assert_eq!(groups.position_of(3), Some(0));
    // Merged clusters may together be more probable than the best one, of which two are 0 and 3 here.
    let ranked = [(2, 0.4), (0, 0.35), (3, 0.2), (1, 0.05)];
    assert_eq!(groups.best_two(ranked), [(0, 0.35 + 0.2), (2, 0.4)]);
    assert_eq!(groups.best_two([(3, 0.75), (0, 0.25)]), [(0, 1.0), (0, 0.0)]);
    assert_eq!(groups.best_two([(9, 0.5), (1, 0.5)]), [(9, 0.5), (1, 0.5)]);
    assert_eq!(groups.group_of(3).unwrap().name, "ends");
    assert_eq!((groups.position_of(4), groups.get(3)), (None, None));
}

#[test]
fn a_group_that_is_not_what_was_seen_is_refused() {
    let mut names = ClusterNames::new(5);
    names.expect(2, &[2]).unwrap();
    names.merge(&[2, 4], None).unwrap();
    names.expect(4, &[4, 2]).unwrap();
    for (class, seen) in [(2, vec![2]), (4, vec![4]), (1, vec![1, 2]), (1, vec![])] {
        let error = names.expect(class, &seen).unwrap_err().to_string();
        assert!(error.contains("has changed since you saw it"), "{class} {seen:?}: {error}");
    }
    assert!(names.expect(5, &[5]).unwrap_err().to_string().starts_with("class `5` does not exist"));
}

/// What a terminal acts upon, and what changes how the text around it is read, is not a name.
#[test]
fn names_have_only_characters_that_can_be_seen() {
    let mut names = ClusterNames::new(5);
    for name in ["a\nb", "\u{1b}[31mred", "invoice\u{202e}gpj.exe", "a\u{2066}b", "\u{feff}cat"] {
        let error = names.rename(1, name).unwrap_err().to_string();
        assert!(error.contains("cannot be the name of a class"), "{name:?}: {error}");
    }
    names.rename(1, "Füchse 🦊, rot").unwrap();
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut names = ClusterNames::new(6);
    names.rename(2, "trees").unwrap();
    names.rename(4, "bushes").unwrap();
    names.merge(&[2, 4], Some("plants")).unwrap();
    names.rename(5, "cafe\u{301}").unwrap();
    assert_eq!(names.find("caf\u{e9}").unwrap().class, names.find("cafe\u{301}").unwrap().class);
    let before = names.clone();
    for (name, word) in [
        ("", "empty"),
        ("17", "number"),
        ("03", "number"),
        ("+3", "number"),
        ("-1", "no label"),
        ("-1.0", "no label"),
        ("3.0", "read as `3`"),
        ("caf\u{e9}", "class 5"),
        ("cafe\u{301}", "class 5"),
        ("two\nlines", "line breaks"),
        ("class 3", "unnamed classes"),
        ("plants", "class 2"),
        ("bushes", "class 4"), // hidden, and back when the merge is undone
    ] {
        let error = names.rename(1, name).unwrap_err().to_string();
        assert!(error.contains(word), "{name:?}: {error}");
        assert!(names.merge(&[0, 1], Some(name)).is_err(), "{name:?}");
    }
    assert!(names.rename(1, &"x".repeat(101)).is_err());
    for clusters in [&[][..], &[1], &[1, 1], &[2, 4]] {
        let error = names.merge(clusters, None).unwrap_err().to_string();
        assert!(error.starts_with("a merge needs two classes"), "{error}");
    }
    assert!(names.merge(&[1, 6], None).unwrap_err().to_string().starts_with("class `6` does not exist"));
    for threshold in [1.5, f64::NAN] {
        let error = names.set_unsure(Some(threshold)).unwrap_err().to_string();
        assert!(error.ends_with(&format!("from 0 to 1; got {threshold}")), "{error}");
    }
    let error = names.find("plamts").unwrap_err().to_string();
    assert!(error.contains("did you mean `plants`?") && error.contains("0 to 5"), "{error}");
    assert_eq!(names, before);
    names.rename(2, "bushes").unwrap(); // a merged group may have the name of its own part
}

#[test]
fn the_file_lies_beside_the_model() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(clusters_file(folder.path()), folder.path().join("clusters.json"));
    let weights = folder.path().join("a.safetensors");
    assert_eq!(clusters_file(&weights), folder.path().join("a.safetensors.clusters.json"));
}

#[test]
fn a_file_that_could_not_have_been_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clusters.json");
    assert_eq!(ClusterNames::load(&path, 4).unwrap(), ClusterNames::new(4), "no file: nothing was said");
    let cases = [
        (r#"{"version": 2, "clusters": 4}"#, "version 2"),
        (r#"{"version": 1, "clusters": 5}"#, "5 classes, but this one has 4"),
        (r#"{"version": 1, "clusters": 4, "name": {}}"#, "unknown field `name`"),
        (r#"{"version": 1, "clusters": 4, "merges": [{"off": [1, 2]}]}"#, "unknown field `off`"),
        (r#"{"version": 1, "clusters": 4, "names": {"4": "x"}}"#, "class `4` does not exist"),
        (
            r#"{"version": 1, "clusters": 4, "names": {"1": "x", "2": "x"}}"#,
            "`x` is already the name of class 1",
        ),
        (r#"{"version": 1, "clusters": 4, "merges": [{"of": [1, 2]}, {"of": [2, 1]}]}"#, "two classes"),
        (r#"{"version": 1, "clusters": 4, "unsure": 3}"#, "probability"),
        (
            r#"{"version": 1, "clusters": 4, "names": {"1": "x", "1": "y"}}"#,
            "class 1 is named twice, first `x`",
        ),
        (r#"{"version": 1, "clusters": 4"#, "EOF"),
        ("", "EOF"),
    ];
    for (text, words) in cases {
        fs_err::write(&path, text).unwrap();
        let error = ClusterNames::load(&path, 4).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("clusters.json"), "{text}: {error}");
    }
    fs_err::write(&path, r#"{"version": 1, "clusters": 4, "names": {"1": "x"}}"#).unwrap();
    assert_eq!(ClusterNames::load(&path, 4).unwrap().resolve(1).unwrap().name, "x");
}

#[derive(Clone, Debug)]
enum Edit {
    Rename(u32, usize),
    Merge(Vec<u32>, Option<usize>),
    Unmerge(u32),
    Unsure(Option<f64>),
}

const CLUSTERS: u32 = 7;
const NAMES: [&str; 6] = ["cats", "dogs", "class 0", "class 3", "Katzen & Hunde", "ünsure"];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let cluster = 0..CLUSTERS;
    let name = 0..NAMES.len();
    let edit = prop_oneof![
        3 => (cluster.clone(), name.clone()).prop_map(|(cluster, name)| Edit::Rename(cluster, name)),
        3 => (prop::collection::vec(cluster.clone(), 2..4), prop::option::of(name))
            .prop_map(|(clusters, name)| Edit::Merge(clusters, name)),
        1 => cluster.prop_map(Edit::Unmerge),
        1 => prop::option::of(0..=100u8).prop_map(|percent| Edit::Unsure(percent.map(|p| f64::from(p) / 100.0))),
    ];
    prop::collection::vec(edit, 0..20)
}

/// Makes the edits that are possible.
fn edited(edits: &[Edit]) -> ClusterNames {
    let mut names = ClusterNames::new(CLUSTERS);
    for edit in edits {
        let _ = match edit {
            Edit::Rename(cluster, name) => names.rename(*cluster, NAMES[*name]),
            Edit::Merge(clusters, name) => names.merge(clusters, name.map(|name| NAMES[name])).map(drop),
            Edit::Unmerge(cluster) => names.unmerge(*cluster),
            Edit::Unsure(threshold) => names.set_unsure(*threshold),
        };
    }
    names
}

proptest! {
    #[test]
    fn every_cluster_is_in_one_group_and_names_are_unique(edits in edits()) {
        let names = edited(&edits);
        let groups = names.groups();
        let mut members: Vec<u32> = groups.iter().flat_map(|group| group.members.clone()).collect();
        members.sort_unstable();
        prop_assert_eq!(members, (0..CLUSTERS).collect::<Vec<_>>());
        let mut called: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        called.sort_unstable();
        called.dedup();
        prop_assert_eq!(called.len(), groups.len());
        for cluster in 0..CLUSTERS {
            let group = names.resolve(cluster).unwrap();
            prop_assert_eq!(groups.group_of(cluster), Some(&group));
            prop_assert_eq!(Some(&group.class), group.members.iter().min());
            prop_assert_eq!(&names.find(&group.name).unwrap_or_else(|_| group.clone()), &group);
        }
        let total: f32 = groups.probabilities(&[1.0; CLUSTERS as usize]).iter().sum();
        prop_assert_eq!(total, CLUSTERS as f32);
    }

    #[test]
    fn undoing_a_merge_is_the_state_before(edits in edits(), clusters in prop::collection::vec(0..CLUSTERS, 2..5)) {
        let before = edited(&edits);
        let mut names = before.clone();
        if let Ok(group) = names.merge(&clusters, Some("all of these")) {
            prop_assert_eq!(group.name, "all of these");
            names.rename(group.class, "something else").unwrap();
            names.unmerge(group.members[1]).unwrap();
        }
        prop_assert_eq!(names, before);
    }

    #[test]
    fn undoing_everything_leaves_distinct_names(edits in edits()) {
        let mut names = edited(&edits);
        while let Some(class) = names.groups().iter().find(|group| group.members.len() > 1).map(|g| g.class) {
            names.unmerge(class).unwrap();
        }
        let mut called: Vec<String> = names_of(&names).into_iter().map(|(_, _, name)| name).collect();
        called.sort_unstable();
        called.dedup();
        prop_assert_eq!(called.len(), CLUSTERS as usize);
    }

    #[test]
    fn names_survive_a_merge(edits in edits(), a in 0..CLUSTERS, b in 0..CLUSTERS) {
        let mut names = edited(&edits);
        let (first, second) = (names.resolve(a).unwrap(), names.resolve(b).unwrap());
        if let Ok(merged) = names.merge(&[a, b], None) {
            match (first.named, second.named) {
                (true, _) => prop_assert_eq!(merged.name, first.name),
                (false, true) => prop_assert_eq!(merged.name, second.name),
                _ => prop_assert!(!merged.named),
            }
        }
    }

    #[test]
    fn what_was_written_is_read(edits in edits()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clusters.json");
        let names = edited(&edits);
        names.save(&path).unwrap();
        prop_assert_eq!(ClusterNames::load(&path, CLUSTERS).unwrap(), names);
    }
}

#[test]
fn changes_made_at_the_same_time_are_all_kept() {
    const WRITERS: u32 = 8;
    const EACH: u32 = 10;
    let folder = tempfile::tempdir().unwrap();
    let file = clusters_file(folder.path());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let file = &file;
            scope.spawn(move || {
                for cluster in writer * EACH..(writer + 1) * EACH {
                    let _lock = UpdateLock::of(file).unwrap();
                    let mut names = ClusterNames::load(file, WRITERS * EACH).unwrap();
                    names.rename(cluster, &format!("name of {cluster}")).unwrap();
                    names.save(file).unwrap();
                }
            });
        }
    });
    let names = ClusterNames::load(&file, WRITERS * EACH).unwrap();
    let lost: Vec<u32> =
        (0..WRITERS * EACH).filter(|&cluster| !names.resolve(cluster).unwrap().named).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let left = fs_err::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing but the file");
}
