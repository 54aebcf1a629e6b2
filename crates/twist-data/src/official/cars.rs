//! Stanford Cars: `cars_train/00001.jpg`, `cars_test/00001.jpg`, and MATLAB files: class names in
//! `devkit/cars_meta.mat`, a structure for each image (with `class`, from 1 on, and `fname`) in
//! `devkit/cars_train_annos.mat` and `cars_test_annos_withlabels.mat`, which is published on its own and lies in
//! `devkit/` or beside it.

use std::path::Path;
use std::sync::Arc;

use twist_io::MatValue;

use super::files::{Entry, Files};
use super::layout::Layout;
use super::set::OfficialSet;
use crate::{DataError, Dataset};

const DEVKIT: &str = "car_devkit.tgz";
const TEST_LABELS: &str = "cars_test_annos_withlabels.mat";

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let meta = layout.find("devkit/cars_meta.mat", DEVKIT)?;
    let names = layout.variable(&meta, "class_names")?;
    let classes: Option<Vec<String>> =
        names.cells().and_then(|cells| cells.iter().map(|cell| cell.text().map(str::to_owned)).collect());
    let classes = classes.ok_or_else(|| {
        layout.damaged(&meta, format!("`class_names` holds {} instead of cells with text", names.kind()))
    })?;
    let train = layout.find("devkit/cars_train_annos.mat", DEVKIT)?;
    let test = layout.find_one(&[TEST_LABELS, "devkit/cars_test_annos_withlabels.mat"], TEST_LABELS)?;
    let split = |annotations: &Path, folder: &str, archive| -> Result<Arc<dyn Dataset>, DataError> {
        Files::open(layout, folder, &entries(layout, annotations)?, &classes, archive)
    };
    let parts = [split(&train, "cars_train", "cars_train.tgz")?, split(&test, "cars_test", "cars_test.tgz")?];
    Ok(OfficialSet::new(layout, parts, "cars_train and cars_test"))
}

/// The images of one file of annotations.
fn entries(layout: &Layout, path: &Path) -> Result<Vec<Entry>, DataError> {
    let annotations = layout.variable(path, "annotations")?;
    let field = |name: &str| {
        annotations.field(name).ok_or_else(|| {
            let kind = annotations.kind();
            layout.damaged(
                path,
                format!("`annotations` holds {kind} instead of structures with a field `{name}`"),
            )
        })
    };
    let entry = |(number, (class, name)): (usize, (&MatValue, &MatValue))| {
        let label = class.number().filter(|&class| class >= 1.0 && class.fract() == 0.0);
        match (label, name.text()) {
            (Some(label), Some(name)) if label <= f64::from(u16::MAX) => {
                Ok(Entry { name: name.to_owned(), label: Some(label as u32 - 1) })
            }
            _ => Err(layout.damaged(path, format!("annotation {} has no class or no file name", number + 1))),
        }
    };
    field("class")?.into_iter().zip(field("fname")?).enumerate().map(entry).collect()
}
