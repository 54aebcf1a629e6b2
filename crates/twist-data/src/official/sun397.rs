//! SUN397: `a/abbey/NAME.jpg` (some classes have a second level, `a/apartment_building/outdoor`), the classes in
//! `ClassName.txt`, and ten partitions, of which the field uses the first: `Training_01.txt`, `Testing_01.txt`. The
//! lists come in an archive of their own and may lie beside the images or in `Partitions/`.

use std::collections::HashMap;
use std::sync::Arc;

use super::files::{Entry, Files};
use super::layout::{Layout, Lines};
use super::set::OfficialSet;
use crate::{DataError, Dataset};

const IMAGES: &str = "SUN397.tar.gz";
const LISTS: &str = "Partitions.zip";

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let lines = |file: &str| {
        let places = [
            file.to_owned(),
            format!("Partitions/{file}"),
            format!("../{file}"),
            format!("../Partitions/{file}"),
        ];
        Lines::read(layout.find_one(&places.each_ref().map(String::as_str), LISTS)?)
    };
    let names = lines("ClassName.txt")?;
    // "/a/abbey" is the class abbey; its images lie in a/abbey.
    let folders = names.map(|line| match line.text.trim_start_matches('/').split_once('/') {
        Some((_, class)) => Ok((line.text.trim_matches('/').to_owned(), class.to_owned())),
        None => Err(names.bad(line, format!("{} has no letter before the class, as in /a/abbey", line.text))),
    })?;
    let label_of: HashMap<&str, u32> = folders.iter().map(|(folder, _)| folder.as_str()).zip(0..).collect();
    let classes: Vec<String> = folders.iter().map(|(_, class)| class.clone()).collect();
    // The images are below SUN397/, also where the lists lie beside that folder.
    let images = if layout.path("SUN397").is_dir() { "SUN397" } else { "" };

    let split = |list: &str| -> Result<Arc<dyn Dataset>, DataError> {
        let lines = lines(list)?;
        let entries = lines.map(|line| {
            let name = line.text.trim_start_matches('/');
            let label = name.rsplit_once('/').and_then(|(folder, _)| label_of.get(folder).copied());
            match label {
                Some(label) => Ok(Entry { name: name.to_owned(), label: Some(label) }),
                None => Err(lines.bad(line, format!("{} has no class in ClassName.txt", line.text))),
            }
        })?;
        Files::open(layout, images, &entries, &classes, IMAGES)
    };
    let parts = [split("Training_01.txt")?, split("Testing_01.txt")?];
    Ok(OfficialSet::new(layout, parts, "partition 1: Training_01.txt and Testing_01.txt"))
}
