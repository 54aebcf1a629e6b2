//! `images.csv`: what the network said of every evaluated image, as a table for people.

use std::path::Path;

use twist_data::class_name;
use twist_io::text_to_cell;
use twist_run::samples::column;

use super::Artefacts;
use crate::EvalError;

/// Writes `path,cluster,name,label,probability,index`, one row an image: the discovered class with its number, name and
/// probability, the class that the data set gives it (empty without one), and its place in the data set.
///
/// # Errors
/// The disk is full or read-only.
pub(super) fn write(path: &Path, of: &Artefacts<'_>) -> Result<(), EvalError> {
    let Artefacts { features, dataset, names, .. } = *of;
    let (clusters, probabilities) = (features.predictions()?, features.probabilities()?);
    twist_io::write_atomic(path, |file| {
        let mut table = csv::Writer::from_writer(file);
        table.write_record(column::FOR_PEOPLE.iter().chain(&[column::INDEX]))?;
        for ((&index, cluster), probability) in features.indices.iter().zip(clusters).zip(probabilities) {
            let name = names.get(cluster as usize).map_or("", String::as_str);
            let label = class_name(dataset, index as usize).unwrap_or_default();
            table.write_record([
                &*text_to_cell(&dataset.path(index as usize)),
                &cluster.to_string(),
                &text_to_cell(name),
                &text_to_cell(label),
                &probability.to_string(),
                &index.to_string(),
            ])?;
        }
        table.flush()
    })?;
    Ok(())
}
