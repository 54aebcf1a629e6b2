//! Several runs on one page.

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
    // ACC one to one and many to one, minutes, images/s: the other figures of the fixtures are equal.
    assert_eq!(best, 4);
    for words in ["4 runs", "optim.lr", "train.seed", "begun", "seed-3"] {
        assert!(markup.text.contains(words), "{words:?} is not on the page");
    }
    assert!(!markup.text.contains("model.arch"), "what is the same in all recipes is no difference");
    let ids = markup.attribute("id");
    for id in ["compare", "compare-curves", "compare-recipes", "r1-classes", "r3-map", "r4-training"] {
        assert!(ids.contains(&id), "no {id}");
    }
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
