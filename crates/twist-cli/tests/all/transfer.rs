//! `twist eval transfer` on tiny data sets in their official layouts.

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::support::Place;

/// A picture that is dark or bright, with a little noise.
fn shade(bright: bool, number: u32) -> RgbImage {
    let base = if bright { 210 } else { 25 };
    RgbImage::from_fn(20, 22, |x, y| Rgb([base + ((x * 3 + y * 5 + number * 7) % 19) as u8; 3]))
}

fn text(place: &Place, name: &str, lines: &[String]) {
    let path = place.path(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, lines.join("\n")).unwrap();
}

fn picture(place: &Place, name: &str, bright: bool, number: u32) {
    let path = place.path(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    shade(bright, number).save(path).unwrap();
}

/// DTD with two textures, one dark and one bright.
fn dtd(place: &Place) {
    for (list, numbers) in [("train1", 0..4), ("val1", 4..6), ("test1", 6..9)] {
        let mut lines = Vec::new();
        for number in numbers {
            for class in ["dark", "bright"] {
                let name = format!("{class}/{class}_{number}.jpg");
                picture(place, &format!("sets/dtd/images/{name}"), class == "bright", number);
                lines.push(name);
            }
        }
        text(place, &format!("sets/dtd/labels/{list}.txt"), &lines);
    }
}

/// VOC 2007 with cats in the dark and dogs in the light; one cat in the light is marked difficult.
fn voc2007(place: &Place) {
    let classes = [
        "aeroplane",
        "bicycle",
        "bird",
        "boat",
        "bottle",
        "bus",
        "car",
        "cat",
        "chair",
        "cow",
        "diningtable",
        "dog",
        "horse",
        "motorbike",
        "person",
        "pottedplant",
        "sheep",
        "sofa",
        "train",
        "tvmonitor",
    ];
    let folder = "sets/VOCdevkit/VOC2007";
    let splits: [(&str, Vec<u32>); 3] =
        [("trainval", (0..8).collect()), ("val", vec![0, 3, 5, 6]), ("test", (8..12).collect())];
    for (split, numbers) in splits {
        let image = |number: u32| format!("{number:06}");
        let lines: Vec<String> = numbers.iter().map(|&number| image(number)).collect();
        text(place, &format!("{folder}/ImageSets/Main/{split}.txt"), &lines);
        for class in classes {
            let tag = |number: u32| match (class, number.is_multiple_of(2)) {
                ("cat", true) | ("dog", false) => 1,
                ("cat", false) if number == 11 => 0,
                _ => -1,
            };
            let lines: Vec<String> = numbers.iter().map(|&n| format!("{} {:>2}", image(n), tag(n))).collect();
            text(place, &format!("{folder}/ImageSets/Main/{class}_{split}.txt"), &lines);
        }
        for number in numbers {
            picture(
                place,
                &format!("{folder}/JPEGImages/{}.jpg", image(number)),
                !number.is_multiple_of(2),
                number,
            );
        }
    }
}

#[test]
fn every_set_below_a_folder_is_a_line_and_an_object() {
    let place = Place::new();
    place.pictures("photos", 24);
    place.run("train photos --recipe tiny.toml --threads 1 --out run").exits(0);
    dtd(&place);
    voc2007(&place);

    let table = place.run("eval transfer run --data sets --threads 1 --no-cache");
    table
        .exits(0)
        .says(&["DTD: 12 training images, 6 test images, 2 classes", "PASCAL VOC 2007: 8 training"]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", table.out);
    assert!(lines[1].starts_with("PASCAL VOC 2007  1.0000  11-point mAP  8 + 4"), "{}", table.out);
    assert!(lines[2].starts_with("DTD              1.0000  top-1         12 + 6"), "{}", table.out);
    assert!(lines[2].ends_with("1.0000 on 4 validation images"), "{}", table.out);

    let json = place.run("eval transfer run --data sets/dtd --threads 1 --no-cache --json");
    json.exits(0);
    let value: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&value["mode"], value["sets"].as_array().unwrap().len()), (&"linear".into(), 1));
    let set = &value["sets"][0];
    assert_eq!((&set["set"], &set["linear_top1"]), (&"dtd".into(), &1.0.into()));
    let protocol = &set["protocol"];
    assert_eq!((&protocol["train_images"], &protocol["validation_images"]), (&12.into(), &4.into()));
    assert_eq!(protocol["l2_candidates"]["count"], 45);
    assert_eq!(protocol["test_images_used_to_choose"], 0);
    // The shorter side is as long as the crop, whatever the model is used to.
    let transform = &value["protocol"]["transform"];
    assert_eq!((&transform["resize"], &transform["interpolation"]), (&transform["crop"], &"bicubic".into()));
    let kept = fs_err::read_to_string(place.path("run/evaluations.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), 3, "one for each set");
    assert!(kept.lines().all(|line| line.contains("\"evaluation\":\"transfer\"")), "{kept}");
}

#[test]
fn fine_tuning_chooses_learns_and_goes_on_from_what_is_done() {
    let place = Place::new();
    place.pictures("photos", 24);
    place.run("train photos --recipe tiny.toml --threads 1 --out run").exits(0);
    dtd(&place);
    voc2007(&place);
    let command = "eval transfer run --data sets --mode finetune --lr 0.003,0.05 --weight-decay 0,1e-4 \
                   --updates 40 --batch-size 8 --state state --threads 1 --json";
    let first = place.run(command);
    first.exits(0).says(&["DTD: 5 trainings of 40 updates"]);
    let value: Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!(value["mode"], "finetune");
    let [voc, dtd] = [0, 1].map(|place| &value["sets"][place]);
    assert_eq!((&voc["set"], &voc["finetune_map_11_point"]), (&"voc2007".into(), &1.0.into()));
    assert_eq!((&dtd["set"], &dtd["finetune_top1"]), (&"dtd".into(), &1.0.into()));
    let protocol = &dtd["protocol"];
    assert_eq!((&protocol["nesterov"], &protocol["loss"]), (&true.into(), &"cross entropy".into()));
    assert_eq!((&protocol["validation_images"], &protocol["updates"]), (&4.into(), &40.into()));
    let [rate, decay, divided] =
        ["lr", "weight_decay_before_division", "weight_decay"].map(|key| protocol[key].as_f64().unwrap());
    assert!((divided * rate - decay).abs() < 1e-15 && protocol["backbone_lr"] == protocol["lr"]);
    assert_eq!(voc["protocol"]["loss"], "logistic, summed over classes");
    // The right images are asked: dark and bright tell the classes apart.
    for set in [voc, dtd] {
        assert_eq!(set["protocol"]["validation_figure"], 1.0, "{set}");
    }

    // Five results for each set and no state: the next call only reads them.
    let files = |set: &str| {
        let entries = fs_err::read_dir(place.path(format!("state/{set}"))).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let kept = [files("dtd"), files("voc2007")].concat();
    assert_eq!(kept.len(), 10, "{kept:?}");
    assert!(kept.iter().all(|path| path.extension().is_some_and(|ending| ending == "json")), "{kept:?}");
    let again: Value = serde_json::from_str(&place.run(command).out).unwrap();
    assert_eq!(again["sets"], value["sets"]);

    // A training of other settings under the same name is not taken for this one's.
    place
        .run(&command.replace("--batch-size 8", "--batch-size 6"))
        .exits(1)
        .says(&["cannot be resumed", "not those that it was started with"]);
}

#[test]
fn fine_tunings_flags_and_values_are_checked() {
    let place = Place::new();
    place.pictures("photos", 24);
    place.run("train photos --recipe tiny.toml --threads 1 --out run").exits(0);
    dtd(&place);
    let run = |line: &str| place.run(&format!("eval transfer run --data sets --threads 1 {line}"));
    run("--lr 0.1").exits(2).says(&["--lr belongs to --mode finetune"]);
    run("--mode finetune --lr 0 --weight-decay 0").exits(1).says(&["--lr = 0", "above 0"]);
    run("--mode finetune --lr 0.1 --weight-decay 0 --batch-size 1")
        .exits(1)
        .says(&["--batch-size = 1", "at least 2"]);
    run("--mode finetune --no-cache").exits(2).says(&["--no-cache belongs to --mode linear"]);
    // The last setting is looked at before the first one is tried.
    run("--mode finetune --lr 0.05,0 --state early").exits(1).says(&["--lr = 0"]);
    run("--mode finetune --lr 0.1 --weight-decay=0,-1 --state early").exits(1).says(&["weight decay", "-1"]);
    assert!(!place.path("early").exists());
    // One setting: nothing to choose, nothing held out, one training.
    let one = run("--mode finetune --lr 0.05 --weight-decay 0 --updates 4 --batch-size 8");
    one.exits(0).says(&["1 training of 4 updates"]);
    assert!(one.out.contains("nothing to choose"), "{}", one.out);
    // A rate at which the loss is not a number is out of the choice; alone it is an error.
    run("--mode finetune --lr 1e30 --weight-decay 0 --updates 40")
        .exits(1)
        .says(&["not a finite number", "--lr 1000000000000000000000000000000)"]);
    let both = "--mode finetune --lr 1e30,0.05 --weight-decay 0 --updates 40 --batch-size 8 --state done";
    run(both).exits(0);
    let names = place.names("done/dtd");
    assert!(names.len() == 3 && names.iter().all(|name| name.ends_with(".json")), "{names:?}");
    // The same network with random weights is another beginning.
    run(&format!("{both} --from-scratch")).exits(1).says(&["cannot be resumed"]);
}

#[test]
fn what_is_not_there_is_named_before_any_work() {
    let place = Place::new();
    place.pictures("photos", 4);
    let run = |line: &str| place.run(&format!("eval transfer run {line} --threads 1"));
    run("--data photos").exits(1).says(&["contains no transfer data set", "Food-101"]);
    run("--data photos --set imagenet").exits(2).says(&["the sets are food101, cifar10"]);
    dtd(&place);
    run("--data sets --set dtd --set pets").exits(2).says(&["pets is not below sets, there are dtd"]);
    run("--data nowhere").exits(1).says(&["nowhere"]);
}
