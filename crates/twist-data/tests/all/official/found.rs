//! Which sets a folder holds.

use twist_data::{OfficialKind, find_official, open_official};

use super::{all_sets, dtd, flowers};
use crate::workplace::Workplace;

#[test]
fn all_sets_below_a_folder_are_found_and_open() {
    let place = all_sets();
    let found = find_official(place.root()).unwrap();
    let kinds: Vec<OfficialKind> = found.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, OfficialKind::ALL);
    for (kind, folder) in found {
        let set = open_official(Some(kind), &folder, 0).unwrap();
        assert_eq!((set.name(), OfficialKind::from_name(set.name())), (kind.name(), Some(kind)));
        assert!(!set.train.is_empty() && !set.test.is_empty() && !set.classes().is_empty());
        assert!(set.validation.is_none_or(|chosen| chosen.windows(2).all(|pair| pair[0] < pair[1])));
        assert!(kind.title().len() > 2 && !set.split.is_empty());
    }
}

#[test]
fn a_folder_says_what_it_is() {
    let place = Workplace::new();
    dtd(&place);
    for folder in ["", "dtd"] {
        assert_eq!(open_official(None, &place.path(folder), 0).unwrap().name(), "dtd");
    }
    flowers(&place);
    assert_eq!(open_official(None, &place.path("flowers"), 0).unwrap().name(), "flowers");
    let all = all_sets();
    let several = open_official(None, all.root(), 0).err().unwrap().to_string();
    assert!(several.contains("food101, cifar10") && several.contains("name one"), "{several}");
}

#[test]
fn other_folders_are_refused() {
    let place = Workplace::with_images(&["cats/1.png", "dogs/2.png"]);
    for error in [
        open_official(None, place.root(), 0).err().unwrap().to_string(),
        find_official(place.root()).err().unwrap().to_string(),
    ] {
        assert!(error.contains("Food-101") && error.contains("unpack the official archives"), "{error}");
    }
    let missing = find_official(&place.path("nowhere")).err().unwrap().to_string();
    assert!(missing.contains("nowhere"), "{missing}");
    assert_eq!(OfficialKind::from_name("imagenet"), None);
}
