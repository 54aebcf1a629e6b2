//! Which published data set a run was evaluated on, by the names of its classes.
//!
//! A table of published numbers may only stand beside figures of the same images. Nobody says in a run folder which data set
//! it is, but class names do: the sets that are published on have fixed ones.

use serde::Deserialize;

/// A data set with published numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DataSet {
    Cifar10,
    Cifar20,
    Cifar100,
    Stl10,
    Imagenette,
    ImageNet,
    Caltech101,
    Sun397,
    Textures,
    Food101,
    Pets,
    Cars,
    Aircraft,
}

/// Class names as their makers write them, and words that others use for the same.
const CIFAR10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const STL10: [&str; 10] =
    ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];
const IMAGENETTE: &str = "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413 n03445777 \
     n03888257";

/// Each set with its usual name and the words that protocols have for it, in the order of [`DataSet`].
const NAMES: [(DataSet, &str, &[&str]); 13] = [
    (DataSet::Cifar10, "CIFAR-10", &["cifar10"]),
    (DataSet::Cifar20, "CIFAR-100-20", &[]),
    (DataSet::Cifar100, "CIFAR-100", &["cifar100"]),
    (DataSet::Stl10, "STL-10", &["stl10"]),
    (DataSet::Imagenette, "Imagenette", &["imagenette"]),
    (DataSet::ImageNet, "ImageNet-1k", &["imagenet", "imagenet1k"]),
    (DataSet::Caltech101, "Caltech-101", &["caltech101"]),
    (DataSet::Sun397, "SUN397", &["sun397"]),
    (DataSet::Textures, "DTD", &["dtd"]),
    (DataSet::Food101, "Food-101", &["food101"]),
    (DataSet::Pets, "Oxford Pets", &["pets", "oxfordpets", "oxfordiiitpet"]),
    (DataSet::Cars, "Stanford Cars", &["cars", "stanfordcars"]),
    (DataSet::Aircraft, "FGVC Aircraft", &["aircraft", "fgvcaircraft"]),
];

/// Sets that are too long to write down: how many classes they have, and some that no other set of that size has.
const LONG: [(DataSet, usize, &[&str]); 9] = [
    (DataSet::Cifar20, 20, &["aquatic_mammals", "flowers", "large_carnivores"]),
    (DataSet::Cifar100, 100, &["aquarium_fish", "sweet_pepper", "willow_tree"]),
    (DataSet::Caltech101, 101, &["accordion", "wrench", "yin_yang"]),
    (DataSet::Sun397, 397, &["abbey", "airplane_cabin", "zen_garden"]),
    (DataSet::Textures, 47, &["banded", "polka_dotted", "zigzagged"]),
    (DataSet::Food101, 101, &["apple_pie", "baby_back_ribs", "waffles"]),
    (DataSet::Pets, 37, &["abyssinian", "pug", "siamese"]),
    (DataSet::Cars, 196, &["am_general_hummer_suv_2000", "smart_fortwo_convertible_2012"]),
    (DataSet::Aircraft, 100, &["707_320", "a380", "yak_42"]),
];

impl DataSet {
    /// The data set whose classes are called `names`, in any order and however they are capitalised.
    pub(crate) fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let plain = |name: &str| match name.to_lowercase().replace([' ', '-'], "_").as_str() {
            "plane" | "aeroplane" => "airplane".to_owned(),
            name => name.to_owned(),
        };
        let mut names: Vec<String> = names.map(plain).collect();
        names.sort_unstable();
        names.dedup();
        let has = |wanted: &[&str]| wanted.iter().all(|name| names.iter().any(|known| known == name));
        let cifar10 = |name: &str| has(&[name]) || (name == "automobile" && has(&["car"]));
        if names.len() == 10 {
            return match () {
                () if CIFAR10.iter().all(|name| cifar10(name)) => Some(Self::Cifar10),
                () if has(&STL10) => Some(Self::Stl10),
                () if IMAGENETTE.split(' ').all(|name| has(&[name])) => Some(Self::Imagenette),
                () => None,
            };
        }
        let is_wordnet = |name: &String| {
            name.len() == 9 && name.starts_with('n') && name[1..].bytes().all(|byte| byte.is_ascii_digit())
        };
        if names.len() == 1000 && names.iter().all(is_wordnet) {
            return Some(Self::ImageNet);
        }
        LONG.iter().find(|(_, number, some)| names.len() == *number && has(some)).map(|(set, ..)| *set)
    }

    /// The data set that a protocol names (`cifar10`, `food101`).
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let plain: String = word.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        NAMES.iter().find(|(.., words)| words.contains(&plain.as_str())).map(|(set, ..)| *set)
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES[self as usize].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_the_sets() {
        assert!(NAMES.iter().enumerate().all(|(place, (set, ..))| *set as usize == place));
    }

    #[test]
    fn sets_are_known_by_their_classes() {
        let of = |names: &[&str]| DataSet::of_names(names.iter().copied());
        assert_eq!(of(&CIFAR10), Some(DataSet::Cifar10));
        let other = ["Plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
        assert_eq!(of(&other), Some(DataSet::Cifar10));
        assert_eq!(of(&STL10), Some(DataSet::Stl10));
        assert_eq!(DataSet::of_names(IMAGENETTE.split(' ')), Some(DataSet::Imagenette));
        assert_eq!(of(&CIFAR10[..9]), None);
        assert_eq!(of(&["disc", "ring"]), None);
        let wordnet: Vec<String> = (0..1000).map(|i| format!("n{i:08}")).collect();
        assert_eq!(DataSet::of_names(wordnet.iter().map(String::as_str)), Some(DataSet::ImageNet));
        assert_eq!(DataSet::of_word("Food-101"), Some(DataSet::Food101));
        // What the transfer evaluation calls them has published figures.
        for (word, set, top1) in [("cars", DataSet::Cars, 0.919), ("aircraft", DataSet::Aircraft, 0.857)] {
            assert_eq!(DataSet::of_word(word), Some(set));
            let rows = super::super::tables::all();
            let row = rows.iter().find(|row| row.data == set && row.method == "TWIST").unwrap();
            assert_eq!(row.figures, [("transfer".to_owned(), top1)]);
            assert!(row.protocol.remarks.iter().any(|remark| remark.contains("is not said")));
        }
        let mut variants: Vec<String> = (0..97).map(|i| format!("variant {i}")).collect();
        variants.extend(["707-320", "A380", "Yak-42"].map(String::from));
        assert_eq!(DataSet::of_names(variants.iter().map(String::as_str)), Some(DataSet::Aircraft));
    }
}
