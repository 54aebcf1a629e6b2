//! Food-101: `images/CLASS/NAME.jpg`, and lists of `CLASS/NAME` in `meta/train.txt` and `meta/test.txt`.

use std::sync::Arc;

use super::files::{Entry, Files};
use super::layout::Layout;
use super::set::OfficialSet;
use crate::{DataError, Dataset};

const ARCHIVE: &str = "food-101.tar.gz";

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let classes = layout.lines("meta/classes.txt", ARCHIVE)?.texts();
    let split = |list: &str| -> Result<Arc<dyn Dataset>, DataError> {
        let lines = layout.lines(list, ARCHIVE)?;
        let entries = lines.map(|line| {
            let class = line.text.split_once('/').map(|(class, _)| class);
            match classes.iter().position(|known| Some(known.as_str()) == class) {
                Some(label) => Ok(Entry { name: format!("{}.jpg", line.text), label: Some(label as u32) }),
                None => Err(lines.bad(line, format!("{} has no class in meta/classes.txt", line.text))),
            }
        })?;
        Files::open(layout, "images", &entries, &classes, ARCHIVE)
    };
    let parts = [split("meta/train.txt")?, split("meta/test.txt")?];
    Ok(OfficialSet::new(layout, parts, "meta/train.txt and meta/test.txt"))
}
