//! `duplicates.csv` and `outliers.csv`: all that was found, in the columns of every table of images.

use std::path::Path;

use twist_io::text_to_cell;
use twist_run::samples::column::FOR_PEOPLE;

use super::Finds;
use crate::classes::Classes;
use crate::error::ReportError;
use crate::run::Samples;

fn image(samples: &Samples, classes: &Classes, row: usize) -> [String; 5] {
    let (class, probability, ..) = samples.verdict(row);
    let label = samples.label[row].map(|label| samples.class_name(label)).unwrap_or_default();
    [
        text_to_cell(&samples.path[row]).into_owned(),
        class.to_string(),
        text_to_cell(&classes.title(class)).into_owned(),
        text_to_cell(&label).into_owned(),
        format!("{probability:.4}"),
    ]
}

/// Writes one row for each pair: the later image, the one that it repeats (`copy_of`, with its label), what says so (`by`:
/// equal pixels, near pixels or features), the mean difference of their pixels (of 255) and the cosine similarity of their
/// features.
///
/// # Errors
/// The disk is full or read-only.
pub(crate) fn write_duplicates(
    path: &Path,
    samples: &Samples,
    classes: &Classes,
    finds: &Finds,
) -> Result<(), ReportError> {
    twist_io::write_atomic(path, |file| {
        let mut table = csv::Writer::from_writer(file);
        let own = ["copy_of", "copy_of_label", "by", "pixel_difference", "similarity"];
        table.write_record(FOR_PEOPLE.iter().chain(&own))?;
        for pair in &finds.pairs {
            let [first, later] = pair.rows;
            let [of, _, _, label, _] = image(samples, classes, first);
            let apart = pair.apart.map(|apart| format!("{apart:.2}")).unwrap_or_default();
            let own = [of, label, pair.by.word().to_owned(), apart, format!("{:.4}", pair.similarity)];
            table.write_record(image(samples, classes, later).iter().chain(&own))?;
        }
        table.flush()
    })?;
    Ok(())
}

/// Writes one row for each image that was compared, the loneliest first, with the mean cosine similarity to its nearest
/// neighbours.
///
/// # Errors
/// The disk is full or read-only.
pub(crate) fn write_outliers(
    path: &Path,
    samples: &Samples,
    classes: &Classes,
    finds: &Finds,
) -> Result<(), ReportError> {
    twist_io::write_atomic(path, |file| {
        let mut table = csv::Writer::from_writer(file);
        table.write_record(FOR_PEOPLE.iter().chain(&["similarity"]))?;
        for (row, mean) in &finds.lonely {
            let own = [format!("{mean:.4}")];
            table.write_record(image(samples, classes, *row).iter().chain(&own))?;
        }
        table.flush()
    })?;
    Ok(())
}
