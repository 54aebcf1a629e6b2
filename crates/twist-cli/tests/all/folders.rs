//! Which run a command means, and what becomes of one that is replaced.

use image::{ImageBuffer, Luma};

use crate::support::Place;

#[test]
fn a_run_goes_on_with_its_own_images() {
    let place = Place::new();
    place.pictures("a", 16);
    place.pictures("b", 18);
    for data in ["a", "b"] {
        let short = "--recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0";
        place.run(&format!("train {data} {short}")).exits(0);
    }
    let steps = |run: &str| place.events(run, "step").len();
    assert_eq!((steps("runs/tiny-1"), steps("runs/tiny-2")), (2, 2));

    // The latest run is that of b, and a is meant.
    place
        .run("train a/ --recipe tiny.toml --resume")
        .exits(0)
        .says(&["run folder runs/tiny-1", "resumed at step 2"]);
    assert_eq!((steps("runs/tiny-1"), steps("runs/tiny-2")), (6, 2));

    // The other way round only by name, and not at all.
    let other = place.run("train a --recipe tiny.toml --resume --out runs/tiny-2");
    other.exits(2).says(&["runs/tiny-2 was trained on", "a holds other images", "--out"]);
    assert_eq!(steps("runs/tiny-2"), 2);

    // The same images at another place are the same images.
    fs_err::rename(place.path("b"), place.path("moved")).unwrap();
    place.run("train moved --recipe tiny.toml --resume --out runs/tiny-2").exits(0);
    assert_eq!(steps("runs/tiny-2"), 6);
    place
        .run("train --resume --out runs/none")
        .exits(2)
        .says(&["runs/none does not contain a run to resume"]);
}

#[test]
fn a_run_that_has_ended_says_what_changed_since() {
    let place = Place::new();
    place.pictures("a", 16);
    let short = "train a --recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0 --out run";
    place.run(short).exits(0);
    let again = place.run("train --resume --out run");
    again.exits(0).says(&["finished already"]);
    assert!(!again.err.contains("since the last checkpoint"), "nothing changed: {}", again.err);

    crate::support::picture(99).save(place.path("a/dots/new.png")).unwrap();
    let said = ["1 image was added since the last checkpoint", "twist predict", "--epochs", "another --out"];
    place.run("train --resume --out run").exits(0).says(&said).says(&["finished already"]);
    let recipe = place.run("train --resume --out run --set optim.lr=0.5");
    recipe
        .exits(0)
        .says(&["the recipe changed since the checkpoint: optim.lr 0.05 -> 0.5", "finished already"]);

    // A head on the network, and a classifier.
    place.run("train a --frozen run --clusters 2 --epochs 2 --out head --device cpu").exits(0);
    place.run("finetune run --train a --epochs 1 --out tuned --device cpu").exits(0);
    let unchanged = place.run("finetune --resume --out tuned --device cpu");
    unchanged.exits(0).says(&["finished already"]);
    assert!(!unchanged.err.contains("not those of this run"), "{}", unchanged.err);
    crate::support::picture(98).save(place.path("a/dots/newer.png")).unwrap();
    let head = place.run("train --resume --out head --device cpu");
    head.exits(0).says(&["1 row was added since the last checkpoint", "another --out", "finished already"]);
    let tuned = place.run("finetune --resume --out tuned --device cpu");
    tuned
        .exits(0)
        .says(&["images, labels or settings are not those of this run any more", "finished already"]);
    let faster = place.run("finetune --resume --out head --lr 0.1 --device cpu");
    faster.exits(1).says(&["does not describe a run of `twist finetune`"]);
}

#[test]
fn a_head_does_not_go_on_with_the_features_of_another_model() {
    let place = Place::new();
    place.pictures("a", 16);
    for seed in ["0", "1"] {
        let short = "train a --recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0";
        place.run(&format!("{short} --seed {seed} --out net{seed}")).exits(0);
    }
    place.run("train a --frozen net0 --clusters 2 --epochs 2 --out head --device cpu").exits(0);
    let other = place.run("train a --frozen net1 --resume --out head --epochs 4 --device cpu");
    other.exits(2).says(&["features of another model", "another --out"]);
    place.run("train a --frozen net0 --resume --out head --epochs 4 --device cpu").exits(0);
}

#[test]
fn a_run_is_replaced_when_the_new_one_begins_and_not_before() {
    let place = Place::new();
    place.pictures("a", 16);
    let weights = "runs/tiny-1/checkpoints/step-00000002.safetensors";
    place.run("train a --recipe tiny.toml").exits(0);
    let replace = "train a --recipe tiny.toml --out runs/tiny-1 --force --init";
    place.run(&format!("{replace} runs/tiny-1/none.safetensors")).exits(1).says(&["none.safetensors"]);
    assert_eq!(place.events("runs/tiny-1", "done").len(), 1, "the old run is whole");
    assert!(place.path("runs/tiny-1/metrics.json").is_file() && place.path(weights).is_file());

    place.run(&format!("{replace} {weights}")).exits(0);
    assert_eq!(place.events("runs/tiny-1", "start").len(), 1, "a log of its own");
}

#[test]
fn a_folder_of_gray_16_bit_images_needs_no_flag() {
    let place = Place::new();
    fs_err::create_dir(place.path("gray")).unwrap();
    for number in 0..30u32 {
        let value = |x: u32, y: u32| Luma([((x * (number % 3 + 1) + y) * 800) as u16]);
        let picture: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_fn(40, 40, value);
        picture.save(place.path(format!("gray/{number}.png"))).unwrap();
    }
    let done = place.run("train gray --epochs 2 --device cpu");
    done.exits(0).says(&[
        "folder_auto: made for 30 images",
        "2 epochs: as asked for",
        "the images are gray already",
    ]);
    let recipe = fs_err::read_to_string(place.path("runs/folder_auto-1/config.toml")).unwrap();
    for line in ["epochs = 2", "warmup_epochs = 0", "saturation = 0.0", "batch_size = 16"] {
        assert!(recipe.lines().any(|known| known == line), "{line}: {recipe}");
    }
    assert!(place.path("runs/folder_auto-1/report.html").is_file());
}

/// What the run begins with stands in its folder, so that a run without a checkpoint resumes with it.
#[test]
fn a_run_that_was_stopped_before_its_first_checkpoint_begins_again_with_its_weights() {
    let place = Place::new();
    place.pictures("a", 16);
    place.run("train a --recipe tiny.toml --out old").exits(0);
    let line = "train a --recipe tiny.toml --seed 9 --device cpu --threads 1";
    place.run(&format!("{line} --init old --out whole")).exits(0);
    place.run(&format!("{line} --init old --out cut")).exits(0);
    for file in ["checkpoints", "metrics.json", "log.jsonl"] {
        let path = place.path(format!("cut/{file}"));
        if path.is_dir() { fs_err::remove_dir_all(path).unwrap() } else { fs_err::remove_file(path).unwrap() }
    }
    let resumed = place.run("train --resume --out cut --device cpu --threads 1");
    resumed.exits(0).says(&["tensors loaded"]);
    let model =
        |run: &str| fs_err::read(place.path(format!("{run}/checkpoints/step-00000006.safetensors"))).unwrap();
    assert_eq!(model("cut"), model("whole"));
    // A run that has a checkpoint needs them no more.
    fs_err::remove_dir_all(place.path("old")).unwrap();
    place.run("train --resume --out cut --epochs 4 --device cpu --threads 1").exits(0);
}

#[test]
fn a_recipe_made_for_a_folder_has_the_backbone_of_the_weights() {
    let place = Place::new();
    place.pictures("a", 16);
    let sizes = "--set model.arch=vit_48x2x3 --set model.width=64 --set data.mean=[0.4,0.4,0.4]";
    place
        .run(&format!(
            "train a --recipe tiny.toml {sizes} --epochs 1 --set schedule.warmup_epochs=0 --out old"
        ))
        .exits(0);
    let auto = place.run("train a --init old --clusters 2 --epochs 1 --out new --device cpu");
    auto.exits(0).says(&["vit_48x2x3 of width 64: the backbone that --init names"]);
    let config = fs_err::read_to_string(place.path("new/config.toml")).unwrap();
    assert!(
        config.contains("arch = \"vit_48x2x3\"") && config.contains("mean = [0.4, 0.4, 0.4]"),
        "{config}"
    );
    let other =
        place.run("train a --recipe tiny.toml --init old --epochs 1 --set schedule.warmup_epochs=0 --out b");
    other.exits(1).says(&["no weight of its backbone fits", "--set model.arch=vit_48x2x3"]);
}
