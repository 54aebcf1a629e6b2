//! Splits, labels and tags of every layout.

use twist_data::{OfficialKind, OfficialSet, Tag, TransferMetric, open_official};

use super::{all_sets, open};
use crate::workplace::{bytes, labels, paths, png};

/// Names and labels of the training images, then of the test images.
fn content(set: &OfficialSet) -> [Vec<(String, Option<u32>)>; 2] {
    [&set.train, &set.test].map(|part| paths(&**part).into_iter().zip(labels(&**part)).collect())
}

fn listed(images: &[(&str, u32)]) -> Vec<(String, Option<u32>)> {
    images.iter().map(|&(name, label)| (name.to_owned(), Some(label))).collect()
}

#[test]
fn lists_of_images_in_classes() {
    let place = all_sets();
    let food = open(&place, OfficialKind::Food101, "").unwrap();
    let [train, test] = content(&food);
    assert_eq!(train, listed(&[("waffles/3.jpg", 1), ("apple_pie/10.jpg", 0), ("apple_pie/20.jpg", 0)]));
    assert_eq!(test, listed(&[("waffles/4.jpg", 1), ("apple_pie/30.jpg", 0)]));
    assert_eq!((food.classes()[1].as_str(), food.metric()), ("waffles", TransferMetric::Top1));
    assert_eq!(bytes(&*food.train, 0), png(3), "the image of this name");

    let scenes = open(&place, OfficialKind::Sun397, "").unwrap();
    let [train, test] = content(&scenes);
    assert_eq!(train, listed(&[("a/abbey/sun_b.jpg", 0), ("y/yard/sun_d.jpg", 2)]));
    assert_eq!(test, listed(&[("a/abbey/sun_a.jpg", 0), ("a/apartment_building/outdoor/sun_c.jpg", 1)]));
    assert_eq!(scenes.classes(), ["abbey", "apartment_building/outdoor", "yard"]);
    // The same from the folder of the images, with the lists beside it.
    let inner = open(&place, OfficialKind::Sun397, "SUN397").unwrap();
    assert_eq!(content(&inner), [train, test]);

    let textures = open(&place, OfficialKind::Dtd, "").unwrap();
    let [train, test] = content(&textures);
    let expected =
        [("banded/banded_0002.jpg", 0), ("zigzagged/zigzagged_0001.jpg", 1), ("banded/banded_0004.jpg", 0)];
    assert_eq!((train, textures.validation), (listed(&expected), Some(vec![2])));
    assert_eq!(test.len(), 2);

    let pets = open(&place, OfficialKind::OxfordPets, "pets").unwrap();
    let [train, test] = content(&pets);
    assert_eq!(train, listed(&[("Abyssinian_100.jpg", 0), ("american_bulldog_7.jpg", 1)]));
    assert_eq!(test, listed(&[("american_bulldog_8.jpg", 1), ("Abyssinian_9.jpg", 0)]));
    assert_eq!(pets.classes(), ["Abyssinian", "american_bulldog"]);
    assert_eq!((pets.kind.metric(), pets.validation), (TransferMetric::MeanPerClass, None));

    let aircraft = open(&place, OfficialKind::FgvcAircraft, "").unwrap();
    let [train, test] = content(&aircraft);
    assert_eq!(train, listed(&[("0034309.jpg", 2), ("0056978.jpg", 0), ("0087924.jpg", 1)]));
    assert_eq!((test, &aircraft.validation), (listed(&[("0062765.jpg", 1)]), &Some(vec![0, 2])));
    assert_eq!(aircraft.classes()[2], "Falcon 2000");
}

#[test]
fn cifar_is_its_batches() {
    let place = all_sets();
    let ten = open(&place, OfficialKind::Cifar10, "").unwrap();
    assert_eq!((ten.train.len(), labels(&*ten.test)), (10, vec![Some(7), Some(0), Some(7)]));
    assert_eq!((ten.train.label(9), ten.classes()[9].as_str()), (Some(9), "class9"));
    let hundred = open(&place, OfficialKind::Cifar100, "cifar-100-binary").unwrap();
    assert_eq!((labels(&*hundred.train), labels(&*hundred.test)), (vec![Some(17), Some(99)], vec![Some(18)]));
    assert_eq!(hundred.classes()[17], "fine17");
}

#[test]
fn label_files_of_matlab() {
    let place = all_sets();
    let cars = open(&place, OfficialKind::StanfordCars, "cars").unwrap();
    assert_eq!(labels(&*cars.train), [Some(2), Some(0), Some(1), Some(0)]);
    assert_eq!(labels(&*cars.test), [Some(1), Some(1), Some(2)]);
    assert_eq!(paths(&*cars.test), ["00001.jpg", "00002.jpg", "00003.jpg"]);
    assert_eq!(cars.classes()[2], "smart fortwo Convertible 2012");
    // Those labels may as well lie in devkit/.
    fs_err::rename(
        place.path("cars/cars_test_annos_withlabels.mat"),
        place.path("cars/devkit/cars_test_annos_withlabels.mat"),
    )
    .unwrap();
    assert_eq!(open(&place, OfficialKind::StanfordCars, "cars").unwrap().test.len(), 3);

    let flowers = open(&place, OfficialKind::Flowers102, "flowers").unwrap();
    let [train, test] = content(&flowers);
    assert_eq!(train, listed(&[("image_00006.jpg", 2), ("image_00001.jpg", 1), ("image_00003.jpg", 0)]));
    let expected =
        [("image_00007.jpg", 1), ("image_00002.jpg", 1), ("image_00004.jpg", 2), ("image_00005.jpg", 0)];
    assert_eq!((test, &flowers.validation), (listed(&expected), &Some(vec![2])));
    assert_eq!(flowers.classes(), ["1", "2", "3"]);
}

#[test]
fn voc_has_tags_and_no_labels() {
    let set = open(&all_sets(), OfficialKind::Voc2007, "").unwrap();
    assert_eq!(paths(&*set.train), ["000005.jpg", "000007.jpg", "000009.jpg"]);
    assert_eq!((labels(&*set.test), set.test.classes().len()), (vec![None, None], 0));
    assert_eq!((set.classes().len(), set.metric()), (20, TransferMetric::Voc11PointMap));
    assert_eq!(set.validation, Some(vec![1]));
    let tags = set.tags.unwrap();
    let class = |name: &str| tags.train.classes().iter().position(|class| class == name).unwrap();
    let of = |name| (0..3).map(|image| tags.train.of(image)[class(name)]).collect::<Vec<_>>();
    assert_eq!(of("chair"), [Tag::Present, Tag::Absent, Tag::Difficult]);
    assert_eq!(of("person"), [Tag::Present, Tag::Difficult, Tag::Present]);
    assert_eq!(of("aeroplane"), [Tag::Absent; 3]);
    assert_eq!((tags.test.of(1)[class("chair")], tags.test.len()), (Tag::Difficult, 2));
    assert!(tags.test.of(2).is_empty() && !tags.test.is_empty());
}

#[test]
fn caltech_is_divided_by_a_seed() {
    let place = all_sets();
    let of = |seed| open_official(Some(OfficialKind::Caltech101), place.root(), seed).unwrap();
    let set = of(0);
    assert_eq!(set.classes(), ["BACKGROUND_Google", "accordion"]);
    assert_eq!((set.train.len(), set.test.len()), (60, 4));
    let count =
        |part: &dyn twist_data::Dataset, label| labels(part).iter().filter(|l| **l == Some(label)).count();
    assert_eq!([0, 1].map(|label| count(&*set.train, label)), [30, 30]);
    assert_eq!([0, 1].map(|label| count(&*set.test, label)), [3, 1]);
    let mut all = [paths(&*set.train), paths(&*set.test)].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 64, "each image in one part");
    assert_eq!(content(&of(0)), content(&set));
    assert_ne!(content(&of(1)), content(&set));
    assert_ne!(of(1).train.fingerprint(), set.train.fingerprint());
}
