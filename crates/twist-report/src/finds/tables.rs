//! `duplicates.csv` and `outliers.csv`: all that was found, in the columns of every table of images.

use std::path::Path;

use super::Finds;
use crate::classes::Classes;
use crate::error::ReportError;
use crate::people;
use crate::run::Samples;

fn image(samples: &Samples, classes: &Classes, row: usize) -> [String; 5] {
    let label = samples.label[row].map(|label| samples.class_name(label)).unwrap_or_default();
    people::row(samples, classes, row, &label)
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
    let own = ["copy_of", "copy_of_label", "by", "pixel_difference", "similarity"];
    let rows = finds.pairs.iter().map(|pair| {
        let [first, later] = pair.rows;
        let [of, _, _, label, _] = image(samples, classes, first);
        let apart = pair.apart.map(|apart| format!("{apart:.2}")).unwrap_or_default();
        let own = [of, label, pair.by.word().to_owned(), apart, format!("{:.4}", pair.similarity)];
        (image(samples, classes, later), own)
    });
    people::write(path, own, rows)
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
    let rows = finds.lonely.iter();
    let rows = rows.map(|(row, mean)| (image(samples, classes, *row), [format!("{mean:.4}")]));
    people::write(path, ["similarity"], rows)
}
