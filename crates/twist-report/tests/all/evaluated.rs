//! Evaluations beside published numbers.

use std::path::Path;

use crate::fixture::Fixture;
use crate::markup::Markup;
use crate::whole::{assert_links_hold, assert_self_contained, page_of};

const CIFAR10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

fn cifar(parent: &Path, name: &'static str) -> std::path::PathBuf {
    Fixture { name, images: 300, names: CIFAR10.map(String::from).to_vec(), ..Fixture::default() }
        .write(parent)
}

#[test]
fn published_numbers_are_marked_and_say_in_what_they_differ() {
    let folder = tempfile::tempdir().unwrap();
    let run = cifar(folder.path(), "cifar");
    let same = r#"{"knn": {"k": 200, "temperature": 0.1}, "transform": {"resize": 32, "crop": 32}}"#;
    let line = |kind: &str, figures: &str, protocol: &str| {
        format!("{{\"evaluation\": \"{kind}\", {figures}, \"protocol\": {protocol}}}\n")
    };
    let lines = line("knn", "\"knn_top1\": 0.1111", same)
        + &line(
            "linear",
            "\"linear_top1\": 0.8765, \"linear_top5\": 0.9912",
            r#"{"epochs": 100, "crop": 32}"#,
        )
        + &line("knn", "\"knn_top1\": 0.2222", same)
        + &line("own idea", "\"cleverness\": 0.5", "null")
        + "{\"evaluation\": \"kn";
    fs_err::write(run.join("evaluations.jsonl"), lines).unwrap();
    let html = page_of(&run, "evaluated");
    let markup = Markup::read(&html);
    assert_self_contained(&html, &markup);
    assert_links_hold(&markup);
    for words in [
        // The last line of one protocol holds.
        "22.2\u{202f}%",
        "87.6\u{202f}%",
        "99.1\u{202f}%",
        // metrics.json says k 20: the same evaluation by another protocol is a row of its own.
        "97\u{202f}±\u{202f}4\u{202f}%",
        "LightlySSL benchmarks, CIFAR-10",
        "best of all epochs, chosen on the test set",
        "compared with this run, k 200",
        "solo-learn README",
        "FastSiam",
        "SCAN README",
        "own idea",
        "cleverness",
        "1 line of evaluations.jsonl could not be read",
    ] {
        assert!(markup.text.contains(words), "{words:?} is not on the page");
    }
    assert!(!markup.text.contains("11.1\u{202f}%"), "the earlier figure is replaced");
    // Every published row is marked as one: 33 of k-NN, 16 linear, 5 of clustering.
    let badges = markup.attribute("class").iter().filter(|name| **name == "badge warn").count();
    assert_eq!(badges - 1, 33 + 16 + 5, "one badge is the warning among the events");
}

#[test]
fn each_transfer_set_has_a_table_with_what_was_published_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = cifar(folder.path(), "transfer");
    let lines = r#"{"evaluation": "transfer", "mode": "linear", "protocol": {"weights": "a"}, "sets": [
        {"set": "dtd", "linear_top1": 0.4321, "protocol": {"l2": 1.0}},
        {"set": "voc2007", "linear_map_11_point": 0.6543, "protocol": {"l2": 2.0}}]}
        {"evaluation": "transfer", "mode": "finetune", "protocol": {"weights": "a"}, "sets": [
        {"set": "dtd", "finetune_top1": 0.5432, "protocol": {"optimizer": "SGD"}}]}"#;
    let lines = lines.replace("[\n", "[").replace(",\n", ",").replace("[\n        {", "[{");
    fs_err::write(run.join("evaluations.jsonl"), lines).unwrap();
    let markup = Markup::read(&page_of(&run, "transfer"));
    for words in [
        "Transfer to other data: DTD",
        "43.2\u{202f}%",
        "54.3\u{202f}%",
        "TWIST, by hyper.ai and Papers with Code",
        "Transfer to other data: voc2007",
        "65.4\u{202f}%",
    ] {
        assert!(markup.text.contains(words), "{words:?} is not on the page");
    }
    assert!(!markup.text.contains("evaluations.jsonl could not be read"));
}

#[test]
fn unknown_data_has_no_published_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 200, ..Fixture::default() }.write(folder.path());
    let markup = Markup::read(&page_of(&run, "unknown"));
    assert!(markup.text.contains("Twist knows no published numbers for these images"));
    assert!(!markup.text.contains("LightlySSL"));
}
