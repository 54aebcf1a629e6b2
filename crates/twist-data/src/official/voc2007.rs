//! PASCAL VOC 2007: `VOCdevkit/VOC2007/JPEGImages/000005.jpg`; the images of a split in
//! `ImageSets/Main/{trainval,val,test}.txt`, and for each class and split a list of image and 1 (present), -1 (absent) or
//! 0 (difficult): `ImageSets/Main/aeroplane_test.txt`. Images show several classes, so there are tags and no labels.

use std::collections::HashMap;
use std::sync::Arc;

use super::files::{Entry, Files};
use super::layout::{Layout, Lines};
use super::set::{OfficialSet, SetTags};
use super::tags::{Tag, Tags};
use crate::{DataError, Dataset};

const CLASSES: &str = "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person \
     pottedplant sheep sofa train tvmonitor";

const TRAINING: &str = "VOCtrainval_06-Nov-2007.tar";
const TEST: &str = "VOCtest_06-Nov-2007.tar";

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let (train, train_tags) = split(layout, "trainval", TRAINING)?;
    let (test, test_tags) = split(layout, "test", TEST)?;
    let apart = list(layout, "val", TRAINING)?.texts();
    let validation = (0..).zip(&train).filter(|(_, image)| apart.contains(image)).map(|(index, _)| index);
    let parts = [files(layout, &train, TRAINING)?, files(layout, &test, TEST)?];
    let set = OfficialSet::new(layout, parts, "trainval and test").with_validation(validation);
    Ok(OfficialSet { tags: Some(SetTags { train: train_tags, test: test_tags }), ..set })
}

fn list(layout: &Layout, name: &str, archive: &'static str) -> Result<Lines, DataError> {
    layout.lines(&format!("ImageSets/Main/{name}.txt"), archive)
}

fn files(layout: &Layout, images: &[String], archive: &'static str) -> Result<Arc<dyn Dataset>, DataError> {
    let entry = |image: &String| Entry { name: format!("{image}.jpg"), label: None };
    Files::open(layout, "JPEGImages", &images.iter().map(entry).collect::<Vec<_>>(), &[], archive)
}

/// The images of a split, and what each shows.
fn split(layout: &Layout, split: &str, archive: &'static str) -> Result<(Vec<String>, Tags), DataError> {
    let images = list(layout, split, archive)?.texts();
    let place: HashMap<&str, usize> = images.iter().map(String::as_str).zip(0..).collect();
    let mut tags = Tags::absent(images.len(), CLASSES.split(' ').map(str::to_owned).collect());
    for (class, name) in CLASSES.split(' ').enumerate() {
        let lines = list(layout, &format!("{name}_{split}"), archive)?;
        let mut seen = vec![false; images.len()];
        for line in &lines.lines {
            let mut words = line.text.split_whitespace();
            let (image, tag) = match (words.next(), words.next(), words.next()) {
                (Some(image), Some("1"), None) => (image, Tag::Present),
                (Some(image), Some("-1"), None) => (image, Tag::Absent),
                (Some(image), Some("0"), None) => (image, Tag::Difficult),
                _ => return Err(lines.bad(line, "an image and 1, -1 or 0 are expected, as in 000005 -1")),
            };
            let Some(&image) = place.get(image) else {
                return Err(lines.bad(line, format!("{image} is not in ImageSets/Main/{split}.txt")));
            };
            tags.set(image, class, tag);
            seen[image] = true;
        }
        if let Some(without) = seen.iter().position(|seen| !seen) {
            let reason = format!("it lacks {}, which ImageSets/Main/{split}.txt lists", images[without]);
            return Err(layout.damaged(&lines.path, reason));
        }
    }
    Ok((images, tags))
}
