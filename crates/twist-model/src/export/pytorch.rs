//! State dicts by the names that PyTorch libraries give to tensors.

use std::path::{Path, PathBuf};

use twist_io::{Refused, save_pickle, save_safetensors};

use super::exporter::{BACKBONE, ExportOptions};
use crate::{Model, ModelError};

/// What Twist's names of a classifier's tensors begin with.
const CLASSIFIER: &str = "classifier.";

/// A checkpoint of the released TWIST: `model` with all tensors, `backbone` with those of the backbone alone.
pub(super) fn released(model: &Model, _: &ExportOptions, path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    if model.card.head.as_ref().is_some_and(|head| !head.splits.is_empty()) {
        let why = "classes of the model were split, and a released checkpoint has one head alone";
        let remedy =
            "use --to onnx or --to twist, or give a model without splits (`twist clusters RUN unsplit`)";
        return Err(Refused::writing(path, why).remedy(remedy).into());
    }
    let all = model.store.state_dict()?;
    let backbone = all.clone().split_prefix(BACKBONE);
    let mut states = vec![("model", &all)];
    if !backbone.is_empty() {
        states.push(("backbone", &backbone));
    }
    save_pickle(path, &states)?;
    Ok(vec![path.to_owned()])
}

/// A backbone, with its classifier where it has one, as a library loads it with `strict=True` (without a classifier into a
/// network that was made with `num_classes = 0`, or whose `fc` is `Identity()`).
pub(super) fn publish(library: &str, model: &Model, path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let refuse = |why: String| ModelError::from(Refused::writing(path, why));
    let Some(card) = &model.card.backbone else {
        return Err(refuse(
            "the model has no backbone, and heads alone have no place in other libraries".into(),
        ));
    };
    let arch = card.arch;
    let classifier = arch
        .kind()
        .classifier_in(library)
        .ok_or_else(|| refuse(format!("{library} does not have {arch}; --to pth has Twist's own names")))?;
    let mut state = model.store.state_dict()?;
    let backbone = state.split_prefix(BACKBONE);
    // Without a layout the library has Twist's names.
    let layout = arch.kind().layouts().into_iter().find(|layout| layout.name == library);
    let mut named = layout.map_or(Ok(backbone.clone()), |layout| layout.export(&backbone, ""))?;
    named.extend_prefixed(classifier, state.split_prefix(CLASSIFIER));
    match library {
        "torchvision" => save_pickle(path, &[("", &named)])?,
        _ => save_safetensors(path, &named, None)?,
    }
    Ok(vec![path.to_owned()])
}
