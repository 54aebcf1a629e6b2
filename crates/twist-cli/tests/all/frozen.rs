//! Heads on frozen features, as a user trains them.

use std::io::Write;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use twist_io::NpyWriter;
use twist_nn::{Init, fill};

use crate::support::{Place, wait_until};

const GROUPS: usize = 5;
const WIDTH: usize = 16;
const LINE: &str =
    "--clusters 5 --device cpu --threads 1 --batch-size 125 --epochs 30 --set model.hidden_dim=64";

/// `NAME.npy` and `NAME.labels.npy`: `rows` points around five corners in 16 dimensions, the group of row `i` being `i % 5`.
pub(crate) fn mixture(place: &Place, name: &str, rows: usize, seed: u64) {
    let mut values = fill(Init::Normal { std: 0.4 }, seed, "noise", rows * WIDTH);
    for (row, point) in values.chunks_exact_mut(WIDTH).enumerate() {
        point[row % GROUPS] += 4.0;
    }
    let mut table = NpyWriter::create(place.path(format!("{name}.npy")), WIDTH).unwrap();
    table.push(&values).unwrap();
    table.finish().unwrap();
    let labels: Vec<i64> = (0..rows as i64).map(|row| row % GROUPS as i64).collect();
    save_labels(place, name, &labels);
}

/// Labels as `numpy.save` writes int64.
fn save_labels(place: &Place, name: &str, labels: &[i64]) {
    let mut head = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({},), }}", labels.len());
    while (10 + head.len() + 1) % 64 != 0 {
        head.push(' ');
    }
    let mut file = fs_err::File::create(place.path(format!("{name}.labels.npy"))).unwrap();
    file.write_all(b"\x93NUMPY\x01\x00").unwrap();
    file.write_all(&(head.len() as u16 + 1).to_le_bytes()).unwrap();
    file.write_all(head.as_bytes()).unwrap();
    file.write_all(b"\n").unwrap();
    labels.iter().for_each(|label| file.write_all(&label.to_le_bytes()).unwrap());
}

fn metrics(place: &Place, run: &str) -> Value {
    serde_json::from_slice(&fs_err::read(place.path(run).join("metrics.json")).unwrap()).unwrap()
}

#[test]
fn a_mixture_is_found_from_npy_and_from_parquet() {
    let place = Place::new();
    mixture(&place, "train", 1_000, 1);
    mixture(&place, "test", 200, 2);
    let done = place.run(&format!("train train.npy --eval-data test.npy --out npy {LINE}"));
    done.exits(0).says(&["1,000 images, 5 clusters", "lowest loss"]);
    assert!(
        done.out.contains("ACC 1.000") && done.out.contains("k-means on the same features"),
        "{}",
        done.out
    );
    let found = metrics(&place, "npy");
    assert_eq!(found["accuracy_one_to_one"], 1.0, "{found}");
    assert_eq!(found["baselines"]["kmeans_features_accuracy"], 1.0, "{found}");
    let protocol = &found["protocol"];
    assert_eq!(
        (&protocol["evaluated_on"], &protocol["evaluated_images"]),
        (&"held-out images".into(), &200.into())
    );
    assert_eq!(protocol["head_losses"].as_array().unwrap().len() as u64, protocol["heads"].as_u64().unwrap());
    for file in
        ["model.safetensors", "embeddings.parquet", "images.csv", "report.html", "log.jsonl", "plan.json"]
    {
        assert!(place.path("npy").join(file).is_file(), "{file}");
    }
    assert!(!place.path("npy/thumbnails.tar").exists(), "features have no pictures");
    assert!(place.names("npy").iter().any(|name| name.starts_with("events.out.tfevents")));

    // The head is a model of features: it classifies a file of them, and is scored on one.
    let table = place.run("predict npy test.npy");
    table.exits(0);
    assert_eq!(table.out.lines().count(), 201, "{}", table.out);
    let scored = place.run("eval cluster npy --test test.npy --kmeans-seeds 1 --json");
    scored.exits(0);
    let scored: Value = serde_json::from_str(&scored.out).unwrap();
    assert_eq!(scored["accuracy_one_to_one"], 1.0, "{scored}");
    let mut narrow = NpyWriter::create(place.path("narrow.npy"), 3).unwrap();
    narrow.push(&[1.0; 30]).unwrap();
    narrow.finish().unwrap();
    let refused = place.run("predict npy narrow.npy");
    refused.exits(1).says(&["features of 16 numbers", "another backbone"]);
    assert!(refused.out.is_empty(), "no header without rows: {}", refused.out);
    for (line, words) in [
        ("eval cluster npy --test narrow.npy", ["narrow.npy has no labels", "x.labels.npy"]),
        ("eval cluster npy --test test.npy --labels a.csv", ["--labels a.csv is for images", "x.labels.npy"]),
        ("predict npy test.npy --labels a.csv", ["--labels a.csv is for images", "x.labels.npy"]),
        ("eval knn npy --train test.npy --test test.npy", ["test.npy holds features", "twist eval cluster"]),
        ("data info test.npy", ["test.npy holds features", "looks at images"]),
    ] {
        place.run(line).exits(2).says(&words);
    }

    // What a run leaves is a file of features as well.
    let done = place.run(&format!(
        "train npy/embeddings.parquet --out parquet {}",
        LINE.replace("125", "50").replace("30", "80")
    ));
    done.exits(0);
    assert_eq!(metrics(&place, "parquet")["accuracy_one_to_one"], 1.0);
    assert_eq!(metrics(&place, "parquet")["protocol"]["evaluated_on"], "training images");
}

#[test]
fn labels_are_only_measured_with() {
    let place = Place::new();
    mixture(&place, "train", 500, 1);
    place.run(&format!("train train.npy --out with {LINE}")).exits(0);
    place.run(&format!("train train.npy --out without --labels none {LINE}")).exits(0);
    let weights = |run: &str| fs_err::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(weights("with") == weights("without"), "labels changed the weights");
    let blind = metrics(&place, "without");
    assert!(blind.get("accuracy_one_to_one").is_none() && blind.get("baselines").is_none(), "{blind}");
    assert_eq!(blind["classes_in_use"], 5);
}

#[test]
fn few_steps_are_warned_of() {
    let place = Place::new();
    mixture(&place, "train", 300, 1);
    place
        .run("train train.npy --clusters 5 --device cpu --threads 1 --epochs 3")
        .exits(0)
        .says(&["only 3 steps", "--batch-size"]);
}

#[test]
fn without_a_recipe_the_head_is_no_worse_than_k_means_and_nothing_is_warned_of() {
    let place = Place::new();
    mixture(&place, "train", 300, 1);
    let done = place.run("train train.npy --clusters 5 --device cpu --threads 1 --out run");
    done.exits(0).says(&["frozen_auto: 5 clusters: as asked for", "600 steps", "lowest loss"]);
    assert!(!done.err.contains("warning"), "{}", done.err);
    let found = metrics(&place, "run");
    let figure = |pointer: &str| found.pointer(pointer).unwrap().as_f64().unwrap();
    let kmeans =
        figure("/baselines/kmeans_features_accuracy").max(figure("/baselines/kmeans_unit_features_accuracy"));
    assert!(figure("/accuracy_one_to_one") >= kmeans, "{found}");
    assert_eq!(found["protocol"]["led_heads"], 2);
    // The run knows its recipe: nothing is chosen again.
    place.run("train --resume --out run --device cpu --threads 1").exits(0).says(&["finished already"]);
}

#[test]
fn the_number_of_clusters_is_said_and_never_taken_from_labels() {
    let place = Place::new();
    mixture(&place, "train", 100, 1);
    let labels = "the labels have 5 classes; labels only measure";
    let printed = place.run("train train.npy --device cpu --print-config");
    printed.exits(0).says(&["5 clusters: estimated from the features", labels]);
    assert!(
        printed.out.contains("dim = 5\n") && printed.out.contains("neighbours = 10\n"),
        "{}",
        printed.out
    );
    let silent = place.run("train train.npy --labels none --device cpu --print-config");
    silent.exits(0).says(&["5 clusters: estimated from the features"]);
    assert!(!silent.err.contains("the labels have"), "{}", silent.err);

    // Asked for in words, as a number, with a recipe of one's own, and where nothing can be counted.
    let auto = place.run("train train.npy --clusters auto --device cpu --print-config");
    assert_eq!(auto.exits(0).out, printed.out);
    let given = place.run("train train.npy --clusters 7 --device cpu --print-config");
    given.exits(0).says(&["7 clusters: as asked for"]);
    let named = place.run("train train.npy --clusters auto --recipe frozen --device cpu --print-config");
    named.exits(0).says(&["5 clusters: estimated from the features", "--clusters K sets another number"]);
    assert!(named.out.contains("dim = 5\n"), "{}", named.out);
    mixture(&place, "few", 50, 1);
    let few = place.run("train few.npy --device cpu --print-config");
    few.exits(0).says(&["2 clusters: 50 rows are too few to count classes in"]);
    let refused = place.run("train few.npy --clusters auto --recipe frozen --device cpu --print-config");
    refused.exits(2).says(&["--clusters auto", "give a number"]);
    place.pictures("photos", 8);
    let images = place.run("train photos --clusters auto --device cpu --print-config");
    images.exits(2).says(&["--clusters auto counts classes in the features", "--frozen starter"]);
}

#[test]
fn a_head_goes_on_with_its_own_features_and_batch_only() {
    let place = Place::new();
    mixture(&place, "train", 300, 1);
    mixture(&place, "other", 300, 2);
    let line = "--clusters 5 --device cpu --threads 1 --batch-size 100 --epochs 40 --set model.hidden_dim=16";
    place.run(&format!("train train.npy --out run {line}")).exits(0);
    let again = "--resume --out run --device cpu --threads 1";
    place.run(&format!("train other.npy {again}")).exits(2).says(&["was trained on", "other.npy", "--out"]);
    place
        .run(&format!("train train.npy {again} --epochs 60 --batch-size 50"))
        .exits(1)
        .says(&["100 rows", "50 now"]);
    fs_err::copy(place.path("train.npy"), place.path("moved.npy")).unwrap();
    fs_err::copy(place.path("train.labels.npy"), place.path("moved.labels.npy")).unwrap();
    place.run(&format!("train moved.npy {again}")).exits(0).says(&["finished already"]);
}

#[test]
fn a_stopped_run_resumes_to_the_same_model() {
    let place = Place::new();
    mixture(&place, "train", 1_000, 1);
    let line =
        LINE.replace("--epochs 30", "--epochs 150") + " --set eval.every_epochs=0 --set checkpoint.keep=2";
    let mut child = place.start(&format!("train train.npy --out stopped {line}"));
    wait_until("checkpoints", || place.events("stopped", "checkpoint").len() >= 3);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!place.path("stopped/model.safetensors").exists(), "it was stopped in the middle");
    place.run("train --resume --out stopped --device cpu --threads 1").exits(0);
    assert_eq!(place.events("stopped", "resumed").len(), 1);
    assert!(place.events("stopped", "warning").is_empty());
    place.run(&format!("train train.npy --out calm {line}")).exits(0);
    let weights = |run: &str| fs_err::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(weights("calm") == weights("stopped"), "the models differ");
    let tree = |run: &str| fs_err::read_to_string(place.path(run).join("tree.json")).unwrap();
    assert_eq!(tree("calm"), tree("stopped"));
    place.run("train --resume --out calm").exits(0).says(&["finished already"]);
}

#[test]
fn a_head_grows_on_a_frozen_backbone() {
    let place = Place::new();
    place.pictures("photos", 32);
    place.pictures("held", 12);
    place.run("train photos --recipe tiny.toml --device cpu --threads 1 --out whole").exits(0);
    let line = "--frozen whole --clusters 2 --device cpu --threads 1 --set model.hidden_dim=16 --set pairs.neighbours=3";
    let done = place
        .twist(format!("train photos --eval-data held --out head {line}").split(' '))
        .env("TWIST_CACHE", place.path("cache"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let found = metrics(&place, "head");
    assert_eq!(found["protocol"]["evaluated_images"], 12);
    assert!(found["accuracy_one_to_one"].as_f64().unwrap() >= 0.5, "{found}");
    assert!(place.path("head/thumbnails.tar").is_file());
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("features: 0 images from the cache, 32 computed"), "{said}");
    // The held-out pictures are those that training began with.
    assert!(said.contains("held-out features: 12 images from the cache, 0 computed"), "{said}");
    let kept = place.names("cache");
    assert!(kept.len() == 1 && kept[0].ends_with(".features"), "{kept:?}");
    let done = place
        .twist(format!("train photos --eval-data held --out again {line}").split(' '))
        .env("TWIST_CACHE", place.path("cache"))
        .output()
        .unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("features: 32 images from the cache, 0 computed"), "{said}");
    let weights = |run: &str| fs_err::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(weights("head") == weights("again"), "the features are the same");
}

#[test]
fn wrong_features_are_refused_with_what_would_be_right() {
    let place = Place::new();
    mixture(&place, "train", 100, 1);
    place.pictures("photos", 4);
    let cases: [(&str, i32, &[&str]); 9] = [
        ("train photos --recipe frozen", 2, &["--frozen MODEL", ".npy"]),
        ("train train.npy --recipe demo", 1, &["recipe of a head", "frozen"]),
        ("train train.npy --init tiny.toml", 2, &["--init"]),
        ("train train.npy --frozen x", 2, &["--frozen"]),
        ("train train.npy --labels a.csv", 2, &["x.labels.npy"]),
        ("train train.npy --eval-data photos", 2, &["--eval-data", "photos"]),
        ("train train.npy --clusters 101", 1, &["--clusters", "100"]),
        ("train absent.npy", 1, &["absent.npy"]),
        ("train photos --frozen absent", 1, &["absent"]),
    ];
    for (line, code, words) in cases {
        place.run(&format!("{line} --device cpu")).exits(code).says(words);
    }
    assert!(!place.names(".").contains(&"runs".to_string()), "nothing is left behind");
    for (name, values, words) in [
        ("equal", vec![1.5; 10 * WIDTH], "all 10 rows are equal"),
        ("zeros", vec![0.0; 10 * WIDTH], "all 10 rows are equal"),
        ("large", (0..10 * WIDTH).map(|i| i as f32 * 1e20).collect(), "its largest number is 2e22"),
        ("small", (0..10 * WIDTH).map(|i| i as f32 * 1e-30).collect(), "its largest number is 2e-28"),
    ] {
        let mut table = NpyWriter::create(place.path(format!("{name}.npy")), WIDTH).unwrap();
        table.push(&values).unwrap();
        table.finish().unwrap();
        place
            .run(&format!("train {name}.npy --clusters 2 --device cpu --out {name}"))
            .exits(1)
            .says(&[words]);
        assert!(!place.path(name).join("plan.json").exists(), "nothing was begun");
    }
    save_labels(&place, "train", &[0; 99]);
    place.run("train train.npy").exits(1).says(&["train.labels.npy", "[99]", "[100]"]);
}
