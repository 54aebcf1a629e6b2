//! Caltech-101: `101_ObjectCategories/accordion/image_0001.jpg`, and no split. As its authors propose and the field does,
//! thirty images of each class, chosen by a seed, are for training, and all others for testing. The background,
//! `BACKGROUND_Google`, counts as a class: published tables have 102 classes, and 3,060 and 6,084 images, which is with it
//! (Kornblith et al. 2019, table 1).

use super::files::{Entry, Files};
use super::layout::Layout;
use super::set::OfficialSet;
use crate::augment::Draws;
use crate::dataset::{Folder, Folders, Splits};
use crate::{DataError, Dataset};

/// `caltech-101.zip` holds it.
const ARCHIVE: &str = "101_ObjectCategories.tar.gz";
const FOLDER: &str = "101_ObjectCategories";

/// Training images of each class.
const TRAINING: usize = 30;

pub(super) fn open(layout: &Layout, seed: u64) -> Result<OfficialSet, DataError> {
    let images = Folder::open(&layout.find(FOLDER, ARCHIVE)?, Folders::AsTheyAre, Splits::Together)?;
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (label, class) in (0..).zip(images.classes()) {
        let of_class = (0..images.len()).filter(|&index| images.label(index) == Some(label));
        let mut of_class: Vec<usize> = of_class.collect();
        if of_class.len() <= TRAINING {
            let reason = format!(
                "{} images, of which {TRAINING} are for training and the others for testing: unpack the archive again",
                of_class.len()
            );
            return Err(layout.damaged(&layout.path(FOLDER).join(class), reason));
        }
        let draws = Draws::new(&[u64::from_be_bytes(*b"caltech1"), seed, u64::from(label)]);
        // The place in the class, so that the draw does not depend on other classes.
        let mut order: Vec<(u64, usize)> =
            (0..).map(|place| draws.bits(place)).zip(of_class.drain(..)).collect();
        order.sort_unstable();
        let take = |part: &mut Vec<Entry>, chosen: &[(u64, usize)]| {
            let mut indices: Vec<usize> = chosen.iter().map(|&(_, index)| index).collect();
            indices.sort_unstable();
            part.extend(indices.iter().map(|&index| Entry { name: images.path(index), label: Some(label) }));
        };
        take(&mut train, &order[..TRAINING]);
        take(&mut test, &order[TRAINING..]);
    }
    let files = |entries: &[Entry]| Files::open(layout, FOLDER, entries, images.classes(), ARCHIVE);
    let split = format!("{TRAINING} training images of each class by seed {seed}, all others for testing");
    Ok(OfficialSet::new(layout, [files(&train)?, files(&test)?], split))
}
