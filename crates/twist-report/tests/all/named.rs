//! Names, merges, the threshold of sureness, copies, and what to label next.

use twist_io::ClusterNames;
use twist_report::report;

use crate::fixture::Fixture;
use crate::markup::Markup;
use crate::whole::{assert_links_hold, assert_self_contained, out, page_of};

#[test]
fn the_page_shows_the_classes_that_a_user_sees() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 400, ..Fixture::default() }.write(folder.path());
    let mut names = ClusterNames::new(10);
    names.rename(3, "round <things>").unwrap();
    names.merge(&[3, 4], None).unwrap();
    names.set_unsure(Some(0.6)).unwrap();
    names.save(run.join("clusters.json")).unwrap();

    let html = page_of(&run, "named");
    let markup = Markup::read(&html);
    assert_self_contained(&html, &markup);
    assert_links_hold(&markup);
    assert!(markup.text.contains("round <things>") && markup.text.contains("9 classes"));
    let cards = markup.attribute("class").iter().filter(|name| **name == "class card").count();
    assert_eq!((cards, markup.with_class("unsure")), (9, 1));
    // The figures were measured before, of all images and all ten classes.
    for words in [
        "of 400 images into 9 classes",
        "less probable than 60.0\u{202f}%, and in no class",
        "in the right class (counted before merging, with unsure images)",
        "of 10 possible, before merging, with unsure images",
        "unsure ones are left out; ACC is counted before merging, with unsure images",
    ] {
        assert!(markup.text.contains(words), "{words:?} is not on the page");
    }
    assert!(markup.attribute("title").contains(&"merged: outputs 3, 4"));
}

#[test]
fn names_of_another_model_are_not_used_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 100, ..Fixture::default() }.write(folder.path());
    let mut names = ClusterNames::new(11);
    names.rename(3, "quokkas").unwrap();
    names.save(run.join("clusters.json")).unwrap();
    let markup = Markup::read(&page_of(&run, "misnamed"));
    assert!(markup.text.contains("Classes appear without their names") && !markup.text.contains("quokkas"));
}

#[test]
fn the_table_to_label_lies_beside_the_page_and_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 300, ..Fixture::default() }.write(folder.path());
    let summary = report(&[&run], &run.join("report.html")).unwrap();
    let path = summary.labels.unwrap();
    assert_eq!(path, run.join("label_next.csv"));
    let text = fs_err::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "path,cluster,name,label,probability,margin");
    assert_eq!(lines.len(), 1 + 100, "ten of each class");
    assert!(lines[1].starts_with("test/") && lines[1].contains(",,"), "{}", lines[1]);
    let margin = |line: &str| line.rsplit(',').next().unwrap().parse::<f64>().unwrap();
    assert!(margin(lines[1]) < 0.5, "the first is one of those between two classes");

    let filled = text.replacen(",,", ",ring,", 1);
    fs_err::write(&path, &filled).unwrap();
    let again = report(&[&run], &run.join("report.html")).unwrap();
    assert_eq!(fs_err::read_to_string(&path).unwrap(), filled);
    assert!(again.notes.iter().any(|note| note.contains("has labels in it already")));
    // Several runs side by side have no table.
    assert!(report(&[&run, &run], &out("two-tables")).unwrap().labels.is_none());
}

#[test]
fn copies_are_found_with_their_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 120, copies: 3, ..Fixture::default() }.write(folder.path());
    let markup = Markup::read(&page_of(&run, "copies"));
    assert!(markup.text.contains("3 of them with equal pixels"), "{}", markup.text);
    assert_eq!(markup.text.matches("equal pixels").count(), 2 + 3, "two in the text, three below pairs");
    assert_eq!(markup.with_class("pairings"), 1);
}
