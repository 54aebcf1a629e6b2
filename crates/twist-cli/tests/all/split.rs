//! `twist clusters MODEL split` and `unsplit`: a class of a trained head becomes several.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::frozen::mixture;
use crate::support::Place;

const CPU: &str = "--device cpu --threads 1";

/// A head with three outputs on 500 rows of five groups: at least one class mixes groups.
fn trained() -> Place {
    let place = Place::new();
    mixture(&place, "train", 500, 1);
    let line = "--clusters 3 --batch-size 125 --epochs 40 --set model.hidden_dim=64";
    place.run(&format!("train train.npy --out run {line} {CPU}")).exits(0);
    place
}

fn bytes(place: &Place, name: &str) -> Vec<u8> {
    fs_err::read(place.path(name)).unwrap()
}

fn json(place: &Place, name: &str) -> Value {
    serde_json::from_slice(&bytes(place, name)).unwrap()
}

/// The probability of every class, as text, and the class, for each row.
fn predicted(place: &Place, model: &str, top: usize) -> Vec<(u32, BTreeMap<u32, String>)> {
    let table = place.run(&format!("predict {model} train.npy --top {top} --device cpu"));
    table.exits(0);
    let mut lines = table.out.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let of = |rank: usize, what: &str| match rank {
            1 => cells[at(what)],
            _ => cells[at(&format!("{what}_{rank}"))],
        };
        let found =
            (1..=top).map(|rank| (of(rank, "cluster").parse().unwrap(), of(rank, "probability").to_owned()));
        (of(1, "cluster").parse().unwrap(), found.collect())
    };
    lines.map(row).collect()
}

/// The groups that the rows of each class are of.
fn groups(rows: &[(u32, BTreeMap<u32, String>)]) -> BTreeMap<u32, BTreeSet<usize>> {
    let mut found: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    rows.iter().enumerate().for_each(|(row, (class, _))| found.entry(*class).or_default().extend([row % 5]));
    found
}

/// A class with images of two groups.
fn mixed(rows: &[(u32, BTreeMap<u32, String>)]) -> u32 {
    *groups(rows).iter().find(|(_, groups)| groups.len() == 2).expect("five groups are in three classes").0
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

#[test]
fn a_mixed_class_becomes_two_for_everything_that_uses_the_model() {
    let place = trained();
    let before = predicted(&place, "run", 3);
    let class = mixed(&before);
    place.run(&format!("clusters run rename {class} mixed")).exits(0);
    let whole = ["model.safetensors", "embeddings.parquet", "tree.json", "images.csv", "metrics.json"]
        .map(|name| bytes(&place, &format!("run/{name}")));

    place.run(&format!("clusters run split mixed {CPU}")).exits(0).says(&[
        &format!("class {class} `mixed`, 200 images, is split into 2:"),
        &format!("  class {class} `mixed`  "),
        "  class 3  ",
    ]);
    let after = predicted(&place, "run", 4);
    // The others keep every digit; the children add up to the class.
    for ((_, old), (_, new)) in before.iter().zip(&after) {
        for other in (0..3).filter(|other| *other != class) {
            assert_eq!(old[&other], new[&other]);
        }
        let (sum, had) = (number(&new[&class]) + number(&new[&3]), number(&old[&class]));
        assert!((sum - had).abs() < 1e-5, "{sum} {had}");
    }
    // Most images of a part are of one group, and that of the other part is another one.
    let most = |class: u32| {
        let rows = after.iter().enumerate().filter(|(_, (found, _))| *found == class);
        let groups: Vec<usize> = rows.map(|(row, _)| row % 5).collect();
        let count = |group: &usize| groups.iter().filter(|one| *one == group).count();
        let first = (0..5).max_by_key(count).unwrap();
        assert!(10 * count(&first) >= 8 * groups.len(), "{groups:?}");
        first
    };
    assert_ne!(most(class), most(3));
    let shown = place.run("clusters run show");
    assert!(shown.out.contains("mixed") && shown.out.contains("class 3"), "{}", shown.out);
    let tree: Value = serde_json::from_str(&place.run("clusters run tree --json").out).unwrap();
    assert_eq!((&tree["clusters"], tree["classes"].as_array().unwrap().len()), (&4.into(), 4));
    let metrics = json(&place, "run/metrics.json");
    assert_eq!(
        (&metrics["protocol"]["clusters"], &metrics["protocol"]["splits"][0]["class"]),
        (&4.into(), &class.into())
    );
    let page = String::from_utf8(bytes(&place, "run/report.html")).unwrap();
    assert!(page.contains("class 3"));
    assert!(!place.path("run/replacement.twist-tmp").exists());

    // A child is split as any class is, and what is exported has all of them.
    place.run(&format!("clusters run split 3 --into 2 {CPU}")).exits(0).says(&["class 4"]);
    place.run("export run --out copy.safetensors").exits(0);
    assert_eq!(predicted(&place, "copy.safetensors", 5), predicted(&place, "run", 5));
    place
        .run("export run --out released.pth")
        .exits(1)
        .says(&["classes of the model were split", "--to onnx"]);
    place.run("export run --out all.onnx").exits(0);

    // Only the last split goes back, and everything is as before.
    let other = (0..3).find(|other| *other != class).unwrap();
    place.run(&format!("clusters run unsplit {other} {CPU}")).exits(1).says(&["the classes 3 and 4"]);
    place.run("clusters run rename 4 part").exits(0);
    place.run(&format!("clusters run unsplit 3 {CPU}")).exits(0).says(&[
        "not kept",
        "`part`",
        "clusters.replaced-1.json",
    ]);
    place
        .run(&format!("clusters run unsplit mixed {CPU}"))
        .exits(0)
        .says(&[&format!("are class {class} again")]);
    let again = ["model.safetensors", "embeddings.parquet", "tree.json", "images.csv", "metrics.json"]
        .map(|name| bytes(&place, &format!("run/{name}")));
    assert!(again == whole);
    assert_eq!(json(&place, "run/clusters.json")["names"][class.to_string()], "mixed");
    place
        .run(&format!("clusters run unsplit mixed {CPU}"))
        .exits(1)
        .says(&["no class of this model was split"]);
}

#[test]
fn a_split_that_cannot_be_changes_nothing() {
    let place = trained();
    let class = mixed(&predicted(&place, "run", 3));
    let other = (0..3).find(|other| *other != class).unwrap();
    let state = || {
        let names = place.names("run");
        (bytes(&place, "run/model.safetensors"), bytes(&place, "run/metrics.json"), names)
    };
    let whole = state();
    let refused = |line: &str, code: i32, words: &[&str]| {
        place.run(&format!("{line} {CPU}")).exits(code).says(words);
        assert!(state() == whole, "{line}");
    };
    refused("clusters run split 3", 2, &["class `3` does not exist", "0 to 2"]);
    refused(&format!("clusters run split {class} --into 1"), 2, &["must be 2 or more"]);
    refused(
        &format!("clusters run split {class} --into 21"),
        1,
        &["200 training images", "210 are needed, 10 for each"],
    );
    refused("clusters train.npy split 0", 1, &["train.npy"]);
    refused("clusters run/model.safetensors split 0", 1, &["it is not a run folder", "give the run folder"]);
    mixture(&place, "other", 500, 2);
    refused(
        &format!("clusters run split {class} --data other.npy"),
        2,
        &["--data other.npy", "not the images"],
    );

    // Its rows are elsewhere now.
    fs_err::create_dir(place.path("moved")).unwrap();
    for name in ["train.npy", "train.labels.npy"] {
        fs_err::rename(place.path(name), place.path("moved").join(name)).unwrap();
    }
    refused(&format!("clusters run split {class}"), 1, &["train.npy", "--data DATA"]);
    place.run(&format!("clusters run split {class} --data moved/train.npy {CPU}")).exits(0);
    assert!(json(&place, "run/data.json")["train"].as_str().unwrap().ends_with("moved/train.npy"));
    place.run(&format!("clusters run unsplit {class} {CPU}")).exits(0);

    place.run(&format!("clusters run merge {class} {other} --name all")).exits(0);
    place.run(&format!("clusters run split all {CPU}")).exits(1).says(&["merged of the classes", "unmerge"]);
}

#[test]
fn only_a_finished_head_on_frozen_features_is_split() {
    let place = Place::new();
    place.pictures("train", 24);
    place.run(&format!("train train --recipe tiny.toml --out net {CPU}")).exits(0);
    place.run("clusters net split 0").exits(1).says(&["trained together with its backbone", "--frozen RUN"]);
    let head = "--clusters 3 --epochs 3 --set model.hidden_dim=16";
    place.run(&format!("train train --frozen net --out head {head} {CPU}")).exits(0);
    fs_err::remove_file(place.path("head/metrics.json")).unwrap();
    place.run(&format!("clusters head split 0 {CPU}")).exits(1).says(&["not come to its end", "--resume"]);
    place.run(&format!("clusters head unsplit 0 {CPU}")).exits(1).says(&["no class of this model was split"]);
}

#[test]
fn a_killed_split_is_made_up_for_by_a_resume() {
    let place = trained();
    let class = mixed(&predicted(&place, "run", 3));
    let resume = |more: &str| place.run(&format!("train train.npy --resume --out run {more} {CPU}"));
    let files = ["model.safetensors", "embeddings.parquet", "tree.json", "images.csv"];
    let state = || files.map(|name| bytes(&place, &format!("run/{name}")));
    let kill = || {
        // As after the kill: what is said of the old model is gone, and the new files are not in their places.
        for name in ["metrics.json", "tree.json", "embeddings.parquet", "images.csv"] {
            fs_err::remove_file(place.path("run").join(name)).unwrap();
        }
        fs_err::create_dir(place.path("run/replacement.twist-tmp")).unwrap();
        fs_err::write(place.path("run/replacement.twist-tmp/model.safetensors"), "half").unwrap();
    };
    // Before the model has its place.
    let old = state();
    kill();
    place.run("predict run train.npy").exits(0);
    resume("").exits(0);
    assert!(state() == old && !place.path("run/replacement.twist-tmp").exists());

    // After it.
    place.run(&format!("clusters run rename {class} mixed")).exits(0);
    place.run(&format!("clusters run split {class} {CPU}")).exits(0);
    let split = state();
    assert!(split != old);
    kill();
    assert_eq!(groups(&predicted(&place, "run", 4)).len(), 4);
    resume("").exits(0);
    assert!(state() == split && !place.path("run/replacement.twist-tmp").exists());
    assert!(place.run("clusters run show").out.contains("mixed"));

    // What would change the classes below the split is refused.
    resume("--epochs 50").exits(1).says(&["cannot be trained further", "unsplit"]);
    assert!(state() == split);
}
