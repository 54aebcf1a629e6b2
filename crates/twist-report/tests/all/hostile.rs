//! Names and texts from files that try to be markup, and numbers of any size.

use std::error::Error;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use twist_report::report;

use crate::fixture::Fixture;
use crate::markup::{Markup, Tag};
use crate::whole::{assert_links_hold, assert_self_contained, page_of};

const EVIL: &str = "</script><img src=x onerror=alert(1)>\"' onload='x";

/// A run in `folder` whose files all have `evil` wherever text may stand.
fn run_with(folder: &Path, evil: &str, fixture: &Fixture) -> PathBuf {
    let run = fixture.write(folder);
    let quoted = serde_json::to_string(evil).unwrap();
    let mut log = fs_err::read_to_string(run.join("log.jsonl")).unwrap();
    log +=
        &format!("{{\"event\":\"warning\",\"step\":1,\"epoch\":0,\"time\":{quoted},\"message\":{quoted}}}\n");
    log += &format!(
        "{{\"event\":\"skipped_image\",\"step\":1,\"epoch\":0,\"path\":{quoted},\"reason\":{quoted}}}\n"
    );
    log += &format!(
        "{{\"event\":\"start\",\"step\":0,\"version\":{quoted},\"device\":{quoted},{quoted}:{quoted}}}\n"
    );
    fs_err::write(run.join("log.jsonl"), log).unwrap();
    let name = toml::Value::from(evil);
    fs_err::write(run.join("config.toml"), format!("# {evil}\n[model]\ndim = 4\nname = {name}\n")).unwrap();
    fs_err::write(run.join("plan.json"), format!("{{{quoted}: {quoted}}}")).unwrap();
    fs_err::write(
        run.join("metrics.json"),
        format!("{{{quoted}: 0.5, \"protocol\": {{{quoted}: {quoted}}}, \"baselines\": {{{quoted}: 0.1}}}}"),
    )
    .unwrap();
    run
}

/// What turns a terminal or the direction of writing.
const ACTING: &str = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}gpj\u{2066}\u{200f}\u{feff}";

#[test]
fn nothing_from_a_file_acts_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let names = vec![ACTING.to_owned(), format!("b{ACTING}")];
    let fixture = Fixture { classes: 4, images: 200, names, ..Default::default() };
    let run = run_with(folder.path(), ACTING, &fixture);
    let html = page_of(&run, "acting");
    let acts =
        |c: char| (c.is_control() && !"\n\t".contains(c)) || "\u{202e}\u{2066}\u{200f}\u{feff}".contains(c);
    let found = html.char_indices().find(|(_, c)| acts(*c));
    assert!(found.is_none(), "{found:?}: {:?}", found.map(|(at, _)| &html[at.saturating_sub(80)..at]));
    assert!(html.matches("\\u{202e}gpj").count() > 8, "written out where it stood");
}

#[test]
fn nothing_from_a_file_becomes_markup() {
    let folder = tempfile::tempdir().unwrap();
    let names =
        vec![EVIL.to_owned(), "{{ 7 * 7 }}{% raw %}".into(), "]]><!--".into(), "a&b;\u{1f}\u{0}".into()];
    let fixture = Fixture { classes: 4, images: 200, names, ..Default::default() };
    let run = run_with(folder.path(), EVIL, &fixture);
    let honest = Markup::read(&page_of(
        &Fixture { names: vec![], ..fixture }.write(folder.path().join("b").as_path()),
        "honest",
    ));

    let html = page_of(&run, "hostile");
    let markup = Markup::read(&html);
    assert_self_contained(&html, &markup);
    assert_links_hold(&markup);
    assert_eq!(markup.count("img"), honest.count("img"));
    assert_eq!(markup.count("script"), honest.count("script"));
    let handlers = |tag: &&Tag| tag.has("onerror") || tag.has("onload");
    assert_eq!(markup.tags.iter().filter(handlers).count(), 0);
    assert!(markup.text.contains(EVIL), "what was written is shown as it was written");
    assert!(markup.text.contains("{{ 7 * 7 }}"), "a template inside a class name must not run");
}

/// A run folder from elsewhere holds the report up with nothing, and fills no memory.
#[test]
fn pipes_devices_and_holes_in_the_place_of_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { classes: 4, images: 20, ..Default::default() }.write(folder.path());
    fs_err::write(run.join("labels.csv"), "path,label\n").unwrap();
    fs_err::write(run.join("clusters.json"), "{\"version\":1,\"clusters\":4}").unwrap();
    let mut refused = 0;
    for name in [
        "config.toml",
        "plan.json",
        "data.json",
        "log.jsonl",
        "metrics.json",
        "evaluations.jsonl",
        "embeddings.parquet",
        "clusters.json",
        "labels.csv",
        "label_next.csv",
        "thumbnails.tar",
        "augmentation.png",
    ] {
        let (path, aside) = (run.join(name), folder.path().join("aside"));
        let held = fs_err::rename(&path, &aside).is_ok();
        let pipe = || mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let device = || std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let hole = || fs_err::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        for make in [&pipe as &dyn Fn(), &device, &hole] {
            make();
            match report(&[&run], &folder.path().join("report.html")) {
                Ok(written) => assert!(written.bytes > 0),
                Err(error) => {
                    let said =
                        format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default());
                    assert!(said.contains(name), "{said}");
                    refused += 1;
                }
            }
            fs_err::remove_file(&path).unwrap();
        }
        if held {
            fs_err::rename(&aside, &path).unwrap();
        }
    }
    assert!(refused >= 12, "{refused}");
}

/// What a diverging run logs is written out, drawn, and does not keep the report from ending.
#[test]
fn numbers_of_any_size_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { classes: 4, images: 100, ..Default::default() }.write(folder.path());
    let mut log = fs_err::read_to_string(run.join("log.jsonl")).unwrap();
    for (step, loss) in [(1001, "3e38"), (1002, "null"), (1003, "-1e300"), (1004, "1.7976931348623157e308")] {
        log += &format!(
            "{{\"event\":\"step\",\"step\":{step},\"epoch\":41,\"loss\":{loss},\"grad_norm\":1e20,\"learning_rate\":1e30,\
             \"images_per_second\":1e17,\"diversity\":1e-300}}\n"
        );
    }
    fs_err::write(run.join("log.jsonl"), log).unwrap();
    let metrics = fs_err::read_to_string(run.join("metrics.json")).unwrap();
    let metrics = metrics.replacen('{', "{\"huge\": 1e17, \"tiny\": -1e-300, \"nmi\": 1e20,", 1);
    fs_err::write(run.join("metrics.json"), metrics.replace("1.24", "1.7e308")).unwrap();

    let markup = Markup::read(&page_of(&run, "numbers"));
    for words in ["norm 1.00e20", "learning rate 1.00e30", "1.00e17", "−1.00e−300", "1.70e308", "−1.00e300"]
    {
        assert!(markup.text.contains(words), "{words:?} is not on the page");
    }
    let drawn = markup.attribute("d").concat();
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "a line leads nowhere");
}

/// Numbers that a damaged file claims are not believed before they become memory or time.
#[test]
fn claims_of_a_damaged_run_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { classes: 4, images: 100, ..Default::default() }.write(folder.path());
    let log = fs_err::read_to_string(run.join("log.jsonl")).unwrap();
    fs_err::write(run.join("log.jsonl"), log.replacen("\"classes\":4", "\"clusters\":100000000", 1)).unwrap();
    let lines: String = (0..20_000)
        .map(|k| format!("{{\"evaluation\":\"knn\",\"knn_top1\":0.5,\"protocol\":{{\"k\":{k}}}}}\n"))
        .collect();
    fs_err::write(run.join("evaluations.jsonl"), lines).unwrap();
    let markup = Markup::read(&page_of(&run, "claims"));
    assert!(markup.text.contains("log.jsonl claims 100000000 classes, which is not believed"));
    assert!(markup.text.contains("hold 20002 evaluations by different protocols; the last 200 are shown"));
    assert!(markup.text.contains("of 4 possible"), "the recipe says how many there are");
}

/// A class that no network has is damage of the table, not a reason to name four billion classes.
#[test]
fn a_class_beyond_all_networks_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture { classes: 4, images: 100, highest: Some(u32::MAX - 1), ..Default::default() };
    let run = fixture.write(folder.path());
    fs_err::remove_file(run.join("log.jsonl")).unwrap();
    let markup = Markup::read(&page_of(&run, "beyond"));
    assert!(markup.text.contains("embeddings.parquet could not be read"), "{}", markup.text);
    assert!(markup.text.contains("names class 4294967294"));
}
