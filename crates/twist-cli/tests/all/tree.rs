//! `twist clusters MODEL tree` and `cut`: how many classes a trained model has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::frozen::mixture;
use crate::support::Place;

/// A head with twelve outputs on 500 rows of five groups.
const LINE: &str =
    "--clusters 12 --device cpu --threads 1 --batch-size 125 --epochs 40 --set model.hidden_dim=64";

fn trained() -> Place {
    let place = Place::new();
    mixture(&place, "train", 500, 1);
    place.run(&format!("train train.npy --out run {LINE}")).exits(0);
    place
}

fn tree(place: &Place, model: &str) -> Value {
    let printed = place.run(&format!("clusters {model} tree --json"));
    printed.exits(0);
    serde_json::from_str(&printed.out).unwrap()
}

fn read(place: &Place, name: &str) -> String {
    fs_err::read_to_string(place.path(name)).unwrap()
}

fn json(place: &Place, name: &str) -> Value {
    serde_json::from_str(&read(place, name)).unwrap()
}

/// The members of every class of several outputs.
fn merged(place: &Place, model: &str) -> BTreeSet<Vec<u64>> {
    let shown: Value =
        serde_json::from_str(&place.run(&format!("clusters {model} show --json")).out).unwrap();
    let members = |class: &Value| -> Vec<u64> {
        class["members"].as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect()
    };
    shown["classes"].as_array().unwrap().iter().map(members).filter(|members| members.len() > 1).collect()
}

#[test]
fn too_many_classes_are_cut_to_those_of_the_data() {
    let place = trained();
    let found = tree(&place, "run");
    let used = found["classes"].as_array().unwrap().len();
    assert!(used > 6, "the head has more classes than the data: {found}");
    assert_eq!(found["merges"].as_array().unwrap().len(), used - 1);
    assert_eq!((&found["rows"], &found["images"]), (&500.into(), &"training images".into()));
    assert_eq!(found["estimate"]["classes"], 5, "{found}");
    let drawn = place.run("clusters run tree");
    drawn.exits(0);
    assert!(drawn.out.contains("└─ class "), "{}", drawn.out);
    assert!(drawn.out.contains("5 clusters: estimated from the features"), "{}", drawn.out);

    place.run("clusters run cut auto").exits(0).says(&[
        "5 clusters: estimated",
        "5 classes have images",
        "is made of",
    ]);
    // Every class holds one group, and every group is in one class.
    let table = place.run("clusters run export --labels");
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in table.out.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        labels.entry(cells[1].into()).or_default().insert(cells[3].into());
    }
    assert!(labels.len() == 5 && labels.values().all(|labels| labels.len() == 1), "{labels:?}");
    assert_eq!(tree(&place, "run")["classes_now"], 5);
    // What is predicted afterwards has the five classes.
    let predicted = place.run("predict run train.npy");
    predicted.exits(0);
    let classes: BTreeSet<&str> =
        predicted.out.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(classes.len(), 5, "{classes:?}");

    // Back to all classes: nothing is left of the cut.
    place.run(&format!("clusters run cut {used}")).exits(0).says(&["is divided"]);
    assert!(merged(&place, "run").is_empty());
    place.run(&format!("clusters run cut {used}")).exits(0).says(&["nothing changes"]);
    let before = read(&place, "run/clusters.json");
    place.run("clusters run cut 5").exits(0);
    place.run("clusters run cut 3").exits(0);
    place.run(&format!("clusters run cut {used}")).exits(0);
    assert_eq!(read(&place, "run/clusters.json"), before, "a cut leaves no trace");
}

#[test]
fn names_stay_where_they_can_and_what_cannot_is_listed() {
    let place = trained();
    let found = tree(&place, "run");
    let used = found["classes"].as_array().unwrap().len();
    let class = |merge: usize, side: usize| found["merges"][merge]["of"][side].as_u64().unwrap();
    // The last two to become one are strangers, the first two are not.
    let (one, other) = (class(used - 2, 0), class(used - 2, 1));
    let near = (class(0, 0), class(0, 1));
    place.run(&format!("clusters run merge {one} {other} --name strangers")).exits(0);
    let done = place.run("clusters run cut 5");
    done.exits(0).says(&["not kept", "`strangers`", "clusters.replaced-1.json"]);
    assert!(read(&place, "run/clusters.replaced-1.json").contains("strangers"));
    assert!(!read(&place, "run/clusters.json").contains("strangers"));
    // A name of a class that the cut made goes on to a larger class.
    place.run(&format!("clusters run rename {} pair", near.0)).exits(0);
    place.run("clusters run cut 4").exits(0);
    let shown = place.run("clusters run show --json").out;
    assert!(shown.contains("\"pair\""), "{shown}");
    place.run(&format!("clusters run cut {used}")).exits(0).says(&["not kept", "`pair`"]);
    assert!(merged(&place, "run").is_empty());
    // The last merge of one class alone.
    place.run("clusters run cut 5").exits(0);
    let classes = merged(&place, "run");
    let first = classes.iter().next().unwrap().clone();
    place.run(&format!("clusters run unmerge {}", first[0])).exits(0);
    let rest: BTreeSet<Vec<u64>> = classes.into_iter().filter(|members| *members != first).collect();
    assert_eq!(merged(&place, "run"), rest);
}

#[test]
fn a_cut_that_cannot_be_is_refused_and_changes_nothing() {
    let place = trained();
    let used = tree(&place, "run")["classes"].as_array().unwrap().len();
    for wrong in ["0".to_owned(), (used + 1).to_string()] {
        let refused = place.run(&format!("clusters run cut {wrong}"));
        refused.exits(2).says(&["have images", &format!("from 1 to {used}"), "--clusters"]);
    }
    for wrong in ["many", "-3", "2.5", ""] {
        let words = ["clusters", "run", "cut", wrong];
        let output = place.twist(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
    assert!(!place.path("run/clusters.json").exists());

    let whole = read(&place, "run/tree.json");
    let protocol = json(&place, "run/metrics.json")["protocol"].clone();
    let change = |old: &str, new: &str| {
        assert!(whole.contains(old), "{old}");
        fs_err::write(place.path("run/tree.json"), whole.replacen(old, new, 1)).unwrap();
    };
    let step = json(&place, "run/tree.json")["weights"]["step"].to_string();
    for (old, new, words) in [
        (
            "\"height\": ",
            "\"height\": 7",
            ["a height that is not a number from 0 to 1", "remove metrics.json"],
        ),
        ("\"version\": 1", "\"version\": 9", ["only version 1 is known", "--resume"]),
        ("\"clusters\": 12", "\"clusters\": 13", ["is of 13 classes, but the model has 12", "--resume"]),
        (&format!("\"step\": {step}"), "\"step\": 3", ["is of the classes of step 3", "--resume"]),
    ] {
        change(old, new);
        for command in ["tree", "cut 5", "cut auto"] {
            place.run(&format!("clusters run {command}")).exits(1).says(&words);
        }
    }
    fs_err::remove_file(place.path("run/tree.json")).unwrap();
    place.run("clusters run cut 5").exits(1).says(&[
        "tree.json",
        "an older version of Twist",
        "remove metrics.json",
    ]);
    assert!(!place.path("run/clusters.json").exists());
    // The remedy is one.
    fs_err::remove_file(place.path("run/metrics.json")).unwrap();
    place.run("clusters run tree").exits(1).says(&["finish the run with --resume"]);
    place.run("train --resume --out run --device cpu --threads 1").exits(0);
    assert_eq!(read(&place, "run/tree.json"), whole);
    assert_eq!(json(&place, "run/metrics.json")["protocol"], protocol);
}

#[test]
fn tree_and_names_of_another_run_are_refused() {
    let place = trained();
    place.run(&format!("train train.npy --out other {LINE} --seed 1")).exits(0);
    assert_eq!(
        json(&place, "run/tree.json")["weights"]["step"],
        json(&place, "other/tree.json")["weights"]["step"]
    );
    place.run("clusters run rename 0 mine").exits(0);
    for name in ["tree.json", "clusters.json"] {
        fs_err::copy(place.path("run").join(name), place.path("other").join(name)).unwrap();
    }
    let foreign = "of another run";
    place.run("clusters other tree").exits(1).says(&[
        "tree.json is of the classes of step",
        foreign,
        "--resume",
    ]);
    place.run("clusters other rename 1 yours").exits(1).says(&[
        "names in other/clusters.json",
        foreign,
        "keep",
    ]);
    let predicted = place.run("predict other train.npy");
    predicted.exits(0).says(&["classes appear without their names", foreign]);
    assert!(!predicted.out.contains("mine"), "{}", predicted.out);
    let exported = place.run("export other --out other.safetensors");
    exported.exits(0).says(&["the tree of the classes is left out", "appear without their names"]);
    assert!(!place.path("other.safetensors.tree.json").exists());
    place.run("report other").exits(0).says(&["Classes appear without their names", foreign]);
    // What an older version wrote says no hash, and is read.
    for (name, key) in [("tree.json", "/weights"), ("clusters.json", "/weights")] {
        let mut old = json(&place, &format!("run/{name}"));
        assert!(old.pointer_mut(key).unwrap().as_object_mut().unwrap().remove("hash").is_some());
        fs_err::write(place.path("run").join(name), old.to_string()).unwrap();
    }
    place.run("clusters run cut 5").exits(0);
    assert!(json(&place, "run/clusters.json")["weights"]["hash"].is_string(), "tied from now on");
}

#[test]
fn a_run_that_has_no_tree_says_why() {
    let place = Place::new();
    place.pictures("photos", 24);
    place.pictures("test", 12);
    place.run("train photos --recipe tiny.toml --out net --device cpu --threads 1").exits(0);
    place.run("clusters net tree").exits(1).says(&[
        "24 training images",
        "a tree needs 60",
        "clusters RUN merge",
    ]);
    let tune = "finetune net --train photos --test test --batch-size 8 --epochs 1 --out tuned --device cpu --threads 1";
    place.run(tune).exits(0);
    place.run("clusters tuned cut 1").exits(1).says(&["those of labels", "clusters MODEL merge"]);
}

#[test]
fn a_network_that_was_trained_on_images_has_a_tree_of_the_evaluated_ones() {
    let place = Place::new();
    place.pictures("train", 24);
    place.pictures("test", 64);
    let line = "--recipe tiny.toml --device cpu --threads 1";
    place.run(&format!("train train --eval-data test --out net {line}")).exits(0);
    let found = tree(&place, "net");
    assert_eq!(
        (&found["rows"], &found["images"], &found["clusters"]),
        (&64.into(), &"held-out images".into(), &6.into())
    );
    // A new run in its place has a tree of its own or none.
    place.run(&format!("train train --out net --force {line}")).exits(0);
    assert!(!place.path("net/tree.json").exists());
}

#[test]
fn the_tree_goes_with_an_exported_model() {
    let place = trained();
    let found = tree(&place, "run");
    let written = place.run("export run --out own.safetensors");
    written.exits(0);
    assert!(written.out.contains("own.safetensors.tree.json"), "{}", written.out);
    let again = place.run("export run --out own.safetensors");
    again.exits(2).says(&["--force"]);
    place.run("import own.safetensors --out copy.safetensors").exits(0).says(&["copy.safetensors.tree.json"]);
    for model in ["own.safetensors", "copy.safetensors"] {
        let own = tree(&place, model);
        assert_eq!((&own["merges"], &own["classes"]), (&found["merges"], &found["classes"]), "{model}");
        place.run(&format!("clusters {model} cut auto")).exits(0).says(&["5 classes have images"]);
        assert!(!merged(&place, model).is_empty());
    }
    // A file without its tree says what to do.
    fs_err::remove_file(place.path("copy.safetensors.tree.json")).unwrap();
    place.run("clusters copy.safetensors cut 4").exits(1).says(&["copy.safetensors.tree.json", "run folder"]);
}
