//! Whole runs, small ones.

use crate::support::Place;

/// A demo of a few steps: everything that the real one does, on a narrow network.
const SHORT_DEMO: &str = "demo --device cpu --threads 1 --out run --epochs 1 --batch-size 256 --set model.width=4 \
     --set model.hidden_dim=32 --set model.bunch=256 --set schedule.warmup_epochs=0 --set train.log_every=1 \
     --set eval.every_epochs=1";

#[test]
fn a_short_demo_leaves_a_complete_run() {
    let place = Place::new();
    let demo = place.run(SHORT_DEMO);
    demo.exits(0).says(&["run folder run", "epoch"]);
    assert!(
        demo.out.contains("held-out images: k-NN") && demo.out.contains("without learning"),
        "{}",
        demo.out
    );
    assert!(demo.out.contains("report: run/report.html"), "{}", demo.out);

    let names = place.names("run");
    for file in [
        "augmentation.png",
        "checkpoints",
        "config.toml",
        "data.json",
        "embeddings.parquet",
        "images.csv",
        "log.jsonl",
        "metrics.json",
        "plan.json",
        "report.html",
        "thumbnails.tar",
    ] {
        assert!(names.iter().any(|name| name == file), "{file} is not in {names:?}");
    }
    assert!(names.iter().any(|name| name.starts_with("events.out.tfevents.")), "{names:?}");

    let metrics: serde_json::Value =
        serde_json::from_str(&fs_err::read_to_string(place.path("run/metrics.json")).unwrap()).unwrap();
    for key in
        ["knn_top1", "nmi", "ami", "ari", "accuracy_one_to_one", "accuracy_many_to_one", "fowlkes_mallows"]
    {
        let value = metrics[key].as_f64().unwrap();
        assert!((-0.5..=1.0).contains(&value), "{key} = {value}");
    }
    for key in ["images_per_second", "minutes", "peak_memory_gib", "classes_in_use"] {
        assert!(metrics[key].as_f64().unwrap() > 0.0, "{key}: {metrics}");
    }
    assert!(metrics["protocol"]["knn"]["bank"].as_u64().unwrap() > 1_000, "{metrics}");
    // The embedded pictures are hard: neither pixels nor colours tell the figures apart.
    let baseline = |key: &str| metrics["baselines"][key].as_f64().unwrap();
    assert!(baseline("kmeans_pixels_accuracy") < 0.35, "{metrics}");
    assert!(baseline("kmeans_histogram_accuracy") < 0.40, "{metrics}");
    assert!(baseline("knn_pixels_top1") > 0.0 && baseline("knn_random_backbone_top1") > 0.0);
    assert_eq!(place.events("run", "eval").len(), 1);

    // A finished run is left alone.
    let before = fs_err::read(place.path("run/log.jsonl")).unwrap();
    place.run("demo --device cpu --resume --out run").exits(0).says(&["finished already"]);
    assert_eq!(fs_err::read(place.path("run/log.jsonl")).unwrap(), before);
    // And it is not overwritten.
    place.run(SHORT_DEMO).exits(2).says(&["run", "--resume", "--force"]);
    assert_eq!(fs_err::read(place.path("run/log.jsonl")).unwrap(), before);
}

#[test]
fn a_folder_of_images_with_held_out_data() {
    let place = Place::new();
    place.pictures("train", 24);
    place.pictures("test", 10);
    let run =
        place.run("train train --eval-data test --recipe tiny.toml --clusters 4 --device cpu --threads 1");
    run.exits(0).says(&["run folder runs/tiny-1"]);
    assert!(run.out.contains("on 10 held-out images"), "{}", run.out);
    let plan = fs_err::read_to_string(place.path("runs/tiny-1/config.toml")).unwrap();
    assert!(plan.contains("dim = 4") && plan.starts_with("# A recipe for tests."), "{plan}");
    let csv = fs_err::read_to_string(place.path("runs/tiny-1/images.csv")).unwrap();
    assert_eq!(csv.lines().count(), 11, "{csv}");
    assert!(csv.starts_with("path,cluster,name,label,probability,index\ndots/000.png,"), "{csv}");
    assert!(
        csv.lines().nth(1).is_some_and(|line| line.contains(",dots,0.") && line.contains(",class ")),
        "{csv}"
    );

    // A second run takes the next folder; one page compares both.
    place.run("train train --recipe tiny.toml --device cpu --threads 1 --seed 1").exits(0);
    let report = place.run("report runs/tiny-1 runs/tiny-2 --out both.html");
    report.exits(0);
    assert_eq!(report.out, "both.html\n");
    let page = fs_err::read_to_string(place.path("both.html")).unwrap();
    assert!(page.contains("tiny-1") && page.contains("tiny-2"));
}

#[test]
fn images_without_labels() {
    let place = Place::new();
    place.pictures("train", 16);
    let run =
        place.run("train train --labels none --recipe tiny.toml --epochs 2 --device cpu --threads 1 --out r");
    run.exits(0);
    assert!(run.out.contains(" in use") && !run.out.contains("k-NN"), "{}", run.out);
    // Whether the classes can be used is said here as on the page.
    let leads = [
        "These classes are not usable yet: ",
        "Use these classes with care: ",
        "No figure speaks against these classes: ",
    ];
    let lead = leads.into_iter().find(|lead| run.out.contains(lead)).expect("a verdict");
    assert!(fs_err::read_to_string(place.path("r/report.html")).unwrap().contains(lead), "{}", run.out);
    let eval = place.events("r", "eval");
    assert_eq!(eval.len(), 1);
    assert!(eval[0]["mean_confidence"].as_f64().unwrap() > 0.0 && eval[0]["nmi"].is_null(), "{}", eval[0]);
    let csv = fs_err::read_to_string(place.path("r/images.csv")).unwrap();
    assert_eq!(csv.lines().nth(1).unwrap().split(',').nth(3), Some(""), "{csv}");
}

#[test]
fn max_time_saves_evaluates_and_can_go_on() {
    let place = Place::new();
    place.pictures("train", 32);
    let line = "train train --recipe tiny.toml --epochs 4000 --device cpu --threads 1 --out r --max-time 1s";
    place.run(line).exits(0).says(&["stopped and saved after step", "twist train --resume --out r"]);
    let step = place.events("r", "stopped")[0]["step"].as_u64().unwrap();
    assert!(step > 0 && place.path("r/report.html").is_file());
    // Neither DATA nor recipe need to be said again.
    place
        .run("train --resume --out r --device cpu --threads 1 --max-time 1s")
        .exits(0)
        .says(&["resumed at step"]);
    assert_eq!(place.events("r", "resumed")[0]["step"].as_u64(), Some(step));
    assert!(place.events("r", "warning").is_empty(), "nothing changed");
}

#[test]
fn evaluation_does_not_change_the_training() {
    let place = Place::new();
    place.pictures("train", 16);
    let line = "train train --recipe tiny.toml --device cpu --threads 1";
    place.run(&format!("{line} --out with --set eval.every_epochs=1")).exits(0);
    place.run(&format!("{line} --out without --set eval.every_epochs=0")).exits(0);
    // Only the recipe in the header differs: the tensors are equal, byte for byte.
    let tensors = |run: &str| {
        let bytes = fs_err::read(place.path(run).join("checkpoints/step-00000006.safetensors")).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + header..].to_vec()
    };
    assert!(tensors("with").len() > 10_000);
    assert!(tensors("with") == tensors("without"));
}
