//! Which files of a CIFAR folder belong together, and what their classes are called.

use std::path::{Path, PathBuf};

use super::Variant;
use crate::DataError;
use crate::dataset::file_pool::read_file;
use crate::dataset::left_out::{LeftOut, Leftovers};

/// Batches of one variant, ready to open.
#[derive(Debug)]
pub(crate) struct Batches {
    pub(super) variant: Variant,
    pub(super) paths: Vec<PathBuf>,
    pub(super) names: ClassNames,
    pub(super) left_out: Vec<LeftOut>,
}

impl Batches {
    /// The batches of a published folder, or `None` when it is not one: the training batches, or the test batch when
    /// it is alone.
    pub(crate) fn of_folder(folder: &Path) -> Result<Option<Self>, DataError> {
        let here = |name: &str| Some(folder.join(name)).filter(|p| p.is_file());
        let ten: Vec<PathBuf> = (1..=5).filter_map(|i| here(&format!("data_batch_{i}.bin"))).collect();
        let hundred: Vec<PathBuf> = here("train.bin").into_iter().collect();
        let tests: Vec<PathBuf> = ["test_batch.bin", "test.bin"].into_iter().filter_map(here).collect();
        let training = if ten.is_empty() { hundred } else { ten };
        if training.is_empty() {
            return if tests.is_empty() { Ok(None) } else { Self::of_files(tests).map(Some) };
        }
        let mut leftovers = Leftovers::default();
        for test in &tests {
            let kind =
                ["test batch (name the file to read it)", "test batches (name the files to read them)"];
            leftovers.add(kind, test.display().to_string());
        }
        let mut batches = Self::of_files(training)?;
        batches.left_out = leftovers.finish();
        Ok(Some(batches))
    }

    /// The given batches, in the given order.
    ///
    /// # Errors
    /// When some are of CIFAR-10 and some of CIFAR-100.
    pub(crate) fn of_files(paths: Vec<PathBuf>) -> Result<Self, DataError> {
        let mut variant = None;
        for path in &paths {
            let this = variant_of(path);
            if *variant.get_or_insert(this) != this {
                return Err(DataError::cifar(
                    path.clone(),
                    "it is CIFAR-100 and others are CIFAR-10, or the reverse: give them separately",
                ));
            }
        }
        let variant = variant.unwrap_or(Variant::Cifar10);
        let names = paths.first().map(|p| ClassNames::beside(p, variant)).unwrap_or_default();
        Ok(Self { variant, paths, names, left_out: Vec::new() })
    }
}

/// Which variant a batch is: by the names that are published, then by the size.
fn variant_of(path: &Path) -> Variant {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.with_file_name("fine_label_names.txt").is_file() {
        return Variant::Cifar100;
    }
    if name.starts_with("data_batch")
        || name == "test_batch.bin"
        || path.with_file_name("batches.meta.txt").is_file()
    {
        return Variant::Cifar10;
    }
    let size = path.metadata().map_or(0, |m| m.len());
    let whole = |variant: Variant| size > 0 && size.is_multiple_of(variant.record() as u64);
    let only_hundred = whole(Variant::Cifar100) && !whole(Variant::Cifar10);
    if only_hundred || name == "train.bin" || name == "test.bin" {
        Variant::Cifar100
    } else {
        Variant::Cifar10
    }
}

/// Class names found beside the batches.
#[derive(Debug, Default)]
pub(crate) struct ClassNames {
    fine: Vec<String>,
    coarse: Vec<String>,
}

impl ClassNames {
    /// Reads the name files that are published with the batches. Without them classes are called by number.
    fn beside(batch: &Path, variant: Variant) -> Self {
        let names = |file: &str| -> Vec<String> {
            let bytes = read_file(&batch.with_file_name(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes)
                .lines()
                .map(str::trim)
                .filter(|l| !l.is_empty())
                .map(str::to_owned)
                .collect()
        };
        match variant {
            Variant::Cifar10 => Self { fine: names("batches.meta.txt"), coarse: Vec::new() },
            Variant::Cifar100 => {
                Self { fine: names("fine_label_names.txt"), coarse: names("coarse_label_names.txt") }
            }
        }
    }

    /// Exactly as many names as there are classes.
    pub(super) fn for_labels(self, variant: Variant, coarse: bool) -> Vec<String> {
        let (names, classes) = match (variant, coarse) {
            (Variant::Cifar10, _) => (self.fine, 10),
            (Variant::Cifar100, true) => (self.coarse, 20),
            (Variant::Cifar100, false) => (self.fine, 100),
        };
        if names.len() == classes { names } else { (0..classes).map(|c| c.to_string()).collect() }
    }
}
