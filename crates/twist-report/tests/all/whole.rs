//! A finished run with everything in it.

use std::path::{Path, PathBuf};

use twist_report::report;

use crate::fixture::Fixture;
use crate::markup::Markup;

/// Where pages stay for people to look at.
pub(crate) fn out(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.html"))
}

/// The page of one run.
pub(crate) fn page_of(folder: &Path, name: &str) -> String {
    let out = out(name);
    let summary = report(&[folder], &out).unwrap();
    assert_eq!(summary.path, out);
    let html = fs_err::read_to_string(&out).unwrap();
    assert_eq!(summary.bytes, html.len() as u64);
    html
}

/// Nothing in a page may refer to anything outside it.
pub(crate) fn assert_self_contained(html: &str, markup: &Markup) {
    assert!(!html.contains("http://") && !html.contains("https://"), "the page names a web address");
    for name in ["src", "href"] {
        for value in markup.attribute(name) {
            assert!(value.starts_with("data:image/") || value.starts_with('#'), "{name}={:.60}", value);
        }
    }
    assert_eq!(html.matches("url(").count(), html.matches("url(data:image/").count());
    assert!(html.contains("default-src 'none'"));
    assert!(!html.contains("@import") && markup.count("link") == 0 && markup.count("iframe") == 0);
}

/// Every `#name` leads somewhere, and no name is given twice.
pub(crate) fn assert_links_hold(markup: &Markup) {
    let ids = markup.attribute("id");
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an id is given twice");
    let targets: Vec<&str> =
        markup.attribute("href").into_iter().filter_map(|href| href.strip_prefix('#')).collect();
    assert!(targets.len() > 1);
    for target in targets {
        assert!(unique.binary_search(&target).is_ok(), "#{target} leads nowhere");
    }
}

#[test]
fn every_section_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture::default().write(folder.path());
    let html = page_of(&run, "whole");
    let markup = Markup::read(&html);
    assert_self_contained(&html, &markup);
    assert_links_hold(&markup);

    let ids = markup.attribute("id");
    for section in [
        "classes",
        "confusion",
        "neighbours",
        "finds",
        "label",
        "map",
        "training",
        "views",
        "figures",
        "evaluations",
        "events",
        "setup",
    ] {
        assert!(ids.contains(&format!("r1-{section}").as_str()), "no section {section}");
    }
    // The map is drawn by the script.
    assert_eq!(markup.with_class("missing"), 1, "something is called missing");
    let classes = |name: &str| markup.with_class(name);
    assert_eq!(classes("tile"), 7);
    assert_eq!((classes("class"), classes("chart"), classes("row")), (10, 7, 10));
    // Two for each class and each row of neighbours, the oddities, and what to label next; the fixture has no copies.
    assert_eq!(classes("strip"), 10 * 2 + 10 * 2 + 2);
    assert_eq!(markup.with_class("map"), 1);
    assert!(markup.text.contains("The map of 1,000 images"));
    assert!(classes("thumb") >= 10 * 32 + 10 * 9);

    for words in [
        "93.0\u{202f}%",
        "1,000 images",
        "raw pixels: 38.4\u{202f}%, on 100 images",
        "k-NN accuracy, on 100 images",
        "10 classes",
        "2\u{a0}min 51\u{a0}s",
        "finished",
        "No figure speaks against these classes: 10 of 10 classes are in use; mean probability 0.91; ACC 93.0\u{202f}% against \
         k-means on raw pixels with the same number of clusters (21.3\u{202f}%)",
        "k-means on raw pixels with as many clusters gets 21.3\u{202f}%",
        "half moon",
        "resumed",
        "the disk is nearly full",
        "broken/one.jpg",
        "k-means on raw pixels",
        "knn.temperature",
        "resnet18_cifar",
        "peak_learning_rate",
        "ln K",
    ] {
        assert!(markup.text.contains(words), "{words:?} is not on the page");
    }
    assert!(!markup.text.contains("NaN") && !markup.text.contains("none of"));
}

#[test]
fn pictures_have_words_and_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let html = page_of(&Fixture { images: 300, ..Default::default() }.write(folder.path()), "words");
    let markup = Markup::read(&html);
    let (mut shown, mut unnamed) = (0, 0);
    for tag in &markup.tags {
        match tag.name.as_str() {
            "img" => unnamed += usize::from(!tag.has("alt")),
            "svg" => {
                shown += 1;
                unnamed += usize::from(!tag.has("aria-label") && !tag.has("aria-hidden"));
            }
            _ => {}
        }
    }
    assert!(shown > 300 && unnamed == 0, "{unnamed} of {shown} have no words");
    // 300 images are shown in the gallery, again as neighbours, and on the map in one sheet.
    let mut shown: Vec<&str> =
        markup.attribute("href").into_iter().filter(|href| href.starts_with("#t")).collect();
    let all = shown.len();
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), markup.count("symbol"));
    assert!(all > shown.len() + 50 && shown.len() > 290, "{} of {all}", shown.len());
}

#[test]
fn the_page_is_small_and_made_alike_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 2000, ..Default::default() }.write(folder.path());
    let first = page_of(&run, "first");
    assert!(first.len() < 5_000_000, "{} bytes", first.len());
    assert_eq!(first, page_of(&run, "second"));
}

#[test]
fn a_hundred_classes_stay_readable() {
    let folder = tempfile::tempdir().unwrap();
    let run =
        Fixture { classes: 100, images: 4000, names: Vec::new(), name: "hundred", ..Default::default() }
            .write(folder.path());
    let html = page_of(&run, "hundred");
    let markup = Markup::read(&html);
    assert!(html.len() < 8_000_000, "{} bytes", html.len());
    let cards = markup.attribute("class").iter().filter(|name| **name == "class card").count();
    assert_eq!(cards, 100);
    assert!(markup.count("rect") >= 100);
    assert!(markup.text.contains("The map of 4,000 images") && markup.text.contains("all 4,000 images"));
}
