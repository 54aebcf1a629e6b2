//! What the classes of a model are called: the names that people gave, in a file beside it, else those that labels have.

use std::path::{Path, PathBuf};

use twist_run::{ClusterCount, ClusterNames, NamedWeights, RunError, clusters_file};

use crate::{ClassSource, Model, ModelName};

/// Where the names of MODEL's classes are. A teacher has those of its student, whose classes it has.
pub fn names_file(path: &Path) -> PathBuf {
    clusters_file(&ModelName::of(path).path)
}

/// The weights of `model`, which was opened as `path`. Of a run folder with one model file, the step is that of its last evaluation;
/// `None` where that did not take place yet.
pub fn named_weights(model: &Model, path: &Path) -> Option<NamedWeights> {
    let hash = model.weights_hash.clone();
    let is_run = ModelName::of(path).path.is_dir();
    match (model.step, &model.folder) {
        (Some(step), _) => Some(NamedWeights::Step { step, hash: Some(hash) }),
        (None, Some(_)) if is_run && is_of_labels(model) => Some(NamedWeights::Sha256(hash)),
        (None, Some(folder)) if is_run => match NamedWeights::evaluated(folder)? {
            NamedWeights::Step { step, .. } => Some(NamedWeights::Step { step, hash: Some(hash) }),
            NamedWeights::Sha256(_) => Some(NamedWeights::Sha256(hash)),
        },
        _ => Some(NamedWeights::Sha256(model.hash.clone())),
    }
}

/// Whether the classes that `model` names are those of labels.
pub fn is_of_labels(model: &Model) -> bool {
    matches!(ClassSource::named(model), Some((ClassSource::Labels, _)))
}

/// The names of the classes that `model`, opened as `path`, itself has; none for a model without classes. Where those
/// beside it are of the classes of other weights they are not used, and the error that says so comes along as a warning.
///
/// # Errors
/// The file cannot be read.
pub fn names_of_model(model: &Model, path: &Path) -> Result<(ClusterNames, Option<RunError>), RunError> {
    usable_names(load_names(model, &names_file(path), named_weights(model, path)), model)
}

/// The names in `file` of the classes of `weights`.
///
/// # Errors
/// The file cannot be read, or its names are of the classes of other weights.
pub fn load_names(
    model: &Model,
    file: &Path,
    weights: Option<NamedWeights>,
) -> Result<ClusterNames, RunError> {
    let now = classes_of(model);
    if now == 0 {
        return Ok(ClusterNames::new(0));
    }
    // Of a model with classes that were split, names that were given before stay.
    let trained = model.card.head.as_ref().map_or(now, |head| u32::try_from(head.dim).unwrap_or(now));
    let mut names = ClusterNames::load_for(file, ClusterCount { trained, now }, weights.clone())?;
    if names.is_untouched() {
        names = unnamed(model);
        weights.into_iter().for_each(|weights| names.set_weights(weights));
    }
    Ok(names)
}

/// The names that were loaded. Of those of other weights nothing is used but the error, as a warning.
///
/// # Errors
/// Those of loading, that one excepted.
pub fn usable_names(
    loaded: Result<ClusterNames, RunError>,
    model: &Model,
) -> Result<(ClusterNames, Option<RunError>), RunError> {
    match loaded {
        Err(other @ RunError::OtherWeights(_)) => Ok((unnamed(model), Some(other))),
        loaded => Ok((loaded?, None)),
    }
}

fn classes_of(model: &Model) -> u32 {
    // A number that does not fit was refused when the model was opened.
    ClassSource::named(model).map_or(0, |(_, classes)| u32::try_from(classes).unwrap_or(u32::MAX))
}

/// The classes as training or labels left them.
fn unnamed(model: &Model) -> ClusterNames {
    match (ClassSource::named(model), &model.card.classifier) {
        (Some((ClassSource::Labels, _)), Some(card)) => card.cluster_names(),
        _ => ClusterNames::new(classes_of(model)),
    }
}
