//! Features from a file, some rows at a time: a table may have more rows than fit into memory.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use twist_data::Dataset;

use super::{FeatureFile, FeatureTable, RowsOfFile, Unfit, extension, finite, not_finite, npy, wrong};
use crate::ModelError;
use crate::stream::FeatureBatch;

/// Rows that are in memory together.
const ROWS: usize = 4096;

/// The rows of a file of features.
pub struct FeatureRows {
    source: Source,
    dataset: Arc<dyn Dataset>,
    width: i64,
}

enum Source {
    /// Rows that are read when they are wanted.
    Npy(PathBuf, npy::Layout),
    /// Parquet is decoded column by column, so all rows are in memory.
    Table(FeatureTable),
}

impl FeatureFile {
    /// Opens and checks it. Of a `.npy` a few thousand rows are in memory at a time, so it is read twice: once for the check.
    ///
    /// # Errors
    /// As [`FeatureFile::read`].
    pub fn rows(&self, with_labels: bool) -> Result<FeatureRows, ModelError> {
        if extension(&self.path).as_deref() == Some("parquet") {
            let table = self.read(with_labels)?;
            let (dataset, width) = (Arc::clone(&table.dataset), table.width()?);
            return Ok(FeatureRows { source: Source::Table(table), dataset, width });
        }
        let layout = npy::layout(&self.path)?;
        let npy::Beside { names, labels, classes } = npy::beside_it(&self.path, layout.len, with_labels)?;
        let (mut first_bad, mut bad) = (None, 0);
        npy::each(&self.path, &layout, ROWS, |begin, rows| match finite(rows) {
            Ok(()) => Ok(()),
            Err(Unfit::NotFinite { first, count }) => {
                first_bad.get_or_insert(begin as i64 + first);
                bad += count;
                Ok(())
            }
            Err(Unfit::Torch(error)) => Err(error.into()),
        })?;
        if let Some(first) = first_bad {
            return Err(wrong(&self.path, not_finite(first, bad, layout.len as i64)));
        }
        let (path, len, hash) = (self.path.clone(), layout.len, OnceLock::new());
        let dataset = Arc::new(RowsOfFile { path, len, names, labels, classes, hash });
        let source = Source::Npy(self.path.clone(), layout);
        Ok(FeatureRows { source, dataset, width: layout.width as i64 })
    }
}

impl FeatureRows {
    /// Names and labels of the rows.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// Numbers in a row, D.
    pub fn width(&self) -> i64 {
        self.width
    }

    /// Hands all rows on, in order.
    ///
    /// # Errors
    /// The file cannot be read any more, or was changed; `take` fails.
    pub fn each(
        &self,
        mut take: impl FnMut(FeatureBatch<'_>) -> Result<(), ModelError>,
    ) -> Result<usize, ModelError> {
        let mut hand_on = |begin: usize, features: &tch::Tensor| {
            let count = features.size2()?.0 as usize;
            let indices: Vec<u32> = (begin as u32..(begin + count) as u32).collect();
            take(FeatureBatch { indices: &indices, features })
        };
        match &self.source {
            Source::Table(table) => {
                let len = table.len();
                for begin in (0..len).step_by(ROWS) {
                    let count = ROWS.min(len - begin) as i64;
                    hand_on(begin, &table.features.rows.f_narrow(0, begin as i64, count)?)?;
                }
            }
            Source::Npy(path, layout) => npy::each(path, layout, ROWS, |begin, rows| match finite(rows) {
                Ok(()) => hand_on(begin, rows),
                Err(Unfit::Torch(error)) => Err(error.into()),
                Err(Unfit::NotFinite { .. }) => {
                    Err(wrong(path, "it was changed while it was read; run this again".into()))
                }
            })?,
        }
        Ok(self.dataset.len())
    }
}
