//! DTD: `images/banded/banded_0002.jpg`, and ten splits, of which the field uses the first: lists of
//! `banded/banded_0002.jpg` in `labels/{train,val,test}1.txt`.

use std::collections::BTreeSet;

use super::files::{Entry, Files};
use super::layout::Layout;
use super::set::OfficialSet;
use crate::DataError;

const ARCHIVE: &str = "dtd-r1.0.1.tar.gz";

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let pairs = |list: &str| -> Result<Vec<(String, String)>, DataError> {
        let lines = layout.lines(&format!("labels/{list}1.txt"), ARCHIVE)?;
        lines.map(|line| match line.text.split_once('/') {
            Some((class, _)) => Ok((line.text.clone(), class.to_owned())),
            None => Err(lines.bad(line, "an image in its class is expected, as in banded/banded_0002.jpg")),
        })
    };
    let (mut train, validation, test) = (pairs("train")?, pairs("val")?, pairs("test")?);
    let first = train.len() as u32;
    train.extend(validation);
    let classes: BTreeSet<&String> = train.iter().chain(&test).map(|(_, class)| class).collect();
    let classes: Vec<String> = classes.into_iter().cloned().collect();
    let files = |pairs: &[(String, String)]| {
        let entry = |(name, class): &(String, String)| Entry {
            name: name.clone(),
            label: classes.binary_search(class).ok().map(|label| label as u32),
        };
        Files::open(layout, "images", &pairs.iter().map(entry).collect::<Vec<_>>(), &classes, ARCHIVE)
    };
    let (validation, split) = (first..train.len() as u32, "split 1: train1.txt with val1.txt, and test1.txt");
    Ok(OfficialSet::new(layout, [files(&train)?, files(&test)?], split).with_validation(validation))
}
