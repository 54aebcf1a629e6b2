//! Tables of images for people: `path,cluster,name,label,probability`, and what a table has of its own.

use std::io::Write;
use std::path::Path;

use twist_io::text_to_cell;
use twist_run::samples::column::FOR_PEOPLE;

use crate::classes::Classes;
use crate::error::ReportError;
use crate::run::Samples;

/// What every table says of image `row`, with this `label`.
pub(crate) fn row(samples: &Samples, classes: &Classes, row: usize, label: &str) -> [String; 5] {
    let (class, probability, ..) = samples.verdict(row);
    [
        text_to_cell(&samples.path[row]).into_owned(),
        class.to_string(),
        text_to_cell(&classes.title(class)).into_owned(),
        text_to_cell(label).into_owned(),
        format!("{probability:.4}"),
    ]
}

/// Writes a table to `out`: of each image what every table says of it, and what stands in this table's `own` columns.
pub(crate) fn table<const N: usize>(
    out: impl Write,
    own: [&str; N],
    rows: impl IntoIterator<Item = ([String; 5], [String; N])>,
) -> std::io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(FOR_PEOPLE.iter().chain(&own))?;
    for (row, own) in rows {
        table.write_record(row.iter().chain(&own))?;
    }
    table.flush()
}

/// Writes such a table into a file.
///
/// # Errors
/// The disk is full or read-only.
pub(crate) fn write<const N: usize>(
    path: &Path,
    own: [&str; N],
    rows: impl IntoIterator<Item = ([String; 5], [String; N])>,
) -> Result<(), ReportError> {
    Ok(twist_io::write_atomic(path, |file| table(file, own, rows))?)
}
