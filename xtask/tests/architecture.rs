//! What ARCHITECTURE.md says of the crates is so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Which crates of ours each crate depends on, without the `twist-` of the names.
fn arrows_of_manifests() -> Arrows {
    let mut arrows = Arrows::new();
    for entry in fs_err::read_dir(root().join("crates")).unwrap() {
        let manifest = fs_err::read_to_string(entry.unwrap().path().join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"');
        let (_, rest) = manifest.split_once("\n[dependencies]\n").unwrap_or_default();
        let ours = rest.lines().take_while(|line| !line.starts_with('[')).filter_map(|line| {
            let name = line.split(['.', ' ']).next()?;
            (name.starts_with("twist-") || name == "torch-ext").then(|| short(name))
        });
        arrows.insert(short(name), ours.collect());
    }
    arrows
}

fn short(name: &str) -> String {
    name.strip_prefix("twist-").unwrap_or(name).to_owned()
}

/// The lines `a → b, c` of ARCHITECTURE.md, in their order.
fn arrows_of_the_page() -> Vec<(String, BTreeSet<String>)> {
    let page = fs_err::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, block) = page.split_once("```text\n").unwrap();
    let lines = block.lines().take_while(|line| *line != "```");
    let arrow = |line: &str| {
        let (from, to) = line.split_once(" → ").unwrap();
        (from.to_owned(), to.split(", ").map(str::to_owned).collect())
    };
    lines.map(arrow).collect()
}

#[test]
fn the_arrows_between_crates_are_those_of_the_page_and_never_run_back_up() {
    let page = arrows_of_the_page();
    let mut manifests = arrows_of_manifests();
    manifests.retain(|_, to| !to.is_empty());
    assert!(manifests.len() >= 8, "{manifests:?}");
    assert_eq!(page.iter().cloned().collect::<Arrows>(), manifests);
    for (line, (from, _)) in page.iter().enumerate() {
        let back = page[line..].iter().find(|(_, to)| to.contains(from));
        assert!(back.is_none(), "{from} stands above {back:?}, which depends on it");
    }
}
