//! The transfer data sets: tiny ones, each in the layout of its official archives.

mod damaged;
mod found;
mod layouts;

use std::path::Path;

use twist_data::{DataError, OfficialKind, OfficialSet, open_official};

use crate::workplace::{Workplace, png};

/// Writes every set below `place`, each in the folder that its archives unpack to or that a user makes for them.
fn all_sets() -> Workplace {
    let place = Workplace::new();
    food101(&place);
    cifar10(&place);
    cifar100(&place);
    sun397(&place);
    cars(&place);
    aircraft(&place);
    voc2007(&place);
    dtd(&place);
    pets(&place);
    caltech101(&place);
    flowers(&place);
    place
}

fn text(place: &Workplace, name: &str, lines: &[&str]) {
    place.write(name, format!("{}\n", lines.join("\n")).as_bytes());
}

fn images<S: AsRef<str>>(place: &Workplace, folder: &str, names: impl IntoIterator<Item = S>) {
    for (seed, name) in (0..).zip(names) {
        place.write(&format!("{folder}/{}", name.as_ref()), &png(seed));
    }
}

/// A label file that `files/make_mat.py` wrote.
fn mat(place: &Workplace, name: &str, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/files").join(file);
    place.write(name, &fs_err::read(path).unwrap());
}

fn food101(place: &Workplace) {
    text(place, "food-101/meta/classes.txt", &["apple_pie", "waffles"]);
    text(place, "food-101/meta/train.txt", &["waffles/3", "apple_pie/10", "apple_pie/20"]);
    text(place, "food-101/meta/test.txt", &["waffles/4", "apple_pie/30"]);
    let names =
        ["apple_pie/10.jpg", "apple_pie/20.jpg", "apple_pie/30.jpg", "waffles/3.jpg", "waffles/4.jpg"];
    images(place, "food-101/images", names);
}

/// CIFAR records with these label bytes.
fn batch(labels: &[&[u8]]) -> Vec<u8> {
    labels.iter().flat_map(|label| [label.to_vec(), vec![label[0]; 3072]].concat()).collect()
}

fn cifar10(place: &Workplace) {
    let names: Vec<String> = (0..10).map(|class| format!("class{class}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    text(place, "cifar-10-batches-bin/batches.meta.txt", &names);
    for number in 1..=5 {
        place.write(
            &format!("cifar-10-batches-bin/data_batch_{number}.bin"),
            &batch(&[&[number], &[number + 4]]),
        );
    }
    place.write("cifar-10-batches-bin/test_batch.bin", &batch(&[&[7], &[0], &[7]]));
}

fn cifar100(place: &Workplace) {
    let names: Vec<String> = (0..100).map(|class| format!("fine{class}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    text(place, "cifar-100-binary/fine_label_names.txt", &names);
    place.write("cifar-100-binary/train.bin", &batch(&[&[4, 17], &[19, 99]]));
    place.write("cifar-100-binary/test.bin", &batch(&[&[4, 18]]));
}

fn sun397(place: &Workplace) {
    let folder = "SUN397";
    images(place, folder, ["a/abbey/sun_b.jpg", "a/abbey/sun_a.jpg"]);
    images(place, folder, ["a/apartment_building/outdoor/sun_c.jpg", "y/yard/sun_d.jpg"]);
    text(place, "Partitions/ClassName.txt", &["/a/abbey", "/a/apartment_building/outdoor", "/y/yard"]);
    text(place, "Partitions/Training_01.txt", &["/a/abbey/sun_b.jpg", "/y/yard/sun_d.jpg"]);
    text(
        place,
        "Partitions/Testing_01.txt",
        &["/a/abbey/sun_a.jpg", "/a/apartment_building/outdoor/sun_c.jpg"],
    );
}

fn cars(place: &Workplace) {
    images(place, "cars/cars_train", ["00001.jpg", "00002.jpg", "00003.jpg", "00004.jpg"]);
    images(place, "cars/cars_test", ["00001.jpg", "00002.jpg", "00003.jpg"]);
    mat(place, "cars/devkit/cars_meta.mat", "cars_meta.mat");
    mat(place, "cars/devkit/cars_train_annos.mat", "cars_train_annos.mat");
    mat(place, "cars/cars_test_annos_withlabels.mat", "cars_test_annos_withlabels.mat");
}

fn aircraft(place: &Workplace) {
    let folder = "fgvc-aircraft-2013b/data";
    text(place, &format!("{folder}/variants.txt"), &["707-320", "727-200", "Falcon 2000"]);
    let list =
        |name: &str, lines: &[&str]| text(place, &format!("{folder}/images_variant_{name}.txt"), lines);
    list("trainval", &["0034309 Falcon 2000", "0056978 707-320", "0087924 727-200"]);
    list("val", &["0087924 727-200", "0034309 Falcon 2000"]);
    list("test", &["0062765 727-200"]);
    images(place, &format!("{folder}/images"), ["0034309.jpg", "0056978.jpg", "0087924.jpg", "0062765.jpg"]);
}

const VOC_CLASSES: [&str; 20] = [
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

fn voc2007(place: &Workplace) {
    let folder = "VOCdevkit/VOC2007";
    let list =
        |name: &str, lines: &[&str]| text(place, &format!("{folder}/ImageSets/Main/{name}.txt"), lines);
    list("trainval", &["000005", "000007", "000009"]);
    list("val", &["000007"]);
    list("test", &["000001", "000002"]);
    for class in VOC_CLASSES {
        let (trainval, test): (&[&str], &[&str]) = match class {
            "chair" => (&["000005  1", "000007 -1", "000009  0"], &["000001 -1", "000002  0"]),
            "person" => (&["000005  1", "000007  0", "000009  1"], &["000001  1", "000002 -1"]),
            _ => (&["000005 -1", "000007 -1", "000009 -1"], &["000001 -1", "000002 -1"]),
        };
        list(&format!("{class}_trainval"), trainval);
        list(&format!("{class}_test"), test);
    }
    let names = ["000005.jpg", "000007.jpg", "000009.jpg", "000001.jpg", "000002.jpg"];
    images(place, &format!("{folder}/JPEGImages"), names);
}

fn dtd(place: &Workplace) {
    text(place, "dtd/labels/train1.txt", &["banded/banded_0002.jpg", "zigzagged/zigzagged_0001.jpg"]);
    text(place, "dtd/labels/val1.txt", &["banded/banded_0004.jpg"]);
    text(place, "dtd/labels/test1.txt", &["zigzagged/zigzagged_0003.jpg", "banded/banded_0005.jpg"]);
    images(place, "dtd/images/banded", ["banded_0002.jpg", "banded_0004.jpg", "banded_0005.jpg"]);
    images(place, "dtd/images/zigzagged", ["zigzagged_0001.jpg", "zigzagged_0003.jpg"]);
}

fn pets(place: &Workplace) {
    text(place, "pets/annotations/trainval.txt", &["Abyssinian_100 1 1 1", "american_bulldog_7 2 2 1"]);
    text(place, "pets/annotations/test.txt", &["american_bulldog_8 2 2 1", "Abyssinian_9 1 1 1"]);
    let names =
        ["Abyssinian_100.jpg", "american_bulldog_7.jpg", "american_bulldog_8.jpg", "Abyssinian_9.jpg"];
    images(place, "pets/images", names);
}

fn caltech101(place: &Workplace) {
    for (class, count) in [("BACKGROUND_Google", 33), ("accordion", 31)] {
        let names = (1..=count).map(|number| format!("image_{number:04}.jpg"));
        images(place, &format!("101_ObjectCategories/{class}"), names);
    }
    place.write("101_ObjectCategories/BACKGROUND_Google/tmp", b"");
}

fn flowers(place: &Workplace) {
    images(place, "flowers/jpg", (1..=7).map(|number| format!("image_{number:05}.jpg")));
    mat(place, "flowers/imagelabels.mat", "imagelabels.mat");
    mat(place, "flowers/setid.mat", "setid.mat");
}

/// Opens a set in a folder of the workplace.
fn open(place: &Workplace, kind: OfficialKind, folder: &str) -> Result<OfficialSet, DataError> {
    open_official(Some(kind), &place.path(folder), 0)
}

/// Why it does not open.
fn error(place: &Workplace, kind: OfficialKind, folder: &str) -> String {
    match open(place, kind, folder) {
        Ok(_) => panic!("{folder} opens"),
        Err(error) => error.to_string(),
    }
}
