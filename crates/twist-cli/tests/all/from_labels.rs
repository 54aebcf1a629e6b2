//! `twist finetune`, `twist eval linear` and `twist eval finetune` from a trained run to figures and a model.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Place, wait_until};

/// Trains `base` on pictures of two classes; `test` has others.
fn trained() -> Place {
    let place = Place::new();
    place.pictures("train", 24);
    place.pictures("test", 12);
    place.run("train train --recipe tiny.toml --out base --device cpu --threads 1").exits(0);
    place
}

const FINETUNE: &str = "finetune base --train train --test test --batch-size 8 --device cpu --threads 1";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_run_becomes_a_classifier_and_stays_as_it_was() {
    let place = trained();
    let before = place.names("base");
    let done = place.run(&format!("{FINETUNE} --epochs 4 --out tuned --json"));
    done.exits(0);
    let metrics = json(&done.out);
    assert!(
        metrics["finetune_top1"].as_f64().is_some() && metrics["protocol"]["test_images"] == 12,
        "{metrics}"
    );
    assert_eq!(place.names("base"), before);
    for name in ["config.toml", "log.jsonl", "metrics.json", "model.safetensors", "plan.json"] {
        assert!(place.path("tuned").join(name).is_file(), "{name}");
    }
    // A finished run is left alone, with no more than its folder; another wants a folder of its own.
    place.run("finetune --resume --out tuned --device cpu --threads 1").exits(0).says(&["finished already"]);
    place.run(&format!("{FINETUNE} --out tuned")).exits(2).says(&["--resume", "--force"]);
    place.run(&format!("{FINETUNE} --out base --force")).exits(2).says(&["run of MODEL itself"]);
    assert_eq!(place.names("base"), before);
    // What it left is a MODEL.
    let knn = place
        .run("eval knn tuned --train train --test test --k 5 --device cpu --threads 1 --no-cache --json");
    knn.exits(0);
    let knn = json(&knn.out);
    assert!(knn["knn_top1"].as_f64().is_some());
    assert_eq!(knn["protocol"]["class_names"], serde_json::json!(["dots", "lines"]));
}

#[test]
fn an_epoch_has_one_line_and_the_end_a_verdict() {
    let place = trained();
    let done = place.run(&format!("{FINETUNE} --epochs 4 --out tuned -v"));
    done.exits(0).says(&["time: about", "for 12 steps"]);
    for epoch in 1..=4 {
        let lines = [format!("epoch {epoch}/4: loss"), format!("epoch {epoch}.0/4 ")];
        let count = |start: &str| done.err.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines.each_ref().map(|start| count(start)), [1, 0], "{}", done.err);
    }
    assert!(done.err.contains("epoch 3.3/4  "), "the tenth step is within an epoch: {}", done.err);
    let verdict = "on 12 test images, where the most frequent class alone is 50.0\u{202f}%";
    assert!(done.out.contains("this classifier") || done.out.contains("This classifier"), "{}", done.out);
    assert!(done.out.contains(verdict), "{}", done.out);
    let metrics = fs_err::read_to_string(place.path("tuned/metrics.json")).unwrap();
    assert_eq!(json(&metrics)["baselines"]["most_frequent_top1"], 0.5);
    assert!(fs_err::read_to_string(place.path("tuned/report.html")).unwrap().contains("on 12 test images"));
}

#[test]
fn labels_come_from_a_file() {
    let place = trained();
    let names: Vec<String> =
        ["dots/000.png", "dots/002.png", "lines/001.png", "lines/003.png"].map(String::from).into();
    fs_err::write(place.path("few.txt"), format!("{}\nnot-there.png\n", names.join("\n"))).unwrap();
    let done = place.run(&format!("{FINETUNE} --epochs 2 --labels few.txt --out few --json"));
    done.exits(0).says(&["1 of 5 lines name no image", "line 5: not-there.png"]);
    assert_eq!(json(&done.out)["protocol"]["labels"]["images"], 4);
    // What the report proposes to label, filled in for some: clusters say nothing about labels.
    let proposed = "path,cluster,name,label,probability,margin\ndots/000.png,0,class 0,round,0.5,0.1\n\
                    dots/002.png,1,class 1,,0.5,0.2\nlines/001.png,0,class 0,straight,0.5,0.3\n";
    fs_err::write(place.path("label_next.csv"), proposed).unwrap();
    let line = "finetune base --train train --labels label_next.csv --epochs 2 --out proposed --device cpu --threads 1";
    let taught = place.run(line);
    assert!(taught.exits(0).out.contains("report: proposed/report.html"), "{}", taught.out);
    // The run can be looked at, proposes other images, and its labels are where the next one begins.
    let read = |name: &str| fs_err::read_to_string(place.path(name)).unwrap();
    assert_eq!(read("proposed/labels.csv"), "path,label\ndots/000.png,round\nlines/001.png,straight\n");
    for name in ["embeddings.parquet", "images.csv", "thumbnails.tar"] {
        assert!(place.path(format!("proposed/{name}")).is_file(), "{name}");
    }
    let page = read("proposed/report.html");
    assert!(page.contains("round") && page.contains("straight"));
    assert!(
        page.contains("trained on 2 labelled images") && !page.contains("that it discovered without labels")
    );
    assert!(page.contains("Cross entropy to the labels") && !page.contains("lowest possible"));
    let next = read("proposed/label_next.csv");
    assert!(
        next.lines().count() > 1 && !next.contains("dots/000.png") && !next.contains("lines/001.png"),
        "{next}"
    );
    place.run("finetune base --train train --labels proposed/labels.csv --epochs 2 --out again --device cpu --threads 1").exits(0);
    let table = place.run("predict proposed train --device cpu --threads 1");
    assert!(
        table
            .exits(0)
            .out
            .lines()
            .skip(1)
            .all(|line| line.contains(",round,") || line.contains(",straight,"))
    );

    // Its classes can be called otherwise, as an imported classifier's can.
    place.run("clusters proposed rename round circles").exits(0);
    let weights = "proposed/model.safetensors";
    assert!(place.run(&format!("clusters {weights} show")).exits(0).out.contains("straight"));
    let table = place.run("predict proposed train --device cpu --threads 1");
    assert!(!table.exits(0).out.contains(",round,"), "{}", table.out);
    let merged = place.run("clusters proposed merge circles straight --name shapes");
    merged.exits(0);
    let table = place.run("predict proposed train --device cpu --threads 1");
    assert!(table.exits(0).out.lines().skip(1).all(|line| line.contains(",shapes,")), "{}", table.out);

    fs_err::write(place.path("bad.csv"), "path,label\nnothing.png,a\n").unwrap();
    let line = "finetune base --train train --labels bad.csv --out bad --device cpu --threads 1";
    place.run(line).exits(1).says(&["bad.csv", "Line 2 says \"nothing.png\""]);
    place.run(&format!("{FINETUNE} --labels few.txt --percent 1")).exits(2);
    place.run(&format!("{FINETUNE} --percent 0")).exits(2).says(&["above 0"]);
    place.run("finetune base").exits(2).says(&["--train DATA is missing"]);
    place.run("finetune --resume --out nowhere").exits(2).says(&["MODEL is missing", "--out RUN"]);
}

#[test]
fn what_speaks_against_a_classifier_is_told() {
    let place = trained();
    fs_err::create_dir(place.path("flat")).unwrap();
    (0..24).for_each(|n| crate::support::picture(n).save(place.path(format!("flat/{n}.png"))).unwrap());
    fs_err::write(
        place.path("few.csv"),
        "path,label\n0.png,dots\n1.png,lines\n2.png,dots\n30.png,lines\n3.png,lines\n4.png,Dots\n",
    )
    .unwrap();
    // The test images are the first twelve pictures, in files of another kind.
    for (class, n) in (0..12).map(|n| (["dots", "lines"][n % 2], n)) {
        fs_err::create_dir_all(place.path("other").join(class)).unwrap();
        crate::support::picture(n as u32).save(place.path(format!("other/{class}/{n}.bmp"))).unwrap();
    }
    let done = place.run("finetune base --train flat --labels few.csv --test other --epochs 3 --max-time 1h --out tuned --device cpu --threads 1");
    done.exits(0).says(&["warning: 5 of the 12 images to measure on are also training images"]);
    let at = |words: &str| {
        assert_eq!(done.err.matches(words).count(), 1, "{words:?} in\n{}", done.err);
        done.err.find(words)
    };
    assert!(
        at("1 of 6 lines name no image") < at("measuring how long")
            && at("Dots and dots differ only in case") < at("measuring how long")
    );
    assert!(done.out.contains("training made only 3 updates, and about 200 are needed"), "{}", done.out);
    let page = fs_err::read_to_string(place.path("tuned/report.html")).unwrap();
    assert!(
        page.contains("training made only 3 updates") && !page.contains("have no labels to compare with")
    );
    let limited = "is the limit of the scaling.";
    assert_eq!(done.out.contains(limited), page.contains(limited), "{}", done.out);
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn killed_and_stopped_runs_go_on_to_the_same_model() {
    let place = trained();
    let line = format!("{FINETUNE} --epochs 120 --test-every 40");
    place.run(&format!("{line} --out calm")).exits(0);
    let saved = |count: usize| wait_until("epochs", || place.events("rough", "checkpoint").len() >= count);

    let mut child = place.start(&format!("{line} --out rough"));
    saved(5);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = place.start("finetune --resume --out rough --device cpu --threads 1");
    saved(20);
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!place.path("rough/model.safetensors").exists(), "it was stopped in the middle");
    place.run("finetune --resume --out rough --lr 0.3 --device cpu --threads 1").exits(1).says(&["--force"]);
    place.run("finetune --resume --out rough --device cpu --threads 1").exits(0);

    for name in ["model.safetensors", "metrics.json"] {
        let [calm, rough] = ["calm", "rough"].map(|run| fs_err::read(place.path(run).join(name)).unwrap());
        assert!(calm == rough, "{name} differs");
    }
    assert_eq!(place.events("rough", "resumed").len(), 2);
}

#[test]
fn evaluations_are_printed_and_kept_beside_the_run() {
    let place = trained();
    let data = "--train train --test test --device cpu --threads 1 --json";
    let linear = place.run(&format!("eval linear base {data} --epochs 5 --no-cache"));
    linear.exits(0);
    let linear = json(&linear.out);
    assert_eq!(
        (&linear["protocol"]["name"], linear["rates"].as_array().unwrap().len()),
        (&"fast".into(), 16)
    );
    let augmented =
        place.run(&format!("eval linear base {data} --protocol resnet --epochs 2 --batch-size 8"));
    augmented.exits(0);
    assert_eq!(json(&augmented.out)["protocol"]["norms"], "running statistics");
    let line =
        format!("eval finetune base {data} --percent 50 --seeds 2 --epochs 2 --batch-size 8 --state kept");
    let tuned = place.run(&line);
    tuned.exits(0);
    assert_eq!(place.names("kept").len(), 2);
    place
        .run(&line.replace("--epochs 2", "--epochs 3"))
        .exits(1)
        .says(&["finetune-seed-0.json", "started with"]);
    let tuned = json(&tuned.out);
    assert_eq!(tuned["runs"].as_array().unwrap().len(), 2);
    assert!(tuned["finetune_top1_std"].as_f64().is_some(), "{tuned}");
    assert_eq!(tuned["protocol"]["labels"]["images"], 12);

    let kept = fs_err::read_to_string(place.path("base/evaluations.jsonl")).unwrap();
    let kinds: Vec<Value> = kept.lines().map(|line| json(line)["evaluation"].clone()).collect();
    assert_eq!(kinds, ["linear", "linear", "finetune"]);
    let vit = place.run(&format!("eval linear base {data} --protocol vit"));
    vit.exits(1).says(&["class tokens"]);
    for flag in ["--test-every 2", "--state kept"] {
        place.run(&format!("eval linear base {data} {flag}")).exits(2).says(&["resnet and vit"]);
    }
}

#[test]
fn labels_are_learned_from_in_a_run_like_any_other() {
    let place = trained();
    let sick = place.run(&format!("{FINETUNE} --epochs 4 --lr 1e30 --out sick"));
    sick.exits(3).says(&["collapsed", "--backbone-lr", "sick/collapse"]);
    assert!(place.path("sick/collapse/weights.safetensors").is_file());

    let short = place.run(&format!("{FINETUNE} --epochs 100000 --test-every 1 --max-time 1s --out short"));
    short.exits(0).says(&["24 labelled images of 2 classes", "stopped and saved after step"]);
    short.says(&["twist finetune --resume --out short"]);
    assert!(!place.path("short/model.safetensors").exists());
    assert_eq!(place.names("short/checkpoints").len(), 2, "the last one and the best one");
    place
        .run("predict short test --device cpu")
        .exits(1)
        .says(&["not come to its end", "--resume --out short"]);
}
