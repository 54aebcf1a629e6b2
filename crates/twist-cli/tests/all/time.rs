//! How long a run takes: said before it begins, and fitted to `--max-time`.

use crate::support::{Place, TINY};

const RUN: &str = "--device cpu --threads 1 --set eval.every_epochs=0";

/// A folder of images and a recipe that never ends by itself.
fn endless() -> Place {
    let place = Place::new();
    place.pictures("train", 32);
    fs_err::write(place.path("long.toml"), TINY.replace("epochs = 3\n", "epochs = 1000000\n")).unwrap();
    place
}

fn epochs_of(place: &Place, run: &str) -> u64 {
    let plan = fs_err::read(place.path(run).join("plan.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&plan).unwrap()["epochs"].as_u64().unwrap()
}

#[test]
fn max_time_fits_the_schedule_and_the_run_is_the_one_of_so_many_epochs() {
    let place = endless();
    let fitted = place.run(&format!("train train --recipe long.toml {RUN} --out r --max-time 2s"));
    fitted.exits(0).says(&[
        "measuring how long a step takes",
        "time: about",
        "leaves time for about",
        "of 1000000 epochs",
    ]);
    let epochs = epochs_of(&place, "r");
    assert!((1..100_000).contains(&epochs), "{epochs}");
    fitted.says(&[&format!("the run has {epochs} and takes about")]);
    let config = fs_err::read_to_string(place.path("r/config.toml")).unwrap();
    assert!(config.contains(&format!("epochs = {epochs}\n")), "{config}");

    // Whether it came to its end in time or not: it goes on as begun, to the bytes of a run that was told so.
    place.run(&format!("train --resume --out r {RUN}")).exits(0);
    place.run(&format!("train train --recipe long.toml {RUN} --out told --epochs {epochs}")).exits(0);
    let last = |run: &str| {
        let name = format!("checkpoints/step-{:08}.safetensors", 4 * epochs);
        fs_err::read(place.path(run).join(name)).unwrap()
    };
    assert!(last("r") == last("told"), "the last checkpoints differ");
}

#[test]
fn epochs_that_were_chosen_stay_and_those_that_fit_are_said() {
    let place = endless();
    let line = format!("train train --recipe long.toml {RUN} --out r --max-time 1s --epochs 900000");
    place.run(&line).exits(0).says(&[
        "--max-time, 1 second, ends the run at about epoch",
        "--epochs",
        " fits",
    ]);
    assert_eq!(epochs_of(&place, "r"), 900_000);
}

#[test]
fn a_plan_says_the_work_and_its_time_stands_beside_it() {
    let place = Place::new();
    place.pictures("photos", 20);
    let plan = || place.run(&format!("train photos --recipe tiny.toml {RUN} --dry-run"));
    let first = plan();
    first.exits(0).says(&["time: about", "for 6 steps"]);
    let value: serde_json::Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!(value["image_views"], 6 * 8 * 2);
    assert_eq!(plan().out, first.out, "no time stands in the plan");
    assert_eq!(place.names("."), ["photos", "tiny.toml"], "measuring leaves nothing behind");
}

#[test]
fn a_warm_up_follows_epochs_that_are_few() {
    let place = Place::new();
    place.pictures("photos", 20);
    let plan = place.run(&format!("train photos --recipe tiny.toml {RUN} --dry-run --epochs 1"));
    plan.exits(0).says(&["warm-up: 0 of 1 epochs"]);
    let value: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!((&value["warmup_epochs"], &value["total_steps"]), (&0.into(), &2.into()));
    // What the user says himself is not changed.
    let said =
        format!("train photos --recipe tiny.toml {RUN} --dry-run --epochs 1 --set schedule.warmup_epochs=1");
    place.run(&said).exits(1).says(&["schedule.warmup_epochs = 1 is not below schedule.epochs = 1"]);
}

#[test]
fn a_run_that_goes_on_says_in_words_what_changed() {
    let place = Place::new();
    place.pictures("photos", 20);
    let line = format!("train photos --recipe tiny.toml {RUN} --out r");
    place.run(&format!("{line} --epochs 2")).exits(0);
    place.run(&format!("{line} --resume --clusters 12")).exits(2).says(&[
        "this run has 6 clusters, and 12 are now asked for",
        "Leave --clusters out",
        "another --out",
    ]);
    place
        .run(&format!("{line} --resume --set model.width=8"))
        .exits(2)
        .says(&["model.width = 4, and 8 is now"]);
    crate::support::picture(20).save(place.path("photos/dots/new.png")).unwrap();
    let more = place.run(&format!("{line} --resume --epochs 3"));
    more.exits(0).says(&["1 image was added since the last checkpoint; training continues with 21 images"]);
    assert!(!more.err.contains("->  ") && !more.err.contains("fingerprint"), "{}", more.err);
}

#[test]
fn classes_that_are_too_many_or_images_that_are_too_few_are_told() {
    let place = Place::new();
    place.pictures("few", 16);
    place.pictures("photos", 100);
    let line = format!("{RUN} --recipe tiny.toml --dry-run");
    place.run(&format!("train few {line}")).exits(0).says(&["warning: only 16 images"]);
    place
        .run(&format!("train photos {line} --clusters 50"))
        .exits(0)
        .says(&["warning: 50 clusters for 100 images are 2.0 images a class", "--clusters 20 or fewer"]);
    let enough = place.run(&format!("train photos {line} --clusters 20"));
    assert!(!enough.exits(0).err.contains("warning"), "{}", enough.err);
}

#[test]
fn fine_tuning_is_fitted_to_the_time_as_well() {
    let place = Place::new();
    place.pictures("train", 24);
    place.run(&format!("train train --recipe tiny.toml --out base {RUN}")).exits(0);
    let line = "finetune base --train train --test train --batch-size 8 --device cpu --threads 1";
    let fitted = place.run(&format!("{line} --out f --max-time 2s"));
    fitted.exits(0).says(&["time: about", "for 501 steps", "leaves time for about", "of 167 epochs"]);
    let epochs = epochs_of(&place, "f");
    assert!((1..167).contains(&epochs), "{epochs}");
    let config = fs_err::read_to_string(place.path("f/config.toml")).unwrap();
    assert!(config.contains(&format!("epochs = {epochs}\n")), "{config}");

    place.run("finetune --resume --out f --device cpu --threads 1").exits(0);
    place.run(&format!("{line} --out told --epochs {epochs}")).exits(0);
    for name in ["model.safetensors", "metrics.json"] {
        let [fitted, told] = ["f", "told"].map(|run| fs_err::read(place.path(run).join(name)).unwrap());
        assert!(fitted == told, "{name} differs");
    }
}

#[test]
fn heads_are_fitted_to_the_time_as_well() {
    let place = Place::new();
    let mut features = twist_io::NpyWriter::create(place.path("features.npy"), 4).unwrap();
    let values: Vec<f32> =
        (0..256).map(|i| if (i / 4) % 2 == 0 { 1.0 } else { -1.0 } + i as f32 * 1e-3).collect();
    features.push(&values).unwrap();
    features.finish().unwrap();
    let recipe = place.run("recipes show frozen").out;
    let length = recipe.lines().find(|line| line.starts_with("epochs = ")).unwrap();
    let long = recipe
        .replace(length, "epochs = 1000000")
        .replace("[train]", "[checkpoint]\nevery_epochs = 50\n\n[train]");
    fs_err::write(place.path("head.toml"), long).unwrap();

    let line = "train features.npy --recipe head.toml --clusters 4 --device cpu --threads 1 --set eval.every_epochs=0";
    let fitted = place.run(&format!("{line} --out h --max-time 1s"));
    fitted.exits(0).says(&["time: about", "leaves time for about", "of 1000000 epochs"]);
    let epochs = epochs_of(&place, "h");
    assert!((1..100_000).contains(&epochs), "{epochs}");
    place.run("train --resume --out h --device cpu --threads 1").exits(0);
    place.run(&format!("{line} --out told --epochs {epochs}")).exits(0);
    let model = |run: &str| fs_err::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(model("h") == model("told"), "the models differ");

    let other = place
        .run("train --resume --out h --device cpu --threads 1 --clusters 12 --epochs 900000 --max-time 1s");
    other.exits(2).says(&["this run has 4 clusters, and 12 are now asked for"]);
}
