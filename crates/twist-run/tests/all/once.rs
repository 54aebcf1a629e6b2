//! File names and keys of figures stand in this crate and in no other: whoever needs one takes it from here.

use std::path::{Path, PathBuf};

use twist_run::figure;

/// Keys that are also ordinary words of recipes, protocols and flags, where they mean another thing.
const WORDS: [&str; 6] = ["loss", "learning_rate", "weight_decay", "epochs", "test_images", "collapse"];

/// Names of files, read from where they are declared, and keys of figures.
fn declared() -> Vec<String> {
    let files = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/files.rs")).unwrap();
    let names = files.lines().filter_map(|line| {
        let value = line.strip_prefix("pub const ")?.split_once(": &str = \"")?.1;
        value.strip_suffix("\";").map(str::to_owned)
    });
    let keys = figure::ALL.iter().map(|figure| figure.key.to_owned());
    names.chain(keys).filter(|name| !WORDS.contains(&name.as_str())).collect()
}

/// Every source file below `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines that are part of the product: neither tests nor comments.
fn product(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn no_name_is_spelt_in_a_second_crate() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for entry in fs_err::read_dir(crates).unwrap() {
        let source = entry.unwrap().path().join("src");
        if source.is_dir() && source.parent() != Some(Path::new(env!("CARGO_MANIFEST_DIR"))) {
            sources(&source, &mut files);
        }
    }
    files.retain(|file| file.file_name().is_some_and(|name| name != "tests.rs"));
    assert!(files.len() > 300, "{}", files.len());
    let names: Vec<String> = declared().iter().map(|name| format!("\"{name}\"")).collect();
    assert!(names.len() > 60, "{names:?}");
    let mut spelt = Vec::new();
    for file in &files {
        let text = fs_err::read_to_string(file).unwrap();
        for line in product(&text) {
            spelt.extend(
                names
                    .iter()
                    .filter(|name| line.contains(*name))
                    .map(|name| format!("{}: {name}", file.display())),
            );
        }
    }
    assert!(spelt.is_empty(), "take these from twist-run:\n{}", spelt.join("\n"));
}
