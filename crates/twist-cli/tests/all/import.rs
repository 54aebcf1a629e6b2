//! Weights from elsewhere through the command line.

use std::path::{Path, PathBuf};

use serde_json::json;
use twist_io::{StateDict, load_safetensors, save_safetensors};

use crate::support::Place;

fn checkpoint(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/checkpoints").join(name)
}

#[test]
fn a_released_checkpoint_becomes_a_model_with_a_report() {
    let place = Place::new();
    let file = checkpoint("resnet_tiny.pth");
    let done = place.run(&format!("import {} --out tiny.safetensors --size 96", file.display()));
    done.exits(0).says(&[
        "resnet_bottleneck8_1_1_1_1, width 8, 256 features (key model)",
        "32 discovered classes, 64 hidden units",
        "shorter side 109 (bilinear), centre 96",
        "tensors loaded",
    ]);
    assert_eq!(done.out.trim(), "tiny.safetensors");
    // It has no classifier, and says so before it looks at images.
    let test = place.run("eval classifier tiny.safetensors --test absent --device cpu");
    test.exits(1).says(&["no classifier", "twist finetune"]);
    let bare = place.run(&format!("import {} --key backbone --out bare.safetensors", file.display()));
    bare.exits(0).says(&["(key backbone)"]);
    assert!(!bare.err.contains("discovered classes"), "{}", bare.err);
}

#[test]
fn what_cannot_be_imported_is_explained() {
    let place = Place::new();
    let (resnet, vit) = (checkpoint("resnet_tiny.pth"), checkpoint("vit_micro.pth"));
    let (resnet, vit) = (resnet.display(), vit.display());
    fs_err::write(place.path("names.txt"), "one\n\nthree\n").unwrap();
    let cases: [(String, i32, &[&str]); 14] = [
        (
            format!("import {vit} --out m"),
            1,
            &["vit_micro.pth", "keys model, backbone", "--arch vit_48x2xHEADS"],
        ),
        (format!("import {resnet} --key nothing --out m"), 1, &["`nothing`", "model, backbone"]),
        (format!("import {resnet} --arch resnet18 --out m"), 1, &["resnet18", "of another shape"]),
        (format!("import {resnet} --arch resnet17 --out m"), 2, &["resnet17", "resnet50_cifar"]),
        (format!("import {resnet} --mean 1,2 --out m"), 2, &["three numbers"]),
        (format!("import {resnet} --classes names.txt --out m"), 1, &["names.txt: line 2"]),
        (format!("import {resnet} --out ."), 2, &["it is a folder"]),
        (
            "import tiny.toml --out m".into(),
            1,
            &["tiny.toml is not a weight file (.pth, .pt, .th, .safetensors): it is text"],
        ),
        (format!("import {resnet} --std 0,1,1 --out m"), 1, &["resnet_tiny.pth", "std is 0e0", "[0.001, 1]"]),
        (format!("import {resnet} --mean 1e308,0,0 --out m"), 1, &["mean is 1e308"]),
        (format!("import {resnet} --arch vit_9223372036854775807x1x1 --out m"), 2, &["unknown architecture"]),
        (format!("import {resnet} --size 4097 --out m"), 1, &["4096"]),
        (format!("import {resnet} --out m.pth"), 2, &["not written as .pth", "use m.safetensors"]),
        (format!("import {resnet} --out tiny.safetensors --key nothing"), 1, &["`nothing`"]),
    ];
    for (line, code, words) in cases {
        place.run(&line).exits(code).says(words);
    }
    assert_eq!(place.names("."), ["names.txt", "tiny.toml"], "nothing is written");
}

#[test]
fn a_file_that_exists_is_replaced_only_when_asked() {
    let place = Place::new();
    fs_err::write(place.path("mine.safetensors"), "precious").unwrap();
    let line = format!("import {} --out mine.safetensors", checkpoint("resnet_tiny.pth").display());
    place.run(&line).exits(2).says(&["mine.safetensors: the file exists", "--force"]);
    assert_eq!(fs_err::read(place.path("mine.safetensors")).unwrap(), b"precious");
    place.run(&format!("{line} --force")).exits(0);
    assert!(fs_err::metadata(place.path("mine.safetensors")).unwrap().len() > 1000);
}

/// The ResNet-20 of Idelbayev (published error 8.27 %) on the test images of CIFAR-10. It runs where
/// `TWIST_TEST_RESNET20` names the weights and `TWIST_TEST_CIFAR10` the images: neither may be shipped.
#[test]
fn published_weights_have_their_published_accuracy() {
    let variable = |name: &str| std::env::var(name).ok();
    let (Some(weights), Some(images)) = (variable("TWIST_TEST_RESNET20"), variable("TWIST_TEST_CIFAR10"))
    else {
        return;
    };
    let place = Place::new();
    place
        .run(&format!("import {weights} --out resnet20.safetensors"))
        .exits(0)
        .says(&["resnet20, 64 features"]);
    let line = "eval classifier resnet20.safetensors --device cpu --threads 1 --no-cache --json --test";
    let done = place.run(&format!("{line} {images}"));
    let figures: serde_json::Value = serde_json::from_str(&done.exits(0).out).unwrap();
    let right = figures["protocol"]["right"].as_i64().unwrap();
    assert!((right - 9_173).abs() <= 3 && figures["protocol"]["images"] == 10_000, "{figures}");
    assert_eq!(figures["top1"], right as f64 / 10_000.0);
}

/// A repository as the hub's cache keeps it: a commit behind the branch, and a file.
fn cached_repository(home: &Path, description: &str) {
    let repository = home.join("hub/models--org--net");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let snapshot = repository.join("snapshots").join(commit);
    fs_err::create_dir_all(repository.join("refs")).unwrap();
    fs_err::create_dir_all(&snapshot).unwrap();
    fs_err::write(repository.join("refs/main"), commit).unwrap();
    fs_err::copy(checkpoint("resnet_tiny.pth"), snapshot.join("pytorch_model.bin")).unwrap();
    fs_err::write(snapshot.join("preprocessor_config.json"), description).unwrap();
}

#[test]
fn a_name_of_the_hub_is_a_model_and_its_description_is_followed() {
    let place = Place::new();
    let description = r#"{"size": {"shortest_edge": 80}, "crop_size": {"height": 64, "width": 64}, "resample": 3,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}"#;
    cached_repository(&place.path("hf"), description);
    let home = place.path("hf").display().to_string();
    let models = place.path("cache").display().to_string();
    let set = [("HF_HOME", home.as_str()), ("HF_HUB_OFFLINE", "1"), ("XDG_CACHE_HOME", models.as_str())];
    place
        .run_with("predict hf:org/other absent --device cpu", &set)
        .exits(1)
        .says(&["hf:org/other", "HF_HUB_OFFLINE"]);
    let imported = place.run_with("import hf:org/net --key backbone", &set);
    imported
        .exits(0)
        .says(&["shorter side 80 (bicubic), centre 64", "mean [0.5, 0.5, 0.5], std [0.25, 0.25, 0.25]"]);
    let file = place.path("cache/twist/models/hf--org--net.safetensors");
    assert_eq!(imported.out.trim(), file.display().to_string());
    let card = twist_io::load_safetensors(&file).unwrap().1.unwrap();
    assert_eq!(card["twist_model"]["transform"]["truncated"], true, "as the processors of transformers crop");
    // Kept under its name: the hub's cache is not asked again.
    fs_err::remove_dir_all(place.path("hf")).unwrap();
    place.pictures("photos", 4);
    place.run_with("embed hf:org/net photos --device cpu --out rows.npy", &set).exits(0);
    assert!(place.path("rows.npy").is_file());
}

#[test]
fn a_folder_is_imported_with_what_it_says_or_refused() {
    let place = Place::new();
    let folder = place.path("net");
    fs_err::create_dir(&folder).unwrap();
    place.run("import net --out m.safetensors").exits(1).says(&["net", "no weights"]);
    fs_err::copy(checkpoint("resnet_tiny.pth"), folder.join("model.pth")).unwrap();
    fs_err::write(folder.join("preprocessor_config.json"), r#"{"size": 64, "resample": 1}"#).unwrap();
    place.run("import net --out m.safetensors").exits(1).says(&[
        "preprocessor_config.json",
        "filter 1",
        "import the weight file itself",
    ]);
    for (said, reason) in [
        (r#""do_flip_channel_order": true"#, "channels are reversed"),
        (r#""rescale_offset": true"#, "pixels are shifted"),
        (r#""do_grayscale": true"#, "images are made gray"),
        (r#""num_channels": 1"#, "three channels"),
    ] {
        let text = format!(r#"{{"size": 64, {said}}}"#);
        fs_err::write(folder.join("preprocessor_config.json"), text).unwrap();
        place.run("import net --out m.safetensors").exits(1).says(&["preprocessor_config.json", reason]);
    }
    let uncropped = r#"{"size": {"shortest_edge": 64}, "do_center_crop": false}"#;
    fs_err::write(folder.join("preprocessor_config.json"), uncropped).unwrap();
    place.run("import net --out m.safetensors").exits(1).says(&["do_center_crop", "--size"]);
    for (said, reason) in [
        (r#"{"size": 64}"#, "image_mean"),
        (r#"{"size": {"shortest_edge": 64, "longest_edge": 96}}"#, "longest_edge"),
        (r#"{"size": {"height": 64, "width": 32}, "crop_size": 32}"#, "64 x 32"),
    ] {
        fs_err::write(folder.join("preprocessor_config.json"), said).unwrap();
        place.run("import net --out m.safetensors").exits(1).says(&["preprocessor_config.json", reason]);
    }
    let squashed = [
        r#"{"size": 64, "image_processor_type": "ViTImageProcessor", "do_normalize": false}"#,
        r#"{"size": {"height": 72, "width": 72}, "crop_size": 64, "do_normalize": false}"#,
    ];
    for said in squashed {
        fs_err::write(folder.join("preprocessor_config.json"), said).unwrap();
        place.run("import net --force --out m.safetensors").exits(0).says(&["both sides"]);
        let exported = place.run("export m.safetensors --to pth --force --out e.pth");
        exported.exits(0).says(&["a file that Twist opens like this is written without --to"]);
    }
    fs_err::write(folder.join("preprocessor_config.json"), r#"{"size": 64, "do_normalize": false}"#).unwrap();
    place
        .run("import net --force --out m.safetensors")
        .exits(0)
        .says(&["mean [0.0, 0.0, 0.0], std [1.0, 1.0, 1.0]"]);
    // ConvNeXt's processor looks at the fraction alone.
    let fraction = r#"{"size": {"shortest_edge": 56}, "image_processor_type": "ConvNextImageProcessor", "crop_pct": 0.875,
        "do_center_crop": true, "crop_size": {"height": 56, "width": 56}, "do_normalize": false}"#;
    fs_err::write(folder.join("preprocessor_config.json"), fraction).unwrap();
    place
        .run("import net --force --out m.safetensors")
        .exits(0)
        .says(&["shorter side 64 (bilinear), centre 56"]);
    for (said, reason) in [
        (r#"{"architecture": "convnext_tiny", "pretrained_cfg": {}}"#, "timm's `convnext_tiny`"),
        (
            r#"{"architecture": "vit_tiny_patch16_224", "pretrained_cfg": {}}"#,
            "timm's `vit_tiny_patch16_224`",
        ),
        (
            r#"{"architecture": "resnet50", "pretrained_cfg": {"input_size": [3, 64, 64], "crop_pct": -1}}"#,
            "`crop_pct` is -1",
        ),
        (r#"{"architecture": "resnet50", "pretrained_cfg": {"input_size": [1, 64, 64]}}"#, "1 channels"),
    ] {
        fs_err::write(folder.join("config.json"), said).unwrap();
        place.run("import net --force --out m.safetensors").exits(1).says(&[reason]);
    }
    place
        .run("import net --revision v1 --out n.safetensors")
        .exits(2)
        .says(&["--revision is for hf:ORG/NAME"]);
    let two = place.run("import hf:org/net@v1 --revision v2 --out n.safetensors");
    two.exits(2).says(&["hf:org/net@v1 names a revision"]);
}

#[test]
fn a_network_in_several_files_is_that_of_one_file() {
    let place = Place::new();
    let whole = place.path("whole");
    fs_err::create_dir(&whole).unwrap();
    let file = checkpoint("resnet_tiny.pth");
    place.run(&format!("import {} --out tiny.safetensors --size 64", file.display())).exits(0);
    let (state, _) = load_safetensors(place.path("tiny.safetensors")).unwrap();
    save_safetensors(whole.join("model.safetensors"), &state, None).unwrap();
    let (folder, half) = (place.path("parts"), state.0.len() / 2);
    fs_err::create_dir(&folder).unwrap();
    let mut places = serde_json::Map::new();
    let mut rest = state.0;
    let first = rest.drain(..half).collect();
    for (part, tensors) in [(1, first), (2, rest)] {
        let name = format!("model-0000{part}-of-00002.safetensors");
        for (tensor, _) in &tensors {
            places.insert(tensor.clone(), name.clone().into());
        }
        save_safetensors(folder.join(name), &StateDict(tensors), None).unwrap();
    }
    // A part alone has no index, and is a part.
    let part = "import parts/model-00001-of-00002.safetensors --size 64 --out p.safetensors";
    place.run(part).exits(1).says(&["one of several files", "joined.safetensors"]);
    let index = json!({ "weight_map": places }).to_string();
    fs_err::write(folder.join("model.safetensors.index.json"), index).unwrap();
    place.run(part).exits(1).says(&["one of several files", "give its folder"]);
    place.run("import whole --size 64 --out a.safetensors").exits(0);
    place.run("import parts --size 64 --out b.safetensors").exits(0);
    let tensors = |name: &str| load_safetensors(place.path(name)).unwrap().0.0;
    assert_eq!(tensors("a.safetensors"), tensors("b.safetensors"));
    // An index of other weights.
    let (listed, file) = places.iter().next().map(|(name, file)| (name.clone(), file.clone())).unwrap();
    let mut others = places.clone();
    others.insert("another.weight".into(), file);
    let mut fewer = places;
    fewer.remove(&listed);
    let cases =
        [(others, "lists a tensor `another.weight`, which none"), (fewer, "which their index does not list")];
    for (index, says) in cases {
        fs_err::write(
            folder.join("model.safetensors.index.json"),
            json!({ "weight_map": index }).to_string(),
        )
        .unwrap();
        place.run("import parts --size 64 --out c.safetensors").exits(1).says(&[says, "fetch them again"]);
    }
}

#[test]
fn a_run_of_the_released_code_goes_on() {
    let place = Place::new();
    place.pictures("photos", 16);
    let file = checkpoint("resnet_tiny.pth");
    let sizes = "--set model.arch=resnet_bottleneck8_1_1_1_1 --set model.width=8 --set model.hidden_dim=64 --clusters 32";
    let line = format!(
        "train photos --recipe tiny.toml {sizes} --set optim.name=lars --epochs 5 --device cpu --threads 1 --out r"
    );
    let line = format!("{line} --continue {}", file.display());
    place.run(&line).exits(0).says(&["121 of 121 tensors loaded", "resumed at step 6"]);
    let steps: Vec<u64> =
        place.events("r", "step").iter().map(|event| event["step"].as_u64().unwrap()).collect();
    assert_eq!((steps.first().copied() > Some(6), steps.last().copied()), (true, Some(10)), "{steps:?}");
    assert_eq!(place.events("r", "resumed").len(), 1);

    let short = line.replace("--epochs 5", "--epochs 3").replace("--out r", "--out a");
    place.run(&short).exits(1).says(&["3 finished epochs"]);
    let auto = format!("train photos --continue {} --out b", file.display());
    place.run(&auto).exits(2).says(&["--continue needs --recipe"]);
    let bare = checkpoint("resnet_tiny_backbone_only.pth");
    let bare = line.replace(&file.display().to_string(), &bare.display().to_string());
    place.run(&bare.replace("--out r", "--out c")).exits(1).says(&[
        "--continue",
        "no usable `epoch`",
        "--init",
    ]);
}

/// A file that Twist wrote, imported again: its card is followed where it can be, and refused where it cannot.
#[test]
fn the_card_of_a_model_of_ours_is_followed_or_refused() {
    let place = Place::new();
    let line = format!(
        "import {} --size 64 --mean 0.1,0.2,0.3 --out own.safetensors",
        checkpoint("resnet_tiny.pth").display()
    );
    place.run(&line).exits(0);
    let (state, card) = twist_io::load_safetensors(place.path("own.safetensors")).unwrap();
    let card = card.unwrap();
    let read =
        |name: &str| twist_io::load_safetensors(place.path(name)).unwrap().1.unwrap()["twist_model"].clone();
    place
        .run("import own.safetensors --out again.safetensors")
        .exits(0)
        .says(&["mean [0.1, 0.2, 0.3]", "centre 64"]);
    let mut again = read("again.safetensors");
    assert!(
        again["origin"]
            .as_str()
            .unwrap()
            .starts_with("imported from own.safetensors, imported from resnet_tiny")
    );
    again["origin"] = card["twist_model"]["origin"].clone();
    assert_eq!(again, card["twist_model"]);
    place.run("import own.safetensors --std 0.5,0.5,0.5 --size 32 --out other.safetensors").exits(0);
    let other = read("other.safetensors");
    assert_eq!(
        (&other["std"][0], &other["mean"][2], &other["transform"]["crop"]),
        (&0.5.into(), &0.3.into(), &32.into())
    );
    place
        .run("import own.safetensors --arch resnet18 --out m.safetensors")
        .exits(1)
        .says(&["leave --arch out"]);
    place
        .run("import own.safetensors --key model --out m.safetensors")
        .exits(1)
        .says(&["own.safetensors is a model of Twist", "leave --key out"]);

    let wrong: [(&str, serde_json::Value, &str); 12] = [
        ("std", json!([0.0, 0.1, 0.1]), "std is 0e0"),
        ("std", json!([0.1, -0.1, 0.1]), "std is -1e-1"),
        ("std", json!([0.1, 0.1]), "std: invalid length 2"),
        ("std", json!([0.1, null, 0.1]), "std[1]: invalid type: null"),
        ("std", json!([1e300, 0.1, 0.1]), "std is 1e300"),
        ("mean", json!([0.5, 1e308, 0.5]), "mean is 1e308"),
        ("mean", json!([0.5, "NaN", 0.5]), "mean[1]: invalid type: string"),
        ("mean", json!("half"), "mean: invalid type"),
        ("transform", json!({ "resize": 64, "crop": 0 }), "crop"),
        ("feature_dim", json!(0), "feature_dim is 0"),
        ("precision", json!("fp99"), "precision: unknown variant"),
        ("backbone", json!({ "arch": "resnet18", "width": -1 }), "width"),
    ];
    for (field, value, words) in wrong {
        let mut card = card.clone();
        card["twist_model"][field] = value;
        twist_io::save_safetensors(place.path("bad.safetensors"), &state, Some(&card)).unwrap();
        for line in
            ["import bad.safetensors --out m.safetensors", "predict bad.safetensors photos --device cpu"]
        {
            place.run(line).exits(1).says(&["bad.safetensors: ", words, "write it again"]);
        }
    }
    assert!(!place.path("m.safetensors").exists());
}

#[test]
fn names_that_people_gave_survive_another_import() {
    let place = Place::new();
    let file = checkpoint("resnet_tiny.pth");
    place.run(&format!("import {} --size 32 --out own.safetensors", file.display())).exits(0);
    place.run("clusters own.safetensors rename 1 dotty").exits(0);
    for line in [
        "import own.safetensors --mean 0.1,0.2,0.3 --out own.safetensors --force",
        "import own.safetensors --out other.safetensors",
    ] {
        let done = place.run(line);
        done.exits(0).says(&["names "]);
        let written = line.split(' ').skip_while(|word| *word != "--out").nth(1).unwrap();
        let shown = place.run(&format!("clusters {written} show"));
        assert!(shown.exits(0).out.contains("dotty"), "{written}: {}", shown.out);
        assert!(!shown.err.contains("without their names"), "{}", shown.err);
    }
    place.run("import own.safetensors --out other.safetensors").exits(2).says(&["exists", "--force"]);
    fs_err::remove_file(place.path("other.safetensors")).unwrap();
    let names_of_another = place.run("import own.safetensors --out other.safetensors");
    names_of_another.exits(2).says(&["other.safetensors.clusters.json", "--force"]);
}
