//! Oxford-IIIT Pets: `images/Abyssinian_100.jpg`, and lists of image, class (from 1 on), species and breed
//! (`Abyssinian_100 1 1 1`) in `annotations/trainval.txt` and `annotations/test.txt`.

use std::collections::BTreeMap;

use super::files::{Entry, Files};
use super::layout::{Layout, Lines};
use super::set::OfficialSet;
use crate::DataError;

const IMAGES: &str = "images.tar.gz";
const LISTS: &str = "annotations.tar.gz";

/// Most classes that a number may stand for.
const MOST_CLASSES: u32 = 1 << 16;

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let mut names = BTreeMap::new();
    let train = entries(&layout.lines("annotations/trainval.txt", LISTS)?, &mut names)?;
    let test = entries(&layout.lines("annotations/test.txt", LISTS)?, &mut names)?;
    let last = names.keys().max().copied().unwrap_or(0);
    let classes: Vec<String> =
        (0..=last).map(|label| names.get(&label).cloned().unwrap_or((label + 1).to_string())).collect();
    let files = |entries: &[Entry]| Files::open(layout, "images", entries, &classes, IMAGES);
    let split = "annotations/trainval.txt and annotations/test.txt";
    Ok(OfficialSet::new(layout, [files(&train)?, files(&test)?], split))
}

/// The images of a list; the name of each class is what its images are called before the last underscore.
fn entries(lines: &Lines, names: &mut BTreeMap<u32, String>) -> Result<Vec<Entry>, DataError> {
    // Lines that begin with # are comments, as in annotations/list.txt.
    let lines_of_images = lines.lines.iter().filter(|line| !line.text.starts_with('#'));
    let entry = |line| {
        let bad = |reason: String| Err(lines.bad(line, reason));
        let mut words = line.text.split_whitespace();
        let (image, class) =
            (words.next().unwrap_or_default(), words.next().and_then(|class| class.parse().ok()));
        let Some(label) = class.filter(|class| (1..MOST_CLASSES).contains(class)).map(|class: u32| class - 1)
        else {
            return bad("an image and its class are expected, as in Abyssinian_100 1 1 1".to_owned());
        };
        let breed = image.rsplit_once('_').map_or(image, |(breed, _)| breed);
        let known = names.entry(label).or_insert_with(|| breed.to_owned());
        if known != breed {
            return bad(format!("class {} is {known} elsewhere", label + 1));
        }
        Ok(Entry { name: format!("{image}.jpg"), label: Some(label) })
    };
    lines_of_images.map(entry).collect()
}
