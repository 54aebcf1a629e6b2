//! Names, merges, the threshold of sureness, copies, and what to label next.

use std::path::Path;

use twist_report::report;
use twist_run::ClusterNames;

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
        "unsure (probability below 60.0\u{202f}%) and in no class",
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
    assert!(again.notes.iter().any(|note| note.contains("already has labels")));
    // Several runs side by side have no table.
    assert!(report(&[&run, &run], &out("two-tables")).unwrap().labels.is_none());
}

/// Columns of every table of images, and what each table adds.
fn rows(path: &Path, own: &[&str]) -> Vec<csv::StringRecord> {
    let mut table = csv::Reader::from_path(path).unwrap();
    let columns: Vec<&str> =
        ["path", "cluster", "name", "label", "probability"].iter().chain(own).copied().collect();
    assert_eq!(table.headers().unwrap().iter().collect::<Vec<_>>(), columns);
    table.records().collect::<Result<_, _>>().unwrap()
}

#[test]
fn copies_are_found_by_their_pixels_and_all_of_them_are_in_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 120, copies: 30, ..Fixture::default() }.write(folder.path());
    let markup = Markup::read(&page_of(&run, "copies"));
    assert!(markup.text.contains("30 with equal pixels"), "{}", markup.text);
    assert_eq!(markup.with_class("pairings"), 1);
    report(&[&run], &run.join("report.html")).unwrap();
    let own = ["copy_of", "copy_of_label", "by", "pixel_difference", "similarity"];
    let pairs = rows(&run.join("duplicates.csv"), &own);
    let equal: Vec<_> = pairs.iter().filter(|row| &row[7] == "equal pixels").collect();
    assert_eq!(equal.len(), 30, "more than the page shows");
    for row in equal {
        let number = |cell: &str| cell.rsplit('/').next().unwrap()[..5].parse::<u32>().unwrap();
        assert_eq!(number(&row[0]), number(&row[5]) + 1, "each image with the one that it repeats");
        assert_eq!((&row[8], &row[9]), ("0.00", "1.0000"));
    }
    let lonely = rows(&run.join("outliers.csv"), &["similarity"]);
    assert_eq!(lonely.len(), 120);
    let similar: Vec<f64> = lonely.iter().map(|row| row[5].parse().unwrap()).collect();
    assert!(similar.is_sorted(), "the loneliest first");
}

/// A network that finds everything alike makes no copies: the pixels differ.
#[test]
fn equal_features_of_different_pictures_are_no_copies() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 120, blind: true, ..Fixture::default() }.write(folder.path());
    report(&[&run], &run.join("report.html")).unwrap();
    let own = ["copy_of", "copy_of_label", "by", "pixel_difference", "similarity"];
    let found = rows(&run.join("duplicates.csv"), &own);
    assert!(found.is_empty(), "{} pairs, the first {:?}", found.len(), found[0]);
}
