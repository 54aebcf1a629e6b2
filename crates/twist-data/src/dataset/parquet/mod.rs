//! Parquet files in the Hugging Face image layout: a column `image` of `struct { bytes, path }`, usually with a label
//! column whose class names stand in the file's `huggingface` metadata.
//!
//! Parquet is made to be scanned, not to be read at random: values lie in compressed pages of about a megabyte. An
//! image is read by decompressing its page alone, and a bounded number of pages is kept, so that images that follow
//! each other cost one page, and tables up to that bound are decompressed once. Images as tar shards have no such cost.

mod columns;

mod header;

mod delta;

mod shared_file;

mod chunk;

mod labels;

mod pages;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::reader::{FileReader, Length, SerializedFileReader};
use rayon::prelude::*;
use twist_io::{composed, is_no_label};

use self::chunk::Chunk;
use self::columns::Columns;
use self::header::general;
use self::labels::{Unread, read_labels};
use self::pages::{PageCache, read_page};
use self::shared_file::SharedFile;
use super::classes::{Labels, labelled};
use super::file_pool::kept_open;
use super::identity::{Content, Identity};
use super::left_out::{LeftOut, Leftovers};
use super::{Dataset, LabelSource, Stamp, Stored};
use crate::DataError;

/// Images of one or several tables with the same columns, in file order.
pub(crate) struct Tables {
    files: Vec<Table>,
    /// All row groups of all files.
    groups: Vec<Group>,
    len: usize,
    labels: Labels,
    left_out: Vec<LeftOut>,
    cache: PageCache,
}

/// One open file.
struct Table {
    path: PathBuf,
    file: SharedFile,
    reader: SerializedFileReader<SharedFile>,
    columns: Columns,
}

/// A file and the label of each of its rows, as text; without a column of labels none.
type Opened = (Table, Vec<Option<String>>);

/// A row group: the unit that has its own pages.
struct Group {
    file: usize,
    number: usize,
    /// Index of its first image.
    start: usize,
    /// The pages of the image column.
    images: OnceLock<Arc<Chunk>>,
}

impl Tables {
    /// Reads the metadata of all files, and the labels where `source` wants them.
    pub(crate) fn open(paths: Vec<PathBuf>, source: &LabelSource) -> Result<Self, DataError> {
        let kept = kept_open();
        let opened: Vec<Result<Opened, DataError>> = paths
            .into_par_iter()
            .enumerate()
            .map(|(number, path)| open_table(path, number < kept, source))
            .collect();
        let mut leftovers = Leftovers::default();
        let (mut files, mut groups, mut texts, mut len) = (Vec::<Table>::new(), Vec::new(), Vec::new(), 0);
        for opened in opened {
            let (table, mut labels) = opened?;
            if let Some(first) = files.first() {
                table.columns.agree(&first.columns).map_err(|reason| {
                    let reason = format!("{reason}, unlike {}: open them separately", first.path.display());
                    DataError::parquet(&table.path, reason)
                })?;
            }
            for (number, group) in table.reader.metadata().row_groups().iter().enumerate() {
                let images = OnceLock::new();
                groups.push(Group { file: files.len(), number, start: len, images });
                len += usize::try_from(group.num_rows()).unwrap_or(0);
            }
            texts.append(&mut labels);
            files.push(table);
        }
        let Some(first) = files.first() else {
            return Err(DataError::pattern("", "it names no file"));
        };
        if len == 0 {
            return Err(DataError::no_images(
                first.path.display(),
                "its tables have no rows",
                "Download them again, or give other files",
            ));
        }
        first.columns.note(&mut leftovers);
        let texts = || texts.iter().map(Option::as_deref);
        let labels =
            match &first.columns.classes {
                None => Labels::from_text(texts(), &[])
                    .map_err(|reason| DataError::parquet(&first.path, reason))?,
                Some(names) => of_class_names(texts(), names)
                    .map_err(|reason| DataError::parquet(&first.path, reason))?,
            };
        Ok(Self { files, groups, len, labels, left_out: leftovers.finish(), cache: PageCache::default() })
    }

    /// The row group of an image, and its row in it.
    fn locate(&self, index: usize) -> Result<(usize, usize), DataError> {
        if index >= self.len {
            return Err(DataError::OutOfRange { index, len: self.len });
        }
        let group = self.groups.partition_point(|g| g.start <= index) - 1;
        Ok((group, index - self.groups[group].start))
    }

    /// The row in its file of an image that is in row group `group`.
    fn row_of(&self, index: usize, group: usize) -> usize {
        let file = self.groups[group].file;
        let start = self.groups.iter().find(|other| other.file == file).map_or(0, |first| first.start);
        index - start
    }

    /// The bytes of a row, or `None` where the table has none.
    fn bytes(&self, group: usize, row: usize) -> Result<Option<Vec<u8>>, ParquetError> {
        let Group { file, number, images, .. } = &self.groups[group];
        let table = &self.files[*file];
        let images = match images.get() {
            Some(images) => images,
            None => {
                let group = table.reader.metadata().row_group(*number);
                let opened = Chunk::open(&table.file, group, table.columns.image)?;
                images.get_or_init(|| opened)
            }
        };
        let (page, rows) = images.page_of(row).ok_or_else(|| general("its row group has no page".into()))?;
        let decoded = match self.cache.get((group, page)) {
            Some(decoded) => decoded,
            None => self.cache.keep((group, page), read_page(images, page, rows.len())?),
        };
        let value = decoded.get(row - rows.start);
        let value = value.ok_or_else(|| general("a page has fewer rows than its header says".into()))?;
        Ok(value.as_ref().map(|v| v.data().to_vec()))
    }
}

/// The labels of a column whose classes have `names`: a number counts them, the name of one is that class.
fn of_class_names<'a>(
    texts: impl Iterator<Item = Option<&'a str>>,
    names: &[String],
) -> Result<Labels, String> {
    let place: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
    let number = |text: &str| {
        let number = text.parse().ok().filter(|&number: &u32| (number as usize) < names.len());
        let known = number.or_else(|| place.get(text).copied());
        known.ok_or_else(|| format!("a label is {text}, but there are {} class names", names.len()))
    };
    let written = texts.map(|text| text.filter(|text| !is_no_label(text)).map(number).transpose());
    let indices: Vec<Option<u32>> = written.collect::<Result<_, _>>()?;
    let names = names.iter().map(|name| composed(name).into_owned()).collect();
    Ok(Labels::from_indices(indices, names).unwrap_or_default())
}

/// Refuses row groups that claim more rows than their file has bytes: an image has more than one, and what is claimed is
/// what memory is asked for.
fn check_rows(groups: &[RowGroupMetaData], size: u64) -> Result<(), String> {
    let mut all = 0u64;
    for group in groups {
        let rows =
            u64::try_from(group.num_rows()).map_err(|_| "a row group has a negative number of rows")?;
        all = all.saturating_add(rows);
    }
    if all > size {
        return Err(format!("it claims {all} rows of images in {size} bytes"));
    }
    Ok(())
}

/// Opens one file and reads its labels, as text.
fn open_table(path: PathBuf, kept: bool, source: &LabelSource) -> Result<Opened, DataError> {
    let file = SharedFile::open(&path, kept);
    let file = file.map_err(|source| DataError::read(&path, source))?;
    let size = file.len();
    let damaged = |error: &dyn std::fmt::Display| {
        let reason = format!("{error}; if it was cut off, copy it again");
        DataError::parquet(&path, reason)
    };
    let reader = caught(|| SerializedFileReader::new(file.clone())).map_err(|e| damaged(&e))?;
    check_rows(reader.metadata().row_groups(), size).map_err(|reason| damaged(&reason))?;
    let columns = Columns::choose(reader.metadata().file_metadata(), source)
        .map_err(|reason| DataError::parquet(&path, reason))?;
    let labels = match columns.label {
        Some(column) => {
            caught(|| read_labels(&file, reader.metadata(), column)).map_err(|unread| match unread {
                Unread::Damaged(error) => damaged(&error),
                Unread::Other(what) => {
                    let kind = reader.metadata().file_metadata().schema_descr().column(column).physical_type();
                    let called = columns.label_called().unwrap_or_default();
                    let reason = format!(
                        "its column of labels {called} ({kind}) {what}. Labels are whole numbers, text, or true and false: \
                         convert the column, or read the images without labels (`--labels none`)"
                    );
                    DataError::parquet(&path, reason)
                }
            })?
        }
        None => Vec::new(),
    };
    Ok((Table { path, file, reader, columns }, labels))
}

/// What the library does with damaged content: where it panics, as it does at numbers that are too long, that is an error.
fn caught<T, E: From<ParquetError>>(read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let damaged = |_| Err(general("the content of a page contradicts itself".into()).into());
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(damaged)
}

impl Dataset for Tables {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let (group, row) = self.locate(index)?;
        let path = || self.files[self.groups[group].file].path.clone();
        match caught(|| self.bytes(group, row)) {
            Ok(Some(bytes)) => Ok(Stored::Encoded(bytes)),
            Ok(None) => {
                let table = &self.files[self.groups[group].file];
                let schema = table.reader.metadata().file_metadata().schema_descr();
                let column = schema.column(table.columns.image).path().string();
                Err(DataError::empty_row(&path(), self.row_of(index, group), &column))
            }
            Err(error) => {
                let reason = format!("{}: {error}; if the file was damaged, copy it again", self.path(index));
                Err(DataError::parquet(path(), reason))
            }
        }
    }

    /// `file.parquet/row`, rows counted from 0 in each file.
    fn path(&self, index: usize) -> String {
        let Ok((group, _)) = self.locate(index) else {
            return String::new();
        };
        let (file, row) = (self.groups[group].file, self.row_of(index, group));
        let name = self.files[file].path.file_name().unwrap_or_default().to_string_lossy();
        let same_name = |other: &Table| other.path.file_name() == self.files[file].path.file_name();
        match self.files.iter().filter(|t| same_name(t)).count() {
            1 => format!("{name}/{row:07}"),
            _ => format!("{}/{row:07}", self.files[file].path.display()),
        }
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        let (group, row) = self.locate(index).ok()?;
        let Group { file, number, .. } = &self.groups[group];
        self.files[*file].file.stamp(*number, row)
    }

    labelled!(left_out);

    /// Names and content of the files, and the labels.
    fn fingerprint(&self) -> String {
        let mut identity = Identity::new("parquet");
        for table in &self.files {
            identity.name(table.path.file_name().unwrap_or_default().to_string_lossy().as_bytes());
            identity.content(Content::of_file(&table.path, true));
        }
        (0..self.len).for_each(|index| identity.label(self.label(index)));
        identity.finish()
    }
}
