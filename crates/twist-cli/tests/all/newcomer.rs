//! What someone meets who has just begun: misspelt names, patterns without quotes, few images, damaged files.

use crate::support::{Done, Place};

const CPU: &str = "--device cpu --threads 1";

/// A run of a few steps on `train`, in `runs/mine-1`, and images without labels in `flat`.
fn trained() -> Place {
    let place = Place::new();
    place.pictures("train", 24);
    fs_err::create_dir(place.path("flat")).unwrap();
    (0..6).for_each(|n| crate::support::picture(n).save(place.path(format!("flat/{n}.png"))).unwrap());
    place.run(&format!("train train --recipe tiny.toml --out runs/mine-1 {CPU}")).exits(0);
    place
}

#[test]
fn a_misspelt_model_or_run_is_answered_with_what_is_there() {
    let place = trained();
    let last = place.names("runs/mine-1/checkpoints").pop().unwrap();
    let lines = [
        (
            format!("predict runs/mine-2 train {CPU}"),
            "model runs/mine-2 does not exist; did you mean runs/mine-1?",
        ),
        (format!("predict run/mine-1 train {CPU}"), "did you mean runs/mine-1?"),
        (format!("predict mine-1 train {CPU}"), "model mine-1 does not exist; did you mean runs/mine-1?"),
        (format!("predict runs/mine-1:teachr train {CPU}"), "did you mean runs/mine-1:teacher?"),
        (format!("predict runs/mine-1/checkpoints/x{last} train {CPU}"), last.as_str()),
        (format!("eval cluster mein-1 --test train {CPU}"), "did you mean runs/mine-1?"),
        (
            format!("embed nothing-like-it train --out e.npy {CPU}"),
            "give a run folder, a checkpoint or a weight file",
        ),
        ("clusters runs/mine1 show".into(), "did you mean runs/mine-1?"),
        ("report runs/mein-1".into(), "run runs/mein-1 does not exist; did you mean runs/mine-1?"),
        (format!("train train --frozen runs/mine1 {CPU}"), "did you mean runs/mine-1?"),
        (
            format!("train train --init runs/mine1 {CPU}"),
            "--init: model runs/mine1 does not exist; did you mean runs/mine-1?",
        ),
        ("import tiny.tml --out x.safetensors".into(), "did you mean tiny.toml?"),
        (format!("train train --recipe tny.toml {CPU}"), "did you mean tiny.toml?"),
        (
            format!("eval knn runs/mine-1 --train train --test train --labels tiny.tml {CPU}"),
            "did you mean tiny.toml?",
        ),
    ];
    for (line, words) in &lines {
        place.run(line).exits(1).says(&[words]);
    }
    place.run("train --resume --out runs/mine-2").exits(2).says(&["to resume; did you mean runs/mine-1?"]);
}

#[test]
fn names_of_files_in_the_place_of_a_pattern_say_what_to_type() {
    let place = trained();
    // What a shell makes of flat/*.png.
    let files = (0..6).map(|n| format!("flat/{n}.png")).collect::<Vec<_>>().join(" ");
    for (before, behind) in [
        ("predict runs/mine-1", ""),
        ("embed runs/mine-1", " --out e.npy"),
        ("data info", ""),
        ("data verify", ""),
        ("train", " --clusters 2"),
        ("eval knn runs/mine-1 --train", " --test flat"),
        ("neighbors runs/mine-1", " --query flat/0.png"),
    ] {
        let done = place.run(&format!("{before} {files}{behind}"));
        let typed = format!("\n  twist {before} 'flat/*.png'{behind}\n");
        done.exits(2).says(&["got 6 paths (flat/0.png, flat/1.png, …)", "in quotes", &typed]);
    }
    let models = place.run(&format!("eval cluster runs/mine-1 --test train/dots/000.png {files} {CPU}"));
    models.exits(1).says(&["got 7 MODELs; put a pattern of --test or --train in quotes"]);
    // Two of six are not a pattern, and other surplus words have another cause.
    let two = place.run("predict runs/mine-1 flat/0.png flat/3.png");
    two.exits(2).says(&["printf '%s\\n' flat/0.png flat/3.png | twist predict runs/mine-1 -"]);
    place.run("data info flat surplus").exits(2).says(&["unexpected argument 'surplus'"]);
}

#[test]
fn without_labels_the_flag_that_gives_them_is_named() {
    let place = trained();
    for command in ["eval knn", "eval linear", "eval finetune"] {
        let done = place.run(&format!("{command} runs/mine-1 --train flat --test flat {CPU}"));
        done.exits(1).says(&["no image has a label", "path,label", "--labels FILE"]);
    }
}

#[test]
fn a_k_that_is_larger_than_the_bank_is_said() {
    let place = trained();
    let line = format!("eval knn runs/mine-1 --train train --test train {CPU}");
    place
        .run(&line)
        .exits(0)
        .says(&["k = 200 is the protocol's, but only 24 images can vote: k = 24 is used"]);
    place
        .run(&format!("{line} --k 30"))
        .exits(0)
        .says(&["k = 30 was asked for, but only 24 images can vote: k = 24"]);
    let enough = place.run(&format!("{line} --k 24"));
    assert!(!enough.exits(0).err.contains("can vote"), "{}", enough.err);
    let run = place.run(&format!("train train --recipe tiny.toml --set eval.knn_k=90 --out wide {CPU}"));
    assert!(run.exits(0).out.contains("k = 90 is the recipe's, but only"), "{}", run.out);
}

/// Everything that a run of few images says, without its progress.
fn words(place: &Place, images: u32, more: &str) -> String {
    let name = format!("few{images}");
    fs_err::create_dir_all(place.path(&name)).unwrap();
    (0..images).for_each(|n| crate::support::picture(n).save(place.path(format!("{name}/{n}.png"))).unwrap());
    let Done { out, err, .. } =
        place.run(&format!("train {name} --epochs 2 --out run-{name} --force {more} {CPU}"));
    err + &out
}

#[test]
fn images_that_cannot_be_read_are_not_counted() {
    let place = Place::new();
    fs_err::create_dir_all(place.path("few13")).unwrap();
    (0..4).for_each(|n| fs_err::write(place.path(format!("few13/text{n}.jpg")), "text").unwrap());
    let said = words(&place, 13, "");
    for line in ["warning: only 13 images", "training saw only 13 images"] {
        assert!(said.contains(line), "{line:?} is not in:\n{said}");
    }
    let none = place.run(&format!("train few13/text0.jpg {CPU}"));
    none.exits(1).says(&["not an image of a supported format"]);
    assert!(!none.err.contains("folder_auto"), "{}", none.err);
}

#[test]
fn few_images_are_advised_without_contradiction() {
    let place = Place::new();
    for images in [2, 13, 40] {
        let said = words(&place, images, "");
        for line in [
            format!("warning: only {images} images"),
            "2 clusters: the fewest, for so few images".into(),
            format!("training saw only {images} images"),
            "train on some hundreds of images, or a head on a pretrained network (`twist import starter`, then `--frozen starter`)"
                .into(),
        ] {
            assert!(said.contains(&line), "{line:?} is not in:\n{said}");
        }
        for wrong in
            ["ask for fewer classes", "train longer", "No figure speaks against", "images a class on average"]
        {
            assert!(!said.contains(wrong), "{wrong:?} is in:\n{said}");
        }
    }
    let said = words(&place, 13, "--clusters 20");
    assert!(said.contains("20 clusters for 13 images") && said.contains("--clusters 2 or fewer"), "{said}");
}

#[test]
fn an_existing_out_is_refused_before_anything_is_read() {
    let place = trained();
    let lines = [
        format!("train train --out runs/mine-1 {CPU}"),
        format!("train train --frozen runs/mine-1 --out runs/mine-1 {CPU}"),
        format!("train gone --out runs/mine-1 {CPU}"),
        format!("finetune gone --train gone --out runs/mine-1 {CPU}"),
        format!("demo --out runs/mine-1 {CPU}"),
    ];
    for line in &lines {
        let done = place.run(line);
        done.exits(2).says(&["runs/mine-1", "--resume", "--force"]);
        assert_eq!(done.err.lines().count(), 1, "{line}: {}", done.err);
    }
}

#[test]
fn several_runs_are_compared_with_the_verdict_on_each() {
    let place = trained();
    place.run(&format!("train train --frozen runs/mine-1 --clusters 2 --epochs 2 --out head {CPU}")).exits(0);
    let tuned = place.run(&format!("finetune runs/mine-1 --train train --epochs 1 --out tuned {CPU}"));
    assert!(
        tuned.exits(0).out.contains("this classifier") || tuned.out.contains("This classifier"),
        "{}",
        tuned.out
    );
    let compared = place.run("report runs/mine-1 head tuned --out all.html");
    compared.exits(0).says(&["mine-1: ", "head: ", "tuned: "]);
    let page = fs_err::read_to_string(place.path("all.html")).unwrap();
    let verdict = |name: &str| {
        let line = compared.err.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
        line.split(':').next().unwrap().to_owned()
    };
    for name in ["mine-1", "head", "tuned"] {
        assert!(page.contains(&verdict(name)), "{name}: {} is not on the page", verdict(name));
    }
}

#[test]
fn damaged_files_of_a_run_are_told_in_the_terminal() {
    let place = trained();
    let sound = place.run("report runs/mine-1");
    assert!(!sound.exits(0).err.contains("warning"), "{}", sound.err);
    for file in ["metrics.json", "evaluations.jsonl", "labels.csv", "clusters.json", "config.toml"] {
        let path = place.path("runs/mine-1").join(file);
        let before = fs_err::read(&path).ok();
        fs_err::write(&path, "{ = broken [").unwrap();
        let done = place.run("report runs/mine-1");
        done.exits(0).says(&["warning", file]);
        match before {
            Some(before) => fs_err::write(&path, before).unwrap(),
            None => fs_err::remove_file(&path).unwrap(),
        }
    }
}

#[test]
fn a_damaged_recipe_of_a_run_names_file_and_line() {
    let place = trained();
    place.run(&format!("train train --frozen runs/mine-1 --clusters 2 --epochs 2 --out head {CPU}")).exits(0);
    place.run(&format!("finetune runs/mine-1 --train train --epochs 1 --out tuned {CPU}")).exits(0);
    for (run, command) in [("runs/mine-1", "train"), ("head", "train"), ("tuned", "finetune")] {
        let path = place.path(run).join("config.toml");
        let text = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, format!("{}\nx = [\n", text.trim_end())).unwrap();
        let line = text.trim_end().lines().count() + 1;
        let done = place.run(&format!("{command} --resume --out {run} {CPU}"));
        done.exits(1).says(&[&format!("error: {run}/config.toml, line {line}: "), "correct this line"]);
    }
}
