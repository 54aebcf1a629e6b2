//! A run folder that version 0.1.0 wrote in November 2026 (`tests/run_folder`) still does what a run of today does.

use std::path::Path;

use crate::support::Place;

/// Copies everything below `from` into `to`.
fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs_err::copy(entry.path(), &place).unwrap();
        }
    }
}

/// The run and its images; `data.json` says where these are now.
fn place() -> Place {
    let place = Place::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/run_folder"), &place.path(""));
    let file = place.path("run/data.json");
    let sources = fs_err::read_to_string(&file).unwrap();
    assert!(sources.contains("@images"), "{sources}");
    let images = place.path("images").display().to_string();
    fs_err::write(file, sources.replace("@images", &images)).unwrap();
    place
}

#[test]
fn a_finished_run_is_known_to_be_finished() {
    let place = place();
    let before = fs_err::read(place.path("run/metrics.json")).unwrap();
    place.run("train --resume --out run --device cpu --threads 1").exits(0).says(&["is finished already"]);
    assert_eq!(fs_err::read(place.path("run/metrics.json")).unwrap(), before);
    assert_eq!(place.run("clusters run show").exits(0).out.matches("first").count(), 1);
}

#[test]
fn it_goes_on_from_its_checkpoint_and_reports() {
    let place = place();
    let line = "train --resume --out run --device cpu --threads 1 --epochs 5";
    place.run(line).exits(0).says(&["schedule.epochs 4 -> 5", "resumed at step 12"]);
    assert_eq!(place.events("run", "resumed")[0]["step"], 12);
    assert_eq!(place.events("run", "done").last().unwrap()["step"], 15);
    place.run("report run --out page.html").exits(0);
    let page = fs_err::read_to_string(place.path("page.html")).unwrap();
    assert!(page.contains("first") && page.contains("k-NN"));
}

#[test]
fn weights_and_evaluations_are_read() {
    let place = place();
    let knn = "eval knn run --train images --test images --device cpu --threads 1 --no-cache --json";
    let found: serde_json::Value = serde_json::from_str(&place.run(knn).exits(0).out).unwrap();
    let lines = fs_err::read_to_string(place.path("run/evaluations.jsonl")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(found["knn_top1"], kept["knn_top1"], "the same network on the same images");
}
