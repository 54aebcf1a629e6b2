//! Models for other programs through the command line.

use std::path::PathBuf;

use crate::support::Place;

const CPU: &str = "--device cpu --threads 1";

/// A run of two steps on 16 pictures, of a ResNet for photographs.
fn trained() -> Place {
    let place = Place::new();
    place.pictures("train", 16);
    let line = "train train --recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0";
    place.run(&format!("{line} --set model.arch=resnet18 {CPU} --out run")).exits(0);
    place
}

#[test]
fn a_run_becomes_a_folder_with_a_card_and_the_folder_becomes_a_model() {
    let place = trained();
    place.run("clusters run rename 1 dotty").exits(0);
    let line = "export run --to hf --out my-model";
    let done = place.run(line);
    assert_eq!(done.exits(0).out.lines().count(), 5, "{}", done.out);
    let files = [
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "twist_head.safetensors",
    ];
    assert_eq!(place.names("my-model"), files);
    let readme = fs_err::read_to_string(place.path("my-model/README.md")).unwrap();
    for words in [
        "license: other",
        "# my-model",
        "`resnet18`",
        "`ResNetModel`",
        "recipe: `tiny.toml`",
        "images to learn from: `train`",
        "## Figures",
        "| ACC | ",
        "- 1: dotty",
        "6 discovered classes",
    ] {
        assert!(readme.contains(words), "{words:?} is not in:\n{readme}");
    }
    let own = place.path("").display().to_string();
    assert!(!readme.contains(own.trim_end_matches('/')), "a path of this machine:\n{readme}");

    place.run("import my-model --out again.safetensors").exits(0).says(&["6 discovered classes"]);
    let features = |model: &str| {
        place.run(&format!("embed {model} train {CPU} --precision fp32 --out e.npy --force")).exits(0);
        fs_err::read(place.path("e.npy")).unwrap()
    };
    assert_eq!(features("run"), features("again.safetensors"));

    place.run(line).exits(2).says(&["my-model: the folder exists", "--force"]);
    place.run(&format!("{line} --force")).exits(0);
    fs_err::write(place.path("my-model/thesis.tex"), "precious").unwrap();
    place.run(&format!("{line} --force")).exits(1).says(&["thesis.tex", "another name"]);
    assert_eq!(fs_err::read(place.path("my-model/thesis.tex")).unwrap(), b"precious");
}

#[test]
fn names_go_along_and_what_is_missing_is_said() {
    let place = trained();
    place.run("clusters run rename 1 dotty").exits(0);
    place.run("clusters run merge 2 3 --name lines").exits(0);
    place.run("export run --out own.safetensors").exits(0).says(&[]);
    let predict = |model: &str| {
        place.run(&format!("predict {model} train {CPU} --out p.csv --force")).exits(0);
        fs_err::read_to_string(place.path("p.csv")).unwrap()
    };
    assert_eq!(predict("run"), predict("own.safetensors"), "names and merges are those of the run");
    place.run("export run --out own.safetensors").exits(2).says(&["own.safetensors"]);

    let done = place.run("export run --to pth --out w.pth");
    done.exits(0).says(&["how images are prepared", "--mean"]);
    let line =
        done.err.split('`').nth(1).unwrap().strip_prefix("twist ").unwrap().replace("FILE", "w.safetensors");
    place.run(&line).exits(0);
    let features = |model: &str| {
        place.run(&format!("embed {model} train {CPU} --precision fp32 --out e.npy --force")).exits(0);
        fs_err::read(place.path("e.npy")).unwrap()
    };
    assert_eq!(features("run"), features("w.safetensors"));
}

#[test]
fn the_command_that_opens_an_exported_file_names_its_network() {
    let place = Place::new();
    let vit =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/checkpoints/vit_micro.pth");
    place.run(&format!("import {} --arch vit_48x2x3 --out vit.safetensors", vit.display())).exits(0);
    for (format, file) in [("pth", "w.pth"), ("timm", "w.safetensors")] {
        let done = place.run(&format!("export vit.safetensors --to {format} --out {file}"));
        let line = done.exits(0).err.split('`').nth(1).unwrap().replace("FILE", "again.safetensors --force");
        place.run(line.strip_prefix("twist ").unwrap()).exits(0);
    }
}

#[test]
fn what_a_format_has_no_place_for_is_refused_and_nothing_is_written() {
    let place = Place::new();
    let checkpoints = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/checkpoints");
    place
        .run(&format!("import {} --out tiny.safetensors", checkpoints.join("resnet_tiny.pth").display()))
        .exits(0);
    let vit = checkpoints.join("vit_micro.pth");
    place.run(&format!("import {} --arch vit_48x2x3 --out vit.safetensors", vit.display())).exits(0);
    let before = place.names(".");
    let cases: [(&str, i32, &[&str]); 6] = [
        (
            "export tiny.safetensors --to hf --out m",
            1,
            &["cannot write m", "resnet_bottleneck8", "--to onnx"],
        ),
        ("export vit.safetensors --to detectron2 --out m.pkl", 1, &["m.pkl", "vit_48x2x3", "--to onnx"]),
        ("export vit.safetensors --to detectron2 --out m.pth", 2, &["use m.pkl"]),
        ("export vit.safetensors --to hf --out tiny.safetensors", 2, &["it is a file"]),
        ("export vit.safetensors --to hf --out absent/m", 2, &["absent does not exist"]),
        ("export vit.safetensors --to hf --out m --bytes", 2, &["--bytes"]),
    ];
    for (line, code, words) in cases {
        place.run(line).exits(code).says(words);
    }
    assert_eq!(place.names("."), before);
    place.run("export tiny.safetensors --out m.pkl").exits(0);
    let written = fs_err::read(place.path("m.pkl")).unwrap();
    assert!(written.starts_with(&[0x80, 4]) && written.ends_with(b"."));
    for name in ["stem.conv1.norm.running_var", "res5.0.shortcut.weight", "matching_heuristics"] {
        assert!(written.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
    }
}

#[test]
fn standard_output_is_refused_where_a_name_is_needed() {
    let place = Place::new();
    let checkpoint =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/checkpoints/resnet_tiny.pth");
    place.run(&format!("import {checkpoint} --out m.safetensors")).exits(0);
    let before = place.names(".");
    let import = format!("import {checkpoint} --out -");
    for line in [
        "export m.safetensors --out -",
        "export m.safetensors --to onnx --out -",
        "export m.safetensors --to hf --out -",
        &import,
    ] {
        place.run(line).exits(2).says(&["--out -", "does not stand for standard output", "./-"]);
    }
    assert_eq!(place.names("."), before, "nothing is written");
}
