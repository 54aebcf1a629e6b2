//! Flowers-102: `jpg/image_00001.jpg`, and MATLAB files: `labels` (from 1 on, one for each image) in `imagelabels.mat`,
//! and the numbers of the images for training, validation and testing (`trnid`, `valid`, `tstid`) in `setid.mat`.

use super::files::{Entry, Files};
use super::layout::Layout;
use super::set::OfficialSet;
use crate::DataError;

const IMAGES: &str = "102flowers.tgz";

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let labels = whole_numbers(layout, "imagelabels.mat", "labels")?;
    let classes: Vec<String> =
        (1..=labels.iter().max().copied().unwrap_or(0)).map(|c| c.to_string()).collect();
    let entries = |variable: &str| -> Result<Vec<Entry>, DataError> {
        let entry = |number: u32| match labels.get(number as usize - 1) {
            Some(class) => Ok(Entry { name: format!("image_{number:05}.jpg"), label: Some(class - 1) }),
            None => {
                let reason =
                    format!("`{variable}` names image {number}, imagelabels.mat has {}", labels.len());
                Err(layout.damaged(&layout.path("setid.mat"), reason))
            }
        };
        whole_numbers(layout, "setid.mat", variable)?.into_iter().map(entry).collect()
    };
    let (mut train, validation, test) = (entries("trnid")?, entries("valid")?, entries("tstid")?);
    let first = train.len() as u32;
    train.extend(validation);
    let files = |entries: &[Entry]| Files::open(layout, "jpg", entries, &classes, IMAGES);
    let (validation, split) = (first..train.len() as u32, "trnid with valid, and tstid, of setid.mat");
    Ok(OfficialSet::new(layout, [files(&train)?, files(&test)?], split).with_validation(validation))
}

/// A variable that holds numbers from 1 to 65,535.
fn whole_numbers(layout: &Layout, file: &'static str, variable: &str) -> Result<Vec<u32>, DataError> {
    let path = layout.find(file, file)?;
    let value = layout.variable(&path, variable)?;
    let number = |&number: &f64| {
        let whole = (1.0..=f64::from(u16::MAX)).contains(&number) && number.fract() == 0.0;
        whole.then_some(number as u32)
    };
    let numbers: Option<Vec<u32>> = value.numbers().and_then(|numbers| numbers.iter().map(number).collect());
    numbers.ok_or_else(|| layout.damaged(&path, format!("`{variable}` is not a list of numbers from 1 on")))
}
