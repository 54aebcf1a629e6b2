//! CIFAR-10 and CIFAR-100 in the binary version: training and test batches.

use std::path::Path;
use std::sync::Arc;

use super::kind::OfficialKind;
use super::layout::Layout;
use super::set::OfficialSet;
use crate::dataset::{Batches, Cifar};
use crate::{DataError, Dataset};

pub(super) fn open(layout: &Layout) -> Result<OfficialSet, DataError> {
    let (train, test, archive, pickled): (&[&str], _, _, _) = match layout.kind {
        OfficialKind::Cifar100 => (&["train.bin"], "test.bin", "cifar-100-binary.tar.gz", "train"),
        _ => (
            &[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
            ],
            "test_batch.bin",
            "cifar-10-binary.tar.gz",
            "data_batch_1",
        ),
    };
    if !layout.path(train[0]).exists() && layout.path(pickled).is_file() {
        return Err(layout.damaged(
            &layout.path(pickled),
            format!(
                "this is the Python version, which contains pickles; download the binary version: {archive}"
            ),
        ));
    }
    // Class numbers alone would do, but names in a report should be names.
    let names =
        if layout.kind == OfficialKind::Cifar100 { "fine_label_names.txt" } else { "batches.meta.txt" };
    layout.find(names, archive)?;
    let batches = |files: &[&str]| -> Result<Arc<dyn Dataset>, DataError> {
        let paths = files.iter().map(|file| layout.find(file, archive)).collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Cifar::open(Batches::of_files(paths)?, false)?))
    };
    let (train, test) = (batches(train)?, batches(&[test])?);
    let expected = if layout.kind == OfficialKind::Cifar100 { 100 } else { 10 };
    if train.classes().len() != expected {
        let path: &Path = &layout.path(names);
        return Err(layout.damaged(path, format!("these are batches of {} classes", train.classes().len())));
    }
    Ok(OfficialSet::new(layout, [train, test], "training and test batches"))
}
