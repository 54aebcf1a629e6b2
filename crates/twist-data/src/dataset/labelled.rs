//! Any data set with other labels than its own.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use twist_io::{composed, shown};

use super::classes::{Labels, labelled};
use super::identity::Identity;
use super::kinds::base_name;
use super::left_out::{LeftOut, Leftovers};
use super::list::{Row, read_table, table_labels};
use super::real::RealPaths;
use super::{Dataset, Stamp, Stored};
use crate::DataError;

/// The images of one data set with labels from elsewhere.
pub(crate) struct Relabelled {
    images: Arc<dyn Dataset>,
    labels: Labels,
    left_out: Vec<LeftOut>,
}

impl Relabelled {
    pub(crate) fn without(images: Arc<dyn Dataset>) -> Self {
        let left_out = images.left_out().to_vec();
        Self { images, labels: Labels::default(), left_out }
    }

    /// With the labels of a CSV file.
    ///
    /// A row belongs to the image with the same [`Dataset::path`], or else to the image with the same file, or else to the only
    /// image whose path, or whose file from the root on, ends with what is written. Images without a row have no label; rows without an image are noted.
    ///
    /// # Errors
    /// When the file cannot be read, has no label column, or fits no image, or when a row fits several.
    pub(crate) fn from_file(images: Arc<dyn Dataset>, file: &Path) -> Result<Self, DataError> {
        let rows = read_table(file)?;
        let misfit = |reason: String| DataError::labels(file, reason);
        if rows.iter().all(|r| r.label.is_none() && r.class.is_none()) {
            return Err(misfit("it has no labels. Its first line must be path,label".to_owned()));
        }
        let paths: Vec<String> = (0..images.len()).map(|i| images.path(i)).collect();
        let index = Paths::new(&*images, &paths);
        let mut row_of: Vec<Option<usize>> = vec![None; images.len()];
        let mut leftovers = Leftovers::default();
        for (number, row) in rows.iter().enumerate() {
            match index.find(row, file)? {
                Some(image) if row_of[image].is_some() => {
                    let first = row_of[image].map_or(0, |r| rows[r].line);
                    let reason = format!("{} already has a label in line {first}", shown(&paths[image]));
                    return Err(DataError::line(file, row.line, reason));
                }
                Some(image) => row_of[image] = Some(number),
                None => {
                    let kind =
                        ["row of the label file without an image", "rows of the label file without an image"];
                    leftovers.add(kind, row.path.clone());
                }
            }
        }
        if row_of.iter().all(Option::is_none) {
            let example = shown(rows.first().map_or("", |r| &r.path));
            return Err(misfit(format!(
                "none of its {} rows names an image. The first is \"{example}\", the first image \"{}\"",
                rows.len(),
                shown(paths.first().map_or("", String::as_str))
            )));
        }
        let unlabelled = Row { line: 0, path: String::new(), bytes: None, label: None, class: None };
        let ordered: Vec<Row> = row_of.iter().map(|r| r.map_or(&unlabelled, |r| &rows[r]).clone()).collect();
        let labels = table_labels(file, &ordered, images.classes())?;
        let mut left_out = images.left_out().to_vec();
        left_out.extend(leftovers.finish());
        Ok(Self { images, labels, left_out })
    }
}

/// Finds images by path or by the end of it.
pub(super) struct Paths {
    /// In one form of Unicode, as what is looked for.
    paths: Vec<String>,
    /// The files from the root on, in the same form; empty where an image has none.
    files: Vec<String>,
    /// The same without links and `..` in the folders; empty where that changes nothing.
    real: Vec<String>,
    places: RefCell<RealPaths>,
    exact: HashMap<String, usize>,
    /// Paths in which several images are written alike: `é` in both forms, or bytes that are not UTF-8 beside their escapes.
    shared: HashSet<String>,
    by_name: HashMap<Vec<u8>, Vec<usize>>,
}

impl Paths {
    /// Of `dataset`, whose images have these paths.
    pub(super) fn new(dataset: &dyn Dataset, paths: &[String]) -> Self {
        let paths: Vec<String> = paths.iter().map(|path| composed(path).into_owned()).collect();
        let mut places = RealPaths::default();
        let (mut files, mut real) = (Vec::with_capacity(paths.len()), Vec::with_capacity(paths.len()));
        for index in 0..paths.len() {
            let whole = dataset.file(index).and_then(|file| std::path::absolute(file).ok());
            let place = whole.as_ref().map(|file| text(&places.of(file))).unwrap_or_default();
            let whole = whole.as_deref().map(text).unwrap_or_default();
            real.push(if place == whole { String::new() } else { place });
            files.push(whole);
        }
        let (mut exact, mut shared) = (HashMap::with_capacity(paths.len()), HashSet::new());
        for (index, path) in paths.iter().enumerate() {
            if exact.insert(path.clone(), index).is_some() {
                shared.insert(path.clone());
            }
        }
        let mut by_name: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (index, path) in paths.iter().enumerate() {
            by_name.entry(base_name(path.as_bytes()).to_vec()).or_default().push(index);
        }
        Self { paths, files, real, places: RefCell::new(places), exact, shared, by_name }
    }

    /// The image that a row names.
    pub(super) fn find(&self, row: &Row, file: &Path) -> Result<Option<usize>, DataError> {
        let wanted = &*composed(row.path.trim_start_matches("./"));
        let bad = |reason: String| DataError::line(file, row.line, reason);
        if self.shared.contains(wanted) {
            let name = shown(&row.path);
            return Err(bad(format!(
                "several images are called \"{name}\" alike: rename all but one of them"
            )));
        }
        if let Some(&index) = self.exact.get(wanted) {
            return Ok(Some(index));
        }
        let same_name = self.by_name.get(base_name(wanted.as_bytes())).map_or(&[][..], Vec::as_slice);
        let mut candidates = same_name.iter().copied();
        if let Some(found) = self
            .place_of(&row.path, file)
            .and_then(|place| candidates.find(|&i| [&self.files[i], &self.real[i]].contains(&&place)))
        {
            return Ok(Some(found));
        }
        let ends_so = |path: &String| {
            path.strip_suffix(wanted).is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let is_meant =
            |i: &usize| [&self.paths[*i], &self.files[*i], &self.real[*i]].into_iter().any(ends_so);
        let mut fitting = same_name.iter().copied().filter(is_meant);
        match (fitting.next(), fitting.next()) {
            (Some(one), Some(other)) => {
                let reason = format!(
                    "\"{}\" matches both {} and {}: give more of the path",
                    shown(&row.path),
                    shown(&self.paths[one]),
                    shown(&self.paths[other])
                );
                Err(bad(reason))
            }
            (found, _) => Ok(found),
        }
    }

    /// Where the file that a row names lies, if it is written from the root on or with `..` in it; then it starts at the folder
    /// of the table, as the paths of a list.
    fn place_of(&self, written: &str, table: &Path) -> Option<String> {
        let path = Path::new(written);
        if !path.is_absolute() && !path.components().any(|part| part == Component::ParentDir) {
            return None;
        }
        let from = std::path::absolute(table).ok()?;
        Some(text(&self.places.borrow_mut().of(&from.parent()?.join(path))))
    }
}

/// A path as it is compared.
fn text(path: &Path) -> String {
    composed(&path.to_string_lossy()).into_owned()
}

impl Dataset for Relabelled {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.images.read(index)
    }

    fn path(&self, index: usize) -> String {
        self.images.path(index)
    }

    fn file(&self, index: usize) -> Option<PathBuf> {
        self.images.file(index)
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        self.images.stamp(index)
    }

    labelled!(left_out);

    fn fingerprint(&self) -> String {
        let mut identity = Identity::new("relabelled");
        identity.name(self.images.fingerprint().as_bytes());
        (0..self.len()).for_each(|index| identity.label(self.label(index)));
        identity.finish()
    }
}
