//! Runs that lack something, and folders that are not runs.

use std::path::Path;

use twist_report::{ReportError, report};

use crate::fixture::Fixture;
use crate::markup::Markup;
use crate::whole::{assert_links_hold, assert_self_contained, out, page_of};

fn small() -> Fixture {
    Fixture { classes: 5, images: 150, ..Default::default() }
}

/// The page of `run`, checked for what every page must be.
fn checked(run: &Path, name: &str) -> Markup {
    let html = page_of(run, name);
    let markup = Markup::read(&html);
    assert_self_contained(&html, &markup);
    assert_links_hold(&markup);
    markup
}

/// Heads on features and classifiers have no views, so a contact sheet is not missing.
#[test]
fn a_run_without_views_has_no_section_about_them() {
    for (plan, said) in [(r#"{"views": [{"size": 32}]}"#, true), (r#"{"heads": 8}"#, false)] {
        let folder = tempfile::tempdir().unwrap();
        let run = small().write(folder.path());
        fs_err::write(run.join("plan.json"), plan).unwrap();
        fs_err::remove_file(run.join("augmentation.png")).unwrap();
        let page = checked(&run, "views");
        assert_eq!(page.text.contains("What the network saw"), said, "{plan}");
    }
}

#[test]
fn each_file_may_be_missing_or_damaged() {
    let parts = [
        ("config.toml", "The run folder has no config.toml", "not valid TOML"),
        ("plan.json", "The run folder has no plan.json", "plan.json is damaged"),
        ("data.json", "", "data.json is damaged"),
        ("log.jsonl", "The run folder has no log.jsonl", "of log.jsonl could not be read"),
        ("metrics.json", "no final figures", "metrics.json is damaged"),
        ("embeddings.parquet", "no embeddings", "embeddings.parquet could not be read"),
        ("thumbnails.tar", "no thumbnails", "thumbnails.tar could not be read"),
        ("augmentation.png", "no contact sheet", "augmentation.png is damaged"),
        ("evaluations.jsonl", "", "evaluations.jsonl could not be read"),
        ("labels.csv", "", "labels.csv cannot be used"),
        ("clusters.json", "", "Classes appear without their names"),
    ];
    let mut seen = 0;
    for (file, absent, damaged) in parts {
        let folder = tempfile::tempdir().unwrap();
        let run = small().write(folder.path());
        let summary = report(&[run.as_path()], &out("sound")).unwrap();
        assert!(summary.damaged.is_empty(), "{:?}", summary.damaged);
        if !absent.is_empty() {
            fs_err::remove_file(run.join(file)).unwrap();
        }
        assert!(checked(&run, "missing").text.contains(absent), "{file} missing: {absent:?} is not said");
        if !damaged.is_empty() {
            fs_err::write(run.join(file), b"{\xff\x00 = broken [").unwrap();
            assert!(
                checked(&run, "damaged").text.contains(damaged),
                "{file} damaged: {damaged:?} is not said"
            );
            let told = report(&[run.as_path()], &out("damaged")).unwrap().damaged;
            // A kill leaves half a line in the log, and whoever goes on continues behind it.
            assert!(
                file == "log.jsonl" || told.iter().any(|note| note.contains(damaged)),
                "{file}: {told:?}"
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 11);
}

#[test]
fn tables_of_older_versions_say_the_same() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [new, old] = [false, true].map(|older| {
        let run = Fixture { older, ..small() }.write(folders[usize::from(older)].path());
        let markup = checked(&run, "older");
        let text = markup.text.replace(&run.display().to_string(), "RUN");
        (markup.attribute("data-tip").join("\n"), text)
    });
    assert!(new.0.contains("test/disc/00000.png\nlabel: disc"), "paths and names of labels are there");
    assert_eq!(new, old);
}

#[test]
fn without_labels_there_is_a_gallery_and_no_confusion() {
    let folder = tempfile::tempdir().unwrap();
    let markup = checked(&Fixture { labels: false, ..small() }.write(folder.path()), "unlabelled");
    assert!(markup.text.contains("no labels, so the classes cannot be compared"));
    assert!(markup.text.contains("training does not use them"));
    assert_eq!(markup.attribute("class").iter().filter(|name| **name == "class card").count(), 5);
    assert_eq!(markup.count("rect"), 0);
    assert!(markup.text.contains("The map of 150 images"));
    assert!(!markup.text.contains("Colour by"));
}

#[test]
fn a_run_that_was_killed_says_how_far_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("killed");
    fs_err::create_dir(&run).unwrap();
    let log = small().log();
    let cut = log.find("\"step\":300,").unwrap();
    fs_err::write(run.join("log.jsonl"), &log[..cut]).unwrap();
    let markup = checked(&run, "killed");
    assert!(markup.text.contains("The run has not finished: the log reaches step 295 (epoch 11.8)"));
    assert!(markup.text.contains("twist train --resume --out"));
    assert!(markup.text.contains("1 line of log.jsonl could not be read"));
    assert!(markup.text.contains("last evaluation while training"));
    assert_eq!(markup.attribute("class").iter().filter(|name| name.starts_with("chart ")).count(), 7);
}

#[test]
fn a_run_that_was_stopped_says_how_far_it_came_and_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let run = small().write(folder.path());
    let log = small().log();
    let cut = log.find("{\"event\":\"step\",\"step\":315,").unwrap();
    let stopped = "{\"event\":\"stopped\",\"step\":310,\"epoch\":12.4,\"reason\":\"max_time\"}\n";
    fs_err::write(run.join("log.jsonl"), log[..cut].to_owned() + stopped).unwrap();
    let markup = checked(&run, "stopped");
    for words in [
        "12.4 of 40 epochs",
        "Not finished: the run was stopped at step 310 (epoch 12.4 of 40) by --max-time.",
        "twist train --resume --out",
        "Training took 2\u{a0}min 51\u{a0}s on the CPU so far.",
        "Measured before training had ended",
        "These classes are not usable yet: training has not ended",
    ] {
        assert!(markup.text.contains(words), "{words:?} is not on the page");
    }
}

#[test]
fn a_collapse_is_told_with_its_advice() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("collapsed");
    fs_err::create_dir(&run).unwrap();
    let text = "{\"event\":\"step\",\"step\":5,\"epoch\":0.1,\"loss\":0.0}\n\
                {\"event\":\"collapse\",\"step\":5,\"epoch\":0.1,\"kind\":\"one class takes all\",\"advice\":\"raise loss.lam2\",\"saved\":\"checkpoints/bad.safetensors\"}\n";
    fs_err::write(run.join("log.jsonl"), text).unwrap();
    let markup = checked(&run, "collapsed");
    assert!(markup.text.contains("one class takes all") && markup.text.contains("raise loss.lam2"));
    assert!(markup.text.contains("checkpoints/bad.safetensors"));
    assert!(
        markup.text.contains("Not finished: the run collapsed at step 5")
            && markup.text.contains("starts again")
    );
}

#[test]
fn an_empty_log_is_a_run_without_a_step() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("log.jsonl"), "").unwrap();
    let text = checked(folder.path(), "empty").text;
    assert!(text.contains("has not logged a step yet"));
    assert!(!text.contains("No two images are nearly the same"), "nobody has looked");
}

#[test]
fn what_is_no_run_is_refused_with_a_remedy_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report.html");
    let nowhere = folder.path().join("nowhere");
    let refused = [
        report(&[&nowhere], &out).unwrap_err(),
        report(&[folder.path()], &out).unwrap_err(),
        report(&[], &out).unwrap_err(),
    ];
    assert!(matches!(
        &refused,
        [ReportError::NotFound { .. }, ReportError::NotARun { .. }, ReportError::NoRuns]
    ));
    for error in &refused {
        assert!(error.to_string().contains("twist "), "{error}");
    }
    assert!(refused[0].to_string().contains("nowhere"));
    assert!(!out.exists());
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = small().write(folder.path());
    let error = report(&[&run], &folder.path().join("no/such/folder/report.html")).unwrap_err();
    assert!(
        matches!(error, ReportError::Write(_)) && error.to_string().contains("no/such/folder"),
        "{error}"
    );
    let old = out("old");
    fs_err::write(&old, "old").unwrap();
    report(&[&folder.path().join("gone")], &old).unwrap_err();
    assert_eq!(fs_err::read_to_string(&old).unwrap(), "old");
}
