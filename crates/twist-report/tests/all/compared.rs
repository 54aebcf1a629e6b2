//! Several runs on one page.

use std::path::{Path, PathBuf};

use twist_report::report;

use crate::fixture::Fixture;
use crate::markup::Markup;
use crate::whole::{assert_links_hold, assert_self_contained, out};

#[test]
fn runs_stand_side_by_side_with_the_best_marked() {
    let folder = tempfile::tempdir().unwrap();
    let fixture =
        |name, seed, wrong| Fixture { name, seed, wrong, classes: 6, images: 240, ..Default::default() };
    let runs = [fixture("seed-1", 1, 0.05), fixture("seed-2", 2, 0.15), fixture("seed-3", 3, 0.3)];
    let mut paths: Vec<_> = runs.iter().map(|run| run.write(folder.path())).collect();
    // A run that has only begun takes part with what it has.
    let begun = folder.path().join("begun");
    fs_err::create_dir(&begun).unwrap();
    fs_err::write(begun.join("log.jsonl"), "{\"event\":\"step\",\"step\":5,\"epoch\":0.2,\"loss\":-1.0}\n")
        .unwrap();
    paths.push(begun);

    let borrowed: Vec<_> = paths.iter().map(|path| path.as_path()).collect();
    let summary = report(&borrowed, &out("compared")).unwrap();
    assert!(summary.notes.iter().any(|note| note.starts_with("begun: ")));
    let html = fs_err::read_to_string(&summary.path).unwrap();
    let markup = Markup::read(&html);
    assert_self_contained(&html, &markup);
    assert_links_hold(&markup);
    assert!(html.len() < 5_000_000, "{} bytes", html.len());

    let best = markup.attribute("class").iter().filter(|name| **name == "num best").count();
    // ACC one to one and many to one: other figures of the fixtures are equal, and what recipes cost is not judged.
    assert_eq!(best, 2);
    for words in [
        "marked among seed-1, seed-2, seed-3. The others",
        "Time, speed and memory are not judged",
        "4 runs",
        "optim.lr",
        "train.seed",
        "begun",
        "seed-3",
    ] {
        assert!(markup.text.contains(words), "{words:?} is not on the page");
    }
    assert!(!markup.text.contains("model.arch"), "what is the same in all recipes is not a difference");
    let ids = markup.attribute("id");
    for id in ["compare", "compare-curves", "compare-recipes", "r1-classes", "r3-map", "r4-training"] {
        assert!(ids.contains(&id), "no {id}");
    }
}

/// Two finished runs of one recipe that differ in their seed, and in every figure that can be marked.
fn seeds(parent: &Path) -> [PathBuf; 2] {
    let fixture =
        |name, seed, wrong| Fixture { name, seed, wrong, classes: 3, images: 60, ..Default::default() };
    let runs = [fixture("one", 1, 0.05), fixture("two", 2, 0.15)].map(|run| run.write(parent));
    let recipe = fs_err::read_to_string(runs[0].join("config.toml")).unwrap();
    fs_err::write(runs[1].join("config.toml"), recipe.replace("seed = 1", "seed = 2")).unwrap();
    runs
}

/// How many values the page of `runs` marks as best, and its words.
fn marked(runs: &[PathBuf; 2], name: &str) -> (usize, String) {
    let summary = report(&[&runs[0], &runs[1]], &out(name)).unwrap();
    let markup = Markup::read(&fs_err::read_to_string(&summary.path).unwrap());
    let best = markup.attribute("class").iter().filter(|name| **name == "num best").count();
    (best, markup.text)
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs_err::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from:?} is not in {}", file.display());
    fs_err::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn seeds_of_one_recipe_are_judged_by_what_they_cost_too() {
    let folder = tempfile::tempdir().unwrap();
    let (best, text) = marked(&seeds(folder.path()), "seeds");
    assert_eq!(best, 4, "ACC one to one and many to one, minutes, images/s");
    assert!(text.contains("the best value of each row is marked.") && !text.contains("not judged"));
}

/// What cannot be compared has no winner: other images, another protocol, a run that was stopped.
#[test]
fn runs_that_cannot_be_compared_have_no_best_values() {
    let changes = [
        ("plan.json", "00ff", "ff00", "the finished runs differ in the training images."),
        (
            "metrics.json",
            "\"evaluated_images\": 60",
            "\"evaluated_images\": 40",
            "the finished runs differ in the number of images that they were measured on.",
        ),
        (
            "metrics.json",
            "training images",
            "held-out images",
            "only one run is finished and says how it was measured.",
        ),
        ("metrics.json", "\"k\": 20", "\"k\": 200", "the finished runs differ in how k-NN was measured."),
        (
            "log.jsonl",
            "\"event\":\"done\"",
            "\"event\":\"stopped\",\"reason\":\"max_time\"",
            "only one run is finished and says how it was measured.",
        ),
    ];
    for (file, from, to, why) in changes {
        let folder = tempfile::tempdir().unwrap();
        let runs = seeds(folder.path());
        edit(&runs[1].join(file), from, to);
        let (best, text) = marked(&runs, "incomparable");
        assert_eq!(best, 0, "{to}");
        let said = format!("best values are not marked, because no two runs are comparable: {why}");
        assert!(text.contains(&said), "{to}: {text}");
    }
}

#[test]
fn runs_on_the_same_held_out_images_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let runs = seeds(folder.path());
    for run in &runs {
        edit(&run.join("metrics.json"), "training images", "held-out images");
        fs_err::write(
            run.join("data.json"),
            r#"{"recipe": "x", "train": "photos", "held_out": "photos/test", "labels": "auto"}"#,
        )
        .unwrap();
    }
    assert_eq!(marked(&runs, "held-out").0, 4);
    fs_err::write(
        runs[1].join("data.json"),
        r#"{"recipe": "x", "train": "photos", "held_out": "photos/other", "labels": "auto"}"#,
    )
    .unwrap();
    assert_eq!(marked(&runs, "held-out-others").0, 0);
}

#[test]
fn runs_of_one_name_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture { classes: 3, images: 60, ..Default::default() };
    let (a, b) = (fixture.write(&folder.path().join("a")), fixture.write(&folder.path().join("b")));
    let summary = report(&[&a, &b], &out("twins")).unwrap();
    let markup = Markup::read(&fs_err::read_to_string(&summary.path).unwrap());
    assert!(markup.text.contains("demo (1)") && markup.text.contains("demo (2)"));
    // Both runs show the same images, which the page holds once.
    assert_eq!((markup.count("symbol"), summary.pictures), (60, 60));
    assert!(markup.text.contains("all runs have the same recipe"));
}
