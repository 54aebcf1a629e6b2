//! The other networks of a run: its momentum teacher, and the one before self-labelling.

use serde_json::Value;

use crate::support::{Done, Place, TINY};

const STAGES: &str = "[teacher]\nmomentum = 0.9\n[self_label]\nepochs = 1\nlr = 0.02\nwarmup_epochs = 0\n";

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.exits(0).out).unwrap()
}

fn trained(recipe: &str) -> Place {
    let place = Place::new();
    place.pictures("pics", 24);
    fs_err::write(place.path("tiny.toml"), recipe).unwrap();
    place.run("train pics --recipe tiny.toml --out run").exits(0);
    place
}

#[test]
fn the_teacher_is_used_wherever_a_model_is() {
    let place = trained(&format!("{TINY}{STAGES}"));
    let knn = |model: &str| {
        let figures = json(&place.run(&format!("eval knn {model} --train pics --test pics --k 3 --json")));
        let of = |key: &str| figures["protocol"][key].as_str().unwrap().to_owned();
        (of("weights"), of("weights_sha256"))
    };
    let (student, teacher) = (knn("run"), knn("run --teacher"));
    assert!(teacher.0.ends_with("momentum teacher") && !student.0.contains("teacher"), "{teacher:?}");
    assert_ne!(student.1, teacher.1);
    assert_eq!(knn("run:teacher"), teacher);
    assert_eq!(knn("run:teacher --teacher"), teacher);
    let last = place.names("run/checkpoints").into_iter().rfind(|name| name.starts_with("step-")).unwrap();
    assert_eq!(knn(&format!("run/checkpoints/{last}:teacher")), teacher);

    let table = |model: &str, out: &str| {
        place.run(&format!("predict {model} pics --out {out}")).exits(0);
        fs_err::read_to_string(place.path(out)).unwrap()
    };
    let by_teacher = table("run --teacher", "a.csv");
    assert_eq!(table("run:teacher", "b.csv"), by_teacher);
    assert_ne!(table("run", "c.csv"), by_teacher);
    place.run("embed run pics --teacher --out a.npy").exits(0);
    place.run("eval cluster run run:teacher --test pics --kmeans-seeds 0").exits(0);
    place.run("finetune run --teacher --train pics --epochs 1 --out tuned").exits(0);
    let config = fs_err::read_to_string(place.path("tuned/config.toml")).unwrap();
    assert!(config.contains("run:teacher\""), "{config}");
    place.run("train pics --frozen run:teacher --clusters 2 --epochs 2 --out head --set schedule.warmup_epochs=0").exits(0);

    // The end of the first stage stays, whatever else is swept.
    let before = "run/checkpoints/before_self_label.safetensors";
    assert!(knn(before).0.contains("step 9 of 12"), "{:?}", knn(before));
    place.run(&format!("predict {before} pics --out d.csv")).exits(0);
}

#[test]
fn a_run_without_a_teacher_says_so() {
    let place = trained(TINY);
    for line in [
        "eval knn run --teacher --train pics --test pics",
        "predict run pics --teacher --out a.csv",
        "embed run:teacher pics --out a.npy",
        "finetune run --teacher --train pics --epochs 1 --out tuned",
    ] {
        place.run(line).exits(1).says(&["has no momentum teacher", "[teacher]", "leave out --teacher"]);
    }
    assert!(!place.path("a.csv").exists() && !place.path("a.npy").exists());
}

/// The published protocols compute as published; what was trained and evaluated otherwise does not change that.
#[test]
fn published_protocols_have_the_released_filter_and_fp32() {
    let place = Place::new();
    place.pictures("pics", 24);
    let recipe = TINY.replace("precision = \"fp32\"", "precision = \"bf16\"");
    let recipe = recipe.replace("[eval]\n", "[eval]\ninterpolation = \"bicubic\"\n");
    fs_err::write(place.path("tiny.toml"), recipe).unwrap();
    place.run("train pics --recipe tiny.toml --out run --set schedule.epochs=2").exits(0);
    let protocol = |line: &str| {
        let figures = json(&place.run(&format!("{line} --train pics --test pics --json")));
        let of = |value: &Value| value.as_str().unwrap().to_owned();
        let protocol = &figures["protocol"];
        (of(&protocol["precision"]), of(&protocol["transform"]["interpolation"]))
    };
    let is = |precision: &str, filter: &str| (precision.to_owned(), filter.to_owned());
    let own = is("bf16", "bicubic");
    assert_eq!(protocol("eval knn run --k 3"), own);
    assert_eq!(protocol("eval linear run"), own);
    for line in [
        "eval knn run --protocol imagenet",
        "eval linear run --protocol resnet --epochs 1",
        "eval finetune run --epochs 1",
    ] {
        assert_eq!(protocol(line), is("fp32", "bilinear"), "{line}");
        assert_eq!(protocol(&format!("{line} --precision bf16")), is("bf16", "bilinear"), "{line}");
    }
}
