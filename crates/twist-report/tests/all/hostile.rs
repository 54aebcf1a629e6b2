//! Names and texts from files that try to be markup.

use crate::fixture::Fixture;
use crate::markup::{Markup, Tag};
use crate::whole::{assert_links_hold, assert_self_contained, page_of};

const EVIL: &str = "</script><img src=x onerror=alert(1)>\"' onload='x";

#[test]
fn nothing_from_a_file_becomes_markup() {
    let folder = tempfile::tempdir().unwrap();
    let names =
        vec![EVIL.to_owned(), "{{ 7 * 7 }}{% raw %}".into(), "]]><!--".into(), "a&b;\u{1f}\u{0}".into()];
    let fixture = Fixture { classes: 4, images: 200, names, ..Default::default() };
    let run = fixture.write(folder.path());
    let honest = Markup::read(&page_of(
        &Fixture { names: vec![], ..fixture }.write(folder.path().join("b").as_path()),
        "honest",
    ));

    let quoted = serde_json::to_string(EVIL).unwrap();
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
    fs_err::write(run.join("config.toml"), format!("# {EVIL}\n[model]\ndim = 4\nname = '''{EVIL}'''\n"))
        .unwrap();
    fs_err::write(run.join("plan.json"), format!("{{{quoted}: {quoted}}}")).unwrap();
    fs_err::write(
        run.join("metrics.json"),
        format!("{{{quoted}: 0.5, \"protocol\": {{{quoted}: {quoted}}}, \"baselines\": {{{quoted}: 0.1}}}}"),
    )
    .unwrap();

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
