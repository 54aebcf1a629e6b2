//! What the report draws, left in the run folder: one file here for each file there. All are written beside and
//! renamed, so a run that is killed leaves no half file.

pub(crate) mod contact_sheet;
mod embeddings;
mod gallery;
mod images;
mod thumbnails;

use std::path::Path;

use twist_data::{Dataset, Decoder};
use twist_run::{Carried, files};

pub(crate) use self::thumbnails::run_thumbnail;
pub use self::thumbnails::thumbnail;
use crate::EvalError;
use crate::crops::Crops;
use twist_model::NetworkOutputs;

/// What discovered classes are called before anybody names them.
pub(crate) fn numbered(classes: i64) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

/// Lets the names that people gave to the classes of the former evaluation go on to those of `features` of `dataset`, the
/// evaluation after `steps` steps. To be called before [`write()`].
///
/// # Errors
/// The disk is full or read-only.
pub(crate) fn carry_names(
    features: &NetworkOutputs,
    dataset: &dyn Dataset,
    folder: &Path,
    clusters: i64,
    steps: u64,
) -> Result<Option<Carried>, EvalError> {
    let first = Vec::<i64>::try_from(&features.clusters.f_select(1, 0)?)?;
    let paths = features.indices.iter().map(|&index| dataset.path(index as usize));
    let now: Vec<(String, u32)> = paths.zip(first.into_iter().map(|class| class as u32)).collect();
    Ok(twist_run::carry_names(folder, clusters as u32, steps, &now)?)
}

/// Writes `embeddings.parquet` and `images.csv` of the images `features` of `dataset` into the run folder and, where there is
/// a decoder for pictures, `thumbnails.tar`. `steps` are those of the network, where it is one of a run that can go on. `names` are those of the network's classes, by number. Images whose thumbnails
/// are among `crops` are not decoded again.
///
/// # Errors
/// libtorch fails, or the disk is full or read-only.
pub(crate) fn write(
    (features, steps): (&NetworkOutputs, Option<u64>),
    dataset: &dyn Dataset,
    names: &[String],
    folder: &Path,
    decoder: Option<&mut Decoder>,
    crops: Option<&Crops>,
) -> Result<(), EvalError> {
    embeddings::write(&folder.join(files::EMBEDDINGS), features, dataset, names, steps)?;
    images::write(&folder.join(files::IMAGES), features, dataset, names)?;
    if let Some(decoder) = decoder {
        let shown: Vec<u32> =
            gallery::wanted(features)?.into_iter().map(|row| features.indices[row]).collect();
        thumbnails::write(&folder.join(files::THUMBNAILS), &shown, dataset, decoder, crops)?;
    }
    Ok(())
}
