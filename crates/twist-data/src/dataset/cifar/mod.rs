//! CIFAR-10 and CIFAR-100 as binary batches: <https://www.cs.toronto.edu/~kriz/cifar.html>.
//!
//! A batch is a sequence of records without header: one label byte (CIFAR-10) or two, coarse and fine (CIFAR-100), then
//! 1,024 red, 1,024 green and 1,024 blue bytes of a 32 × 32 image.

mod layout;

use std::path::Path;
use std::sync::Arc;

pub(crate) use self::layout::Batches;
use super::classes::{Labels, labelled};
use super::file_pool::FilePool;
use super::identity::{Content, Identity};
use super::left_out::LeftOut;
use super::{Dataset, Stamp, Stored};
use crate::{DataError, Rgb8};

/// Width and height of an image.
const SIDE: usize = 32;
/// Bytes of one colour plane.
const PLANE: usize = SIDE * SIDE;

/// Which batches were published under which labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// One label byte, ten classes.
    Cifar10,
    /// Two label bytes, twenty coarse and a hundred fine classes.
    Cifar100,
}

impl Variant {
    /// Label bytes before the pixels.
    fn label_bytes(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }

    /// Bytes of one record.
    fn record(self) -> usize {
        self.label_bytes() + 3 * PLANE
    }
}

/// Images of one or several batches of the same variant, in file order.
#[derive(Debug)]
pub(crate) struct Cifar {
    variant: Variant,
    files: FilePool,
    /// Index of the first image of each file.
    starts: Vec<usize>,
    labels: Labels,
    left_out: Vec<LeftOut>,
}

impl Cifar {
    /// Checks sizes and reads all labels. `coarse` asks for the twenty super-classes of CIFAR-100.
    pub(crate) fn open(batches: Batches, coarse: bool) -> Result<Self, DataError> {
        let Batches { variant, paths, names, left_out } = batches;
        if coarse && variant == Variant::Cifar10 {
            let path = paths.into_iter().next().unwrap_or_default();
            return Err(DataError::labels(path, "CIFAR-10 has no coarse labels"));
        }
        let files = FilePool::open(paths).map_err(|(path, source)| DataError::read(path, source))?;
        let names = names.for_labels(variant, coarse);
        let mut starts = Vec::with_capacity(files.len());
        let mut labels = Vec::new();
        for file in 0..files.len() {
            starts.push(labels.len());
            read_labels(&files, file, variant, coarse, names.len(), &mut labels)?;
        }
        let labels = Labels::from_indices(labels.into_iter().map(Some), names).unwrap_or_default();
        Ok(Self { variant, files, starts, labels, left_out })
    }

    /// File and offset of a record.
    fn locate(&self, index: usize) -> Result<(usize, u64), DataError> {
        let len = self.len();
        if index >= len {
            return Err(DataError::OutOfRange { index, len });
        }
        let file = self.starts.partition_point(|&start| start <= index) - 1;
        Ok((file, ((index - self.starts[file]) * self.variant.record()) as u64))
    }
}

/// Appends the labels of one batch.
fn read_labels(
    files: &FilePool,
    file: usize,
    variant: Variant,
    coarse: bool,
    classes: usize,
    labels: &mut Vec<u32>,
) -> Result<(), DataError> {
    let (path, size, record) = (files.path(file), files.size(file), variant.record() as u64);
    let damaged = |reason: String| DataError::cifar(path, reason);
    if size == 0 || !size.is_multiple_of(record) {
        return Err(damaged(format!(
            "its {size} bytes are not a whole number of records of {record} bytes ({} and {} over): it was cut off or is \
             something else; download it again",
            size / record,
            size % record
        )));
    }
    let at = u64::from(variant == Variant::Cifar100 && !coarse);
    for number in 0..size / record {
        let mut label = [0];
        let read = files.read_exact_at(file, &mut label, number * record + at);
        read.map_err(|source| DataError::read(path, source))?;
        if usize::from(label[0]) >= classes {
            return Err(damaged(format!(
                "record {number} has the label {}, but there are {classes} classes",
                label[0]
            )));
        }
        labels.push(label[0].into());
    }
    Ok(())
}

impl Dataset for Cifar {
    fn len(&self) -> usize {
        let last = self.starts.len() - 1;
        self.starts[last] + self.files.size(last) as usize / self.variant.record()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let (file, offset) = self.locate(index)?;
        let mut planes = [0; 3 * PLANE];
        let read = self.files.read_exact_at(file, &mut planes, offset + self.variant.label_bytes() as u64);
        read.map_err(|source| DataError::read(self.files.path(file), source))?;
        let pixels = (0..PLANE).flat_map(|i| [planes[i], planes[PLANE + i], planes[2 * PLANE + i]]).collect();
        Ok(Stored::Pixels(Arc::new(Rgb8 { width: SIDE as u32, height: SIDE as u32, pixels })))
    }

    /// The batch and the number of the record in it, from 0 on.
    fn path(&self, index: usize) -> String {
        let Ok((file, offset)) = self.locate(index) else {
            return String::new();
        };
        let name = self.files.path(file).file_name().unwrap_or_default().to_string_lossy();
        format!("{name}/{:05}", offset / self.variant.record() as u64)
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        let (file, offset) = self.locate(index).ok()?;
        self.files.stamp(file, [offset, self.variant.record() as u64])
    }

    labelled!(left_out);

    /// Names, content and labels.
    fn fingerprint(&self) -> String {
        let mut identity = Identity::new("cifar");
        for file in 0..self.files.len() {
            identity.name(base(self.files.path(file)));
            identity.content(Content::of_file(self.files.path(file), true));
        }
        (0..self.len()).for_each(|index| identity.label(self.label(index)));
        identity.finish()
    }
}

/// The file name as bytes.
fn base(path: &Path) -> &[u8] {
    use std::os::unix::ffi::OsStrExt;
    path.file_name().unwrap_or_default().as_bytes()
}
