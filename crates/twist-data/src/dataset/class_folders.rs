//! The meaning of the folders of a data set: classes, splits, or what people and programs sort files into for other
//! reasons.

use std::collections::{BTreeMap, BTreeSet};

use twist_io::{composed, is_no_label};

use super::classes::Labels;
use super::left_out::Leftovers;
use super::names::readable;

/// How the folders are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folders {
    /// The first folder of each name is its class, whatever it is called.
    AsTheyAre,
    /// The first folder below those that all images share is the class, unless its name says otherwise. Folders of
    /// splits are passed over.
    Judged,
}

/// What the folders say.
#[derive(Debug, Default)]
pub(crate) struct FolderLabels {
    pub(crate) labels: Labels,
    /// Folder around all images, with a slash behind it; empty without one.
    pub(crate) around: String,
    /// Names of the splits, when the images are sorted into several.
    pub(crate) splits: Vec<String>,
}

/// Reads the folders in the slash-separated `names` of images. Folders that are not taken for classes are noted.
pub(crate) fn folder_labels<'a>(
    names: impl Iterator<Item = &'a [u8]> + Clone,
    folders: Folders,
    notes: &mut Leftovers,
) -> FolderLabels {
    if folders == Folders::AsTheyAre {
        return FolderLabels { labels: of_first(names), ..FolderLabels::default() };
    }
    let skip = shared(names.clone());
    let around = names.clone().next().map_or(String::new(), |name| readable(&name[..skip]));
    let below = names.map(move |name| &name[skip..]);
    let found: BTreeSet<&[u8]> = below.clone().filter_map(|name| Some(split_first(name)?.0)).collect();
    let found: Vec<String> = found.into_iter().map(readable).collect();

    for name in found.iter().filter(|name| is_no_label(name)) {
        let kind =
            ["folder called -1, which means \"no label\"", "folders called -1, which means \"no label\""];
        notes.add(kind, name.clone());
    }
    let mut splits: Vec<String> = found.iter().filter(|name| is_split(name)).cloned().collect();
    if splits.len() < 2 {
        splits.clear();
    }
    let labels = if !splits.is_empty() {
        let note = [
            "folder of a split, whose sub-folders are the classes",
            "folders of splits, whose sub-folders are the classes",
        ];
        splits.iter().for_each(|split| notes.add(note, split.clone()));
        of_first(below.map(|name| match split_first(name) {
            Some((folder, rest)) if is_split(&readable(folder)) => rest,
            _ => name,
        }))
    } else if 2 * found.iter().filter(|name| is_date_or_camera(name)).count() > found.len() {
        let note = [
            "folder named like a date or a camera, which is not a class (--labels folder makes it one)",
            "folders named like dates or cameras, which are not classes (--labels folder makes them classes)",
        ];
        found.into_iter().for_each(|name| notes.add(note, name));
        Labels::default()
    } else {
        of_first(below)
    };
    if let [one] = labels.names() {
        let kind = [
            "folder that would be the only class, which gives nothing to measure",
            "folders that would be the only class, which gives nothing to measure",
        ];
        notes.add(kind, one.clone());
        return FolderLabels { labels: Labels::default(), around, splits };
    }
    if !around.is_empty() {
        let kind = [
            "folder around all images, which is not a class",
            "folders around all images, which are not classes",
        ];
        notes.add(kind, around.trim_end_matches('/').to_owned());
    }
    FolderLabels { labels, around, splits }
}

/// The first folder of a name and what comes below it.
fn split_first(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = name.iter().position(|&b| b == b'/')?;
    Some((&name[..slash], &name[slash + 1..]))
}

/// Bytes of the folders that all names share, with their slash.
pub(crate) fn shared<'a>(mut names: impl Iterator<Item = &'a [u8]>) -> usize {
    let folder = |name: &[u8]| name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
    let Some(first) = names.next() else { return 0 };
    let mut shared = &first[..folder(first)];
    for name in names {
        let same = shared.iter().zip(&name[..folder(name)]).take_while(|(a, b)| a == b).count();
        shared = &shared[..folder(&shared[..same])];
    }
    shared.len()
}

/// The first folder of each name as its class; classes are sorted by name.
fn of_first<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> Labels {
    let folder = |name: &'a [u8]| Some(split_first(name)?.0);
    let found: BTreeSet<&[u8]> = names.clone().filter_map(folder).collect();
    let called: BTreeMap<&[u8], String> = found
        .into_iter()
        .map(|folder| (folder, composed(&readable(folder)).into_owned()))
        .filter(|(_, name)| !is_no_label(name))
        .collect();
    let classes: BTreeSet<&String> = called.values().collect();
    let classes: Vec<&String> = classes.into_iter().collect();
    let number: BTreeMap<&[u8], u32> = called
        .iter()
        .filter_map(|(folder, name)| Some((*folder, classes.binary_search(&name).ok()? as u32)))
        .collect();
    let labels = names.map(|name| number.get(folder(name)?).copied());
    Labels::from_indices(labels, classes.iter().map(|name| (*name).clone()).collect()).unwrap_or_default()
}

/// Whether a folder or shard of this name is a part of a data set, such as its training images.
pub(super) fn is_split(name: &str) -> bool {
    const SPLITS: [&str; 9] =
        ["train", "training", "val", "valid", "validation", "test", "testing", "eval", "dev"];
    SPLITS.iter().any(|split| name.eq_ignore_ascii_case(split))
}

/// Whether photographs come in folders of this name: by day, or as cameras and telephones write them.
fn is_date_or_camera(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    is_date(&name) || is_camera(&name)
}

/// `2023`, `2024-05`, `20240517`, `2024_05_17 Rome`, `17.05.2024`.
fn is_date(name: &str) -> bool {
    let within = |text: &str, least: u32, most: u32| {
        text.bytes().all(|b| b.is_ascii_digit())
            && text.parse().is_ok_and(|n: u32| (least..=most).contains(&n))
    };
    let year = |text: &str| text.len() == 4 && within(text, 1900, 2099);
    let month = |text: &str| text.len() == 2 && within(text, 1, 12);
    let day = |text: &str| text.len() == 2 && within(text, 1, 31);
    let date = name.split([' ', '\t']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split(['-', '_', '.']).collect();
    match parts.as_slice() {
        // What follows a lone year may be anything: "2012 Tesla Model S" is a class.
        [y] if y.len() == 4 => year(y) && date.len() == name.len(),
        [ymd] if ymd.len() == 8 && ymd.is_ascii() => year(&ymd[..4]) && month(&ymd[4..6]) && day(&ymd[6..]),
        [y, m] => year(y) && month(m),
        [y, m, d] => (year(y) && month(m) && day(d)) || (day(y) && month(m) && year(d)),
        _ => false,
    }
}

/// `DCIM`, `100CANON`, `IMG_1234`, `Camera Roll`, `Photos from 2023`.
fn is_camera(name: &str) -> bool {
    let of_camera = |prefix: &&str| {
        let rest = name.strip_prefix(prefix).map(|rest| rest.trim_start_matches(['_', '-']));
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'_'))
    };
    // Design rule for Camera File systems: three digits from 100 on, five letters.
    let is_numbered = || {
        let bytes = name.as_bytes();
        bytes.len() == 8
            && matches!(bytes[0], b'1'..=b'9')
            && bytes[1..3].iter().all(u8::is_ascii_digit)
            && bytes[3..].iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_')
            && bytes[3..].iter().any(u8::is_ascii_alphabetic)
    };
    ["DCIM", "CAMERA", "CAMERA ROLL", "CAMERA UPLOADS"].contains(&name)
        || name.strip_prefix("PHOTOS FROM ").is_some_and(is_date)
        || ["IMG", "DSC", "DSCN", "DSCF", "PXL", "DJI", "GOPRO"].iter().any(of_camera)
        || is_numbered()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], folders: Folders) -> (FolderLabels, Vec<String>) {
        let mut notes = Leftovers::default();
        let found = folder_labels(names.iter().map(|name| name.as_bytes()), folders, &mut notes);
        (found, notes.finish().into_iter().map(|note| note.to_string()).collect())
    }

    #[test]
    fn a_folder_called_minus_one_has_images_without_a_label() {
        let (found, notes) = of(&["-1/a.png", "cat/b.png", "dog/c.png"], Folders::Judged);
        assert_eq!(found.labels.names(), ["cat", "dog"]);
        assert_eq!([0, 1, 2].map(|image| found.labels.get(image)), [None, Some(0), Some(1)]);
        assert!(notes.iter().any(|note| note.contains("folder called -1")), "{notes:?}");
    }

    #[test]
    fn dates_and_cameras() {
        for name in [
            "2023",
            "2024-05",
            "2024_05_17",
            "20240517",
            "2024-05-17 Rome",
            "17.05.2024",
            "DCIM",
            "100CANON",
            "101MSDCF",
            "100_PANA",
            "IMG_1234",
            "dsc_0001",
            "Camera Roll",
            "Photos from 2023",
        ] {
            assert!(is_date_or_camera(name), "{name}");
        }
        for name in [
            "cat",
            "10",
            "0001",
            "3000",
            "2012 Tesla Model S",
            "707-320",
            "IMG",
            "imgur",
            "n01440764",
            "100",
            "12345678",
            "2024-13",
            "99991231",
            "dsc",
        ] {
            assert!(!is_date_or_camera(name), "{name}");
        }
    }

    #[test]
    fn folders_by_date_are_not_classes_unless_asked() {
        let names = ["2023/1.png", "2024-05/2.png", "misc/3.png"];
        let (found, notes) = of(&names, Folders::Judged);
        assert!(found.labels.names().is_empty());
        assert!(notes[0].contains("2023") && notes[0].contains("--labels folder"), "{notes:?}");
        assert_eq!(of(&names, Folders::AsTheyAre).0.labels.names(), ["2023", "2024-05", "misc"]);
        // One of three may be a class.
        assert_eq!(of(&["2023/1.png", "cat/2.png", "dog/2.png"], Folders::Judged).0.labels.names().len(), 3);
    }

    #[test]
    fn splits_are_passed_over() {
        let names = ["train/cat/1.png", "train/dog/1.png", "Val/dog/2.png"];
        let (found, _) = of(&names, Folders::Judged);
        assert_eq!(
            (found.splits.as_slice(), found.labels.names()),
            (&["Val", "train"].map(String::from)[..], &["cat", "dog"].map(String::from)[..])
        );
        assert_eq!([0, 1, 2].map(|i| found.labels.get(i)), [Some(0), Some(1), Some(1)]);
        // A class can be called like that.
        let (found, _) = of(&["bus/1.png", "train/1.png"], Folders::Judged);
        assert_eq!((found.splits.len(), found.labels.names().len()), (0, 2));
    }

    #[test]
    fn one_folder_is_not_a_class() {
        for names in [&["data/1.png", "data/2.png"][..], &["cat/1.png", "2.png"]] {
            let (found, notes) = of(names, Folders::Judged);
            assert!(found.labels.names().is_empty(), "{names:?}");
            assert!(notes[0].contains("not"), "{notes:?}");
        }
        let (found, notes) = of(&["all/cat/1.png", "all/dog/2.png"], Folders::Judged);
        assert_eq!(
            (found.labels.names(), found.around.as_str()),
            (&["cat".to_owned(), "dog".to_owned()][..], "all/")
        );
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn two_forms_of_one_name_are_one_class() {
        let (found, _) = of(&["caf\u{e9}/1.png", "cafe\u{301}/2.png", "tea/3.png"], Folders::Judged);
        assert_eq!(found.labels.names(), ["caf\u{e9}", "tea"]);
    }
}
