//! What a finished classifier says of its images, in the files that the report and the served page are drawn from.

use std::sync::Arc;

use torch_ext::Machine;
use twist_data::{Dataset, Decoder, subset};
use twist_model::{
    EvalInput, FeatureCache, FeatureSet, Model, NetworkOutputs, Watch, most_probable, unit_rows,
};
use twist_nn::FeatureKind;
use twist_run::{RunFolder, clusters_file, replace_labels};

use crate::artefacts::Artefacts;
use crate::labels::spread;
use crate::{EvalError, LabelledImages};

/// Images that are asked at most.
const MOST: usize = 50_000;

/// The features of `images`, labelled or not, by a finished `model`: of 50,000 of them where there are more. Beside them
/// the images that they are of. `watch` hears how many are done.
///
/// # Errors
/// No image can be read, or libtorch fails.
pub(super) fn features(
    model: &Model,
    images: &Arc<dyn Dataset>,
    machine: &Machine,
    watch: &Watch,
) -> Result<(Arc<dyn Dataset>, FeatureSet), EvalError> {
    let dataset = match images.len() > MOST {
        true => {
            let asked = spread(images.len(), MOST).into_iter();
            let members: Vec<_> = asked.map(|index| (index, images.label(index as usize))).collect();
            subset(Arc::clone(images), &members, images.classes().to_vec())?
        }
        false => Arc::clone(images),
    };
    let input = EvalInput::of_card(&model.card, Some(model.card.precision), machine)?;
    watch.now("classes of all images");
    let input = EvalInput { watch: watch.clone(), ..input };
    let set = FeatureCache::off().features(model, &input, FeatureKind::Last, &dataset, &mut |_| ())?;
    Ok((dataset, set))
}

/// Writes `embeddings.parquet`, `images.csv`, `thumbnails.tar` and, with the names of the model's classes, `clusters.json` into
/// the run folder, from the images and [`features`].
///
/// # Errors
/// libtorch fails, or the disk is full or read-only.
pub(super) fn write(
    model: &Model,
    (dataset, set): (Arc<dyn Dataset>, FeatureSet),
    machine: &Machine,
    folder: &RunFolder,
) -> Result<(), EvalError> {
    let features = classes_of(model, set, machine)?;
    let mut decoder = Decoder::default();
    let classifier = model.card.classifier.as_ref();
    let names = classifier.map_or(&[][..], |classifier| &classifier.names);
    let artefacts = Artefacts { features: &features, dataset: &*dataset, names, steps: None };
    artefacts.write(folder.path(), Some(&mut decoder), None)?;
    match classifier {
        Some(classifier) => Ok(classifier.cluster_names().save(clusters_file(folder.path()))?),
        None => Ok(()),
    }
}

/// The most probable classes of every readable image, with its features.
fn classes_of(model: &Model, set: FeatureSet, machine: &Machine) -> Result<NetworkOutputs, EvalError> {
    let probabilities = model.classifier_probabilities(&set.rows.f_to_device(machine.device)?)?;
    let (clusters, confidences) = most_probable(&probabilities)?;
    Ok(NetworkOutputs {
        embeddings: unit_rows(&set.rows)?,
        indices: set.indices,
        clusters,
        confidences,
        skipped: set.skipped,
    })
}

/// Writes `labels.csv`, the labels that were learned from: the served page adds to them, and the next fine-tuning reads it.
///
/// # Errors
/// The disk is full or read-only.
pub(super) fn write_labels(labelled: &LabelledImages, folder: &RunFolder) -> Result<(), EvalError> {
    let images = &labelled.images;
    let label = |index: usize| {
        let class = images.classes().get(images.label(index)? as usize)?;
        Some((images.path(index), class.as_str()))
    };
    Ok(replace_labels(folder, (0..images.len()).filter_map(label))?)
}
