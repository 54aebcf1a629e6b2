//! FGVC Aircraft: `data/images/1025794.jpg`, the hundred variants in `data/variants.txt`, and lists of image and variant
//! (`1025794 707-320`) in `data/images_variant_{trainval,val,test}.txt`.

use std::collections::{HashMap, HashSet};

use super::files::{Entry, Files};
use super::layout::Layout;
use super::set::OfficialSet;
use crate::DataError;

const ARCHIVE: &str = "fgvc-aircraft-2013b.tar.gz";

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let classes = layout.lines("data/variants.txt", ARCHIVE)?.texts();
    let label_of: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let entries = |list: &str| -> Result<Vec<Entry>, DataError> {
        let lines = layout.lines(&format!("data/images_variant_{list}.txt"), ARCHIVE)?;
        lines.map(|line| {
            let (image, variant) = line.text.split_once(' ').ok_or_else(|| {
                lines.bad(line, "an image and its variant are expected, as in 1025794 707-320")
            })?;
            match label_of.get(variant.trim()) {
                Some(&label) => Ok(Entry { name: format!("{image}.jpg"), label: Some(label) }),
                None => Err(lines.bad(line, format!("\"{variant}\" is not in data/variants.txt"))),
            }
        })
    };
    let (train, test) = (entries("trainval")?, entries("test")?);
    let apart: HashSet<String> = entries("val")?.into_iter().map(|entry| entry.name).collect();
    let validation =
        (0..).zip(&train).filter(|(_, entry)| apart.contains(&entry.name)).map(|(index, _)| index);
    let files = |entries: &[Entry]| Files::open(layout, "data/images", entries, &classes, ARCHIVE);
    let split = "images_variant_trainval.txt and images_variant_test.txt";
    Ok(OfficialSet::new(layout, [files(&train)?, files(&test)?], split).with_validation(validation))
}
