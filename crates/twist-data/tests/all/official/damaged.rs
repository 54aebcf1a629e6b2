//! What is missing or contradicts itself is named, with the archive that has it.

use twist_data::OfficialKind::{self, *};

use super::{all_sets, error, mat, text};
use crate::workplace::{Workplace, png};

#[test]
fn what_is_missing_is_named_with_its_archive() {
    let cases: [(OfficialKind, &str, &str, &str); 15] = [
        (Food101, "", "food-101/meta/classes.txt", "food-101.tar.gz"),
        (Food101, "", "food-101/images/waffles/4.jpg", "food-101.tar.gz"),
        (Cifar10, "", "cifar-10-batches-bin/data_batch_4.bin", "cifar-10-binary.tar.gz"),
        (Cifar100, "", "cifar-100-binary/test.bin", "cifar-100-binary.tar.gz"),
        (Sun397, "", "SUN397/y/yard/sun_d.jpg", "SUN397.tar.gz"),
        (StanfordCars, "cars", "cars/cars_test_annos_withlabels.mat", "cars_test_annos_withlabels.mat"),
        (StanfordCars, "cars", "cars/devkit/cars_train_annos.mat", "car_devkit.tgz"),
        (StanfordCars, "cars", "cars/cars_test/00002.jpg", "cars_test.tgz"),
        (FgvcAircraft, "", "fgvc-aircraft-2013b/data/images_variant_val.txt", "fgvc-aircraft-2013b.tar.gz"),
        (Voc2007, "", "VOCdevkit/VOC2007/ImageSets/Main/cow_test.txt", "VOCtest_06-Nov-2007.tar"),
        (Voc2007, "", "VOCdevkit/VOC2007/JPEGImages/000007.jpg", "VOCtrainval_06-Nov-2007.tar"),
        (Dtd, "", "dtd/labels/test1.txt", "dtd-r1.0.1.tar.gz"),
        (OxfordPets, "pets", "pets/annotations/test.txt", "annotations.tar.gz"),
        (OxfordPets, "pets", "pets/images/Abyssinian_9.jpg", "images.tar.gz"),
        (Flowers102, "flowers", "flowers/setid.mat", "setid.mat"),
    ];
    for (kind, folder, missing, archive) in cases {
        let place = all_sets();
        fs_err::remove_file(place.path(missing)).unwrap();
        let error = error(&place, kind, folder);
        let path = place.path(missing).display().to_string();
        assert!(error.contains(kind.title()) && error.contains(&path), "{missing}: {error}");
        assert!(error.contains(&format!("comes with {archive}, from http")), "{missing}: {error}");
    }
    let place = all_sets();
    fs_err::remove_file(place.path("Partitions/Testing_01.txt")).unwrap();
    let error = error(&place, Sun397, "");
    assert!(error.contains("Testing_01.txt is missing") && error.contains("Partitions.zip"), "{error}");
}

#[test]
fn nothing_of_a_set_is_the_first_file_missing() {
    for kind in OfficialKind::ALL {
        let error = error(&Workplace::new(), kind, "");
        assert!(error.contains("is missing. It comes with"), "{error}");
    }
}

#[test]
fn several_missing_images_are_counted() {
    let place = all_sets();
    for name in ["0034309.jpg", "0087924.jpg"] {
        fs_err::remove_file(place.path("fgvc-aircraft-2013b/data/images").join(name)).unwrap();
    }
    let error = error(&place, FgvcAircraft, "");
    assert!(error.contains("2 of 3 images are missing") && error.contains("0034309.jpg"), "{error}");
}

#[test]
fn pickles_are_refused_with_the_way_out() {
    for (kind, file) in [(Cifar10, "cifar-10-batches-py/data_batch_1"), (Cifar100, "cifar-100-python/train")]
    {
        let place = Workplace::new();
        place.write(file, b"\x80\x02}");
        place.write("cifar-100-python/file.txt~", b"");
        let error = error(&place, kind, "");
        assert!(error.contains("Python version") && error.contains("-binary.tar.gz"), "{error}");
    }
}

#[test]
fn bad_lines_are_named() {
    let cases: [(OfficialKind, &str, &str, &str, &str); 9] = [
        (Food101, "", "food-101/meta/test.txt", "sushi/3", "line 1: sushi/3 has no class"),
        (
            Sun397,
            "",
            "Partitions/Testing_01.txt",
            "/z/zoo/sun_a.jpg",
            "line 1: /z/zoo/sun_a.jpg has no class",
        ),
        (Sun397, "", "Partitions/ClassName.txt", "abbey", "line 1: abbey has no letter"),
        (
            FgvcAircraft,
            "",
            "fgvc-aircraft-2013b/data/images_variant_test.txt",
            "0062765 A-1",
            "\"A-1\" is not in",
        ),
        (
            FgvcAircraft,
            "",
            "fgvc-aircraft-2013b/data/images_variant_val.txt",
            "0062765",
            "its variant are expected",
        ),
        (Voc2007, "", "VOCdevkit/VOC2007/ImageSets/Main/cat_test.txt", "000001 2", "1, -1 or 0 are expected"),
        (Voc2007, "", "VOCdevkit/VOC2007/ImageSets/Main/cat_test.txt", "000005 1", "000005 is not in"),
        (Dtd, "", "dtd/labels/val1.txt", "banded_0004.jpg", "line 1: an image in its class is expected"),
        (
            OxfordPets,
            "pets",
            "pets/annotations/test.txt",
            "Abyssinian_9 2 1 1",
            "class 2 is american_bulldog",
        ),
    ];
    for (kind, folder, file, line, expected) in cases {
        let place = all_sets();
        text(&place, file, &[line]);
        let error = error(&place, kind, folder);
        assert!(error.contains(expected) && error.contains(file), "{error}");
    }
    let place = all_sets();
    text(&place, "VOCdevkit/VOC2007/ImageSets/Main/cat_test.txt", &["000001 -1"]);
    let message = error(&place, Voc2007, "");
    assert!(
        message.contains("cat_test.txt: it lacks 000002, which ImageSets/Main/test.txt lists"),
        "{message}"
    );
    text(&place, "pets/annotations/test.txt", &["Abyssinian_9 0"]);
    assert!(error(&place, OxfordPets, "pets").contains("an image and its class are expected"));
    place.write("dtd/labels/train1.txt", b"\xff\xfe\n");
    assert!(error(&place, Dtd, "").contains("not UTF-8"));
}

#[test]
fn label_files_that_contradict_the_rest() {
    let place = all_sets();
    mat(&place, "cars/devkit/cars_train_annos.mat", "cars_wrong_annos.mat");
    let message = error(&place, StanfordCars, "cars");
    assert!(message.contains("label 3 is listed, but there are 3 classes"), "{message}");
    mat(&place, "cars/devkit/cars_train_annos.mat", "imagelabels.mat");
    let message = error(&place, StanfordCars, "cars");
    assert!(message.contains("no variable `annotations`; its variables are labels"), "{message}");
    mat(&place, "cars/devkit/cars_meta.mat", "cars_train_annos.mat");
    assert!(error(&place, StanfordCars, "cars").contains("no variable `class_names`"));

    mat(&place, "flowers/setid.mat", "setid_wrong.mat");
    let message = error(&place, Flowers102, "flowers");
    assert!(message.contains("`trnid` names image 8, imagelabels.mat has 7"), "{message}");
    place.write("flowers/setid.mat", b"no MATLAB file");
    let message = error(&place, Flowers102, "flowers");
    assert!(message.contains("setid.mat cannot be read: it is not a MATLAB file"), "{message}");
}

#[test]
fn a_class_too_small_to_divide() {
    let place = all_sets();
    for number in 1..=5 {
        place.write(&format!("101_ObjectCategories/wrench/image_{number:04}.jpg"), &png(number));
    }
    let message = error(&place, Caltech101, "");
    assert!(message.contains("wrench: 5 images, of which 30 are for training"), "{message}");
}
