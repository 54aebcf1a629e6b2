//! Which images of a data set a file names, and as what: the published lists of semi-supervised learning, or what a
//! person has labelled.

use std::path::Path;

use twist_io::{is_no_label, shown};

use super::Dataset;
use super::labelled::Paths;
use super::list::{Row, read_lines, read_table, table_labels};
use crate::DataError;

/// What a file says about the images of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Index and class of each image that the file names, in the order of the data set.
    pub images: Vec<(u32, u32)>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Whether the labels are numbers that name none of the classes that the data set has.
    pub of_its_own: bool,
    /// Line and text of what names no image of the data set.
    pub unmatched: Vec<(u64, String)>,
}

/// Reads `file` against the images of a data set. It is a CSV with the columns `path` and `label` (`.csv`), or a text with
/// a name in each line and perhaps a label behind it, as the `1percent.txt` of SimCLR: `n01440764_10026.JPEG`.
///
/// A line names the image with the same [`Dataset::path`], or else the one with the same file, or else the only one whose path,
/// or whose file from the root on, ends so. Without labels in the file those of the data set count. A label that is the name of
/// a class of the data set is that class; numbers that are not are classes of their own, as everywhere. In a CSV an image without a label (`-1` is none) is left out when
/// others have one.
///
/// # Errors
/// The file cannot be read, names no image, one image twice, or several by one line; labels are missing in some lines of
/// a text, or from the data set. The text has the line.
pub fn listed(dataset: &dyn Dataset, file: &Path) -> Result<Listed, DataError> {
    let is_table = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let rows = if is_table { read_table(file)? } else { read_lines(file)? };
    let misfit = |reason: String| DataError::labels(file, reason);
    let bad = |row: &Row, reason: String| DataError::line(file, row.line, reason);
    if rows.is_empty() {
        return Err(misfit("it is empty. Write one image per line".into()));
    }

    // Which images.
    let paths: Vec<String> = (0..dataset.len()).map(|index| dataset.path(index)).collect();
    let known = Paths::new(dataset, &paths);
    let mut row_of: Vec<Option<usize>> = vec![None; dataset.len()];
    let mut unmatched = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        match known.find(row, file)? {
            Some(image) => match row_of[image] {
                Some(first) => {
                    let reason =
                        format!("{} is already named in line {}", shown(&paths[image]), rows[first].line);
                    return Err(bad(row, format!("{reason}: remove one of them")));
                }
                None => row_of[image] = Some(number),
            },
            None => unmatched.push((row.line, row.path.clone())),
        }
    }
    let mut matched: Vec<(u32, &Row)> =
        (0..).zip(&row_of).filter_map(|(image, row)| Some((image, &rows[(*row)?]))).collect();
    if matched.is_empty() {
        return Err(misfit(format!(
            "none of its {} lines names an image. Line {} says \"{}\", the first image is \"{}\"",
            rows.len(),
            rows[0].line,
            shown(&rows[0].path),
            shown(paths.first().map_or("", String::as_str))
        )));
    }

    // As what.
    let has_label = |row: &Row| match &row.label {
        Some(label) => !is_no_label(label),
        None => row.class.is_some(),
    };
    let mut are_numbers = false;
    let (labels, classes) = if matched.iter().any(|(_, row)| has_label(row)) {
        // Rows that wait for their label, or say "no label".
        let is_open = |row: &Row| is_table || row.label.is_some();
        matched.retain(|(_, row)| has_label(row) || !is_open(row));
        if let Some((_, row)) = matched.iter().find(|(_, row)| !has_label(row)) {
            return Err(bad(row, format!("{} has no label, but others have one", shown(&row.path))));
        }
        let ordered: Vec<Row> = matched.iter().map(|(_, row)| (*row).clone()).collect();
        let labels = table_labels(file, &ordered, dataset.classes())?;
        are_numbers = labels.are_numbers();
        ((0..ordered.len()).map(|row| labels.get(row)).collect::<Vec<_>>(), labels.names().to_vec())
    } else {
        let labels = matched.iter().map(|(image, _)| dataset.label(*image as usize)).collect();
        (labels, dataset.classes().to_vec())
    };
    let images: Result<Vec<(u32, u32)>, DataError> = matched
        .iter()
        .zip(labels)
        .map(|(&(image, row), label)| {
            let nowhere = || bad(row, format!("{} has no label, here or in the data set", shown(&row.path)));
            Ok((image, label.ok_or_else(nowhere)?))
        })
        .collect();
    let of_its_own = are_numbers && !dataset.classes().is_empty();
    Ok(Listed { images: images?, classes, of_its_own, unmatched })
}
