//! What the report draws, left in the run folder: one file here for each file there. All are written beside and
//! renamed, so a run that is killed leaves no half file.

pub(crate) mod contact_sheet;
mod embeddings;
mod gallery;
mod images;
mod thumbnails;

use std::path::Path;

use twist_data::{Dataset, Decoder};
use twist_run::{Carried, NamedWeights, files};

pub(crate) use self::thumbnails::run_thumbnail;
pub use self::thumbnails::thumbnail;
use crate::EvalError;
use crate::crops::Crops;
use twist_model::NetworkOutputs;

/// What discovered classes are called before anybody names them.
pub(crate) fn numbered(classes: i64) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

/// What a network said of the images of a data set, for a run folder.
pub(crate) struct Artefacts<'a> {
    pub(crate) features: &'a NetworkOutputs,
    pub(crate) dataset: &'a dyn Dataset,
    /// The names that the network itself knows of its classes, by number: what people say later stands in `clusters.json`.
    pub(crate) names: &'a [String],
    /// The steps of the network, where it is one of a run that can go on.
    pub(crate) steps: Option<u64>,
}

impl Artefacts<'_> {
    /// Lets the names that people gave to the classes of the former evaluation go on to those of this one. To be called before
    /// [`Artefacts::write`].
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub(crate) fn carry_names(
        &self,
        folder: &Path,
        weights: &NamedWeights,
    ) -> Result<Option<Carried>, EvalError> {
        let paths = self.features.indices.iter().map(|&index| self.dataset.path(index as usize));
        let now: Vec<(String, u32)> = paths.zip(self.features.predictions()?).collect();
        Ok(twist_run::carry_names(folder, self.names.len() as u32, weights, &now)?)
    }

    /// Writes `embeddings.parquet` and `images.csv` into the run folder and, where there is a decoder for pictures,
    /// `thumbnails.tar`. Images whose thumbnails are among `crops` are not decoded again.
    ///
    /// # Errors
    /// libtorch fails, or the disk is full or read-only.
    pub(crate) fn write(
        &self,
        folder: &Path,
        decoder: Option<&mut Decoder>,
        crops: Option<&Crops>,
    ) -> Result<(), EvalError> {
        embeddings::write(&folder.join(files::EMBEDDINGS), self)?;
        images::write(&folder.join(files::IMAGES), self)?;
        if let Some(decoder) = decoder {
            let wanted = gallery::wanted(self.features)?.into_iter();
            let shown: Vec<u32> = wanted.map(|row| self.features.indices[row]).collect();
            thumbnails::write(&folder.join(files::THUMBNAILS), &shown, self.dataset, decoder, crops)?;
        }
        Ok(())
    }
}
