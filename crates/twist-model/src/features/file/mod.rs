//! Features that some other program computed, in a file.
//!
//! | file | features | names and labels |
//! |---|---|---|
//! | `x.npy` | a table `[N, D]` of float32, float64 or float16 | integers `[N]` in `x.labels.npy`, where there is one; below 0 means none. Else `path` and `label` (text or numbers) of `x.npy.csv`, which `twist embed` writes |
//! | `x.parquet` | a column `embedding` of lists of equal length | columns `path` (text) and `label` (text, integers or floats that are whole), where there are any |
//!
//! `twist embed` and training write both kinds.

mod npy;
mod parquet;
mod rows;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use tch::{Kind, Tensor};
use twist_data::{DataError, Dataset, Stored};
use twist_io::Refused;

pub use self::rows::FeatureRows;
use super::FeatureSet;
use crate::ModelError;
use crate::model::hash_of;

/// Within these limits, sums of squares of a row's largest number neither overflow nor vanish in float32.
const LEAST_SIZE: f64 = 1e-10;
const MOST_SIZE: f64 = 1e15;

/// Rows of features with what is known of each: names, labels, and the images if they are available.
#[derive(Clone)]
pub struct FeatureTable {
    /// `[N, D]`, not normalised.
    pub features: Rc<FeatureSet>,
    /// Names, labels and images of the rows, by `features.indices`.
    pub dataset: Arc<dyn Dataset>,
    /// Whether `dataset` has pictures.
    pub has_images: bool,
}

impl FeatureTable {
    /// Features of the images of `dataset`.
    pub fn of_images(features: FeatureSet, dataset: Arc<dyn Dataset>) -> Self {
        Self { features: Rc::new(features), dataset, has_images: true }
    }

    /// Number of rows N.
    pub fn len(&self) -> usize {
        self.features.indices.len()
    }

    /// Whether it has no rows; no reader returns such a table.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Why no classes can be found in these features, where that is so: their rows are all equal, or their squares are
    /// beyond what float32 holds.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn without_classes(&self) -> Result<Option<String>, ModelError> {
        let rows = &self.features.rows;
        let (most, least) = (rows.f_amax([0i64].as_slice(), false)?, rows.f_amin([0i64].as_slice(), false)?);
        let largest = f64::try_from(&most.f_maximum(&least.f_neg()?)?.f_max()?)?;
        Ok(if self.len() > 1 && most.f_equal(&least)? {
            Some(format!("all {} rows are equal, so classes cannot be told apart", self.len()))
        } else if !(LEAST_SIZE..=MOST_SIZE).contains(&largest) {
            Some(format!("its largest number is {largest:.0e}: scale the features to about 1"))
        } else {
            None
        })
    }

    /// Numbers in a row, D.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn width(&self) -> Result<i64, ModelError> {
        Ok(self.features.rows.size2()?.1)
    }
}

/// A file of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureFile {
    path: PathBuf,
}

/// What a file says of its rows.
pub(super) struct Content {
    /// `[N, D]` float32.
    rows: Tensor,
    /// Empty, or one for each row.
    names: Vec<String>,
    /// Empty, or one for each row.
    labels: Vec<Option<u32>>,
    /// Names of the classes; empty without labels.
    classes: Vec<String>,
}

/// A file of features that cannot be used: what is wrong, and what would be right.
fn wrong(path: &Path, reason: String) -> ModelError {
    Refused::new(path.display().to_string()).because(reason).into()
}

impl FeatureFile {
    /// `data` as a file of features; `None` for images. A parquet file is one when it has a column `embedding`.
    pub fn recognise(data: &str) -> Option<Self> {
        let path = Path::new(data);
        let is_one = match extension(path)?.as_str() {
            // An archive of tables is refused by its reader, with the remedy.
            "npy" | "npz" => true,
            "parquet" => path.is_file() && parquet::has_embeddings(path),
            _ => false,
        };
        is_one.then(|| Self { path: path.to_owned() })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads and checks it. Without `with_labels` its labels are not looked at.
    ///
    /// # Errors
    /// It has another type or shape, rows of
    /// unequal length, numbers that are not finite, labels that do not fit.
    pub fn read(&self, with_labels: bool) -> Result<FeatureTable, ModelError> {
        let content = match extension(&self.path).as_deref() {
            Some("parquet") => parquet::read(&self.path, with_labels)?,
            _ => npy::read(&self.path, with_labels)?,
        };
        let (len, width) = content.rows.size2()?;
        let wrong = |reason: String| wrong(&self.path, reason);
        if let Some(reason) = nothing_in(len, width) {
            return Err(wrong(reason));
        }
        finite(&content.rows).map_err(|error| match error {
            Unfit::NotFinite { first, count } => wrong(not_finite(first, count, len)),
            Unfit::Torch(error) => error.into(),
        })?;
        let rows = content.rows;
        let known = RowsOfFile {
            path: self.path.clone(),
            len: len as usize,
            names: content.names,
            labels: content.labels,
            classes: content.classes,
            hash: OnceLock::from(hash_of(&self.path)?),
        };
        let features = FeatureSet { indices: (0..len as u32).collect(), rows, skipped: Vec::new() };
        Ok(FeatureTable { features: Rc::new(features), dataset: Arc::new(known), has_images: false })
    }
}

/// What is wrong with a table of `len` rows, of which `count` have such numbers.
fn not_finite(first: i64, count: i64, len: i64) -> String {
    format!(
        "row {first} (from 0) has a number that is NaN, infinite or too large for float32, {count} of {len} rows have; leave them out, or scale them"
    )
}

enum Unfit {
    NotFinite { first: i64, count: i64 },
    Torch(tch::TchError),
}

impl From<tch::TchError> for Unfit {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error)
    }
}

/// The extension of a file's name, in lower case.
fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// Looks for NaN and infinity in `[N, D]`, without a second table.
fn finite(rows: &Tensor) -> Result<(), Unfit> {
    let (most, least) = (rows.f_amax([1i64].as_slice(), false)?, rows.f_amin([1i64].as_slice(), false)?);
    let whole = most.f_isfinite()?.f_logical_and(&least.f_isfinite()?)?;
    let bad = whole.f_logical_not()?;
    let count = i64::try_from(&bad.f_sum(Kind::Int64)?)?;
    if count == 0 {
        return Ok(());
    }
    let first = i64::try_from(&bad.f_to_kind(Kind::Int64)?.f_argmax(0, false)?)?;
    Err(Unfit::NotFinite { first, count })
}

/// The rows of a file as a data set without pictures.
struct RowsOfFile {
    path: PathBuf,
    len: usize,
    names: Vec<String>,
    labels: Vec<Option<u32>>,
    classes: Vec<String>,
    /// Of the file; where rows are read a few at a time, it is computed when somebody asks.
    hash: OnceLock<String>,
}

impl Dataset for RowsOfFile {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        if index >= self.len {
            return Err(DataError::OutOfRange { index, len: self.len });
        }
        let source = std::io::Error::other("it is a file of features and has no images");
        Err(DataError::read(self.path.clone(), source))
    }

    fn path(&self, index: usize) -> String {
        self.names.get(index).cloned().unwrap_or_else(|| format!("row {index}"))
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.labels.get(index).copied().flatten()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        format!("features {}", self.hash.get_or_init(|| hash_of(&self.path).unwrap_or_default()))
    }
}

/// Why a table of this shape is of no use.
fn nothing_in(len: i64, width: i64) -> Option<String> {
    (len == 0 || width == 0).then(|| format!("its table is [{len}, {width}], so it contains no features"))
}

/// A label from an integer; a negative one means "no label".
fn label_of(value: i64) -> Option<String> {
    (value >= 0).then(|| value.to_string())
}
