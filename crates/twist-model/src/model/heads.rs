//! Joins a backbone and what was trained on its features, which lie in two files.

use tch::Device;
use twist_io::Refused;

use super::{Model, ModelCard};
use crate::ModelError;

/// The backbone of `model` with the head and the classifier of `heads`.
///
/// # Errors
/// They are of other features; both have classes.
pub(super) fn with_heads(model: Model, heads: &Model) -> Result<Model, ModelError> {
    let refuse = |why: String| {
        let what = format!("{} is not of this network", heads.path.display());
        Refused::new(what).because(why).remedy("remove the file to import the network alone")
    };
    let (own, taken) = (&model.card, &heads.card);
    if own.feature_dim != taken.feature_dim {
        let why =
            format!("it is for {} features, and the network has {}", taken.feature_dim, own.feature_dim);
        return Err(refuse(why).into());
    }
    if taken.backbone.is_some() || own.head.is_some() || own.classifier.is_some() {
        return Err(refuse("both files have the same parts".into()).into());
    }
    let card = ModelCard {
        head: taken.head.clone(),
        classifier: taken.classifier.clone(),
        feature_scaling: taken.feature_scaling,
        ..own.clone()
    };
    let mut state = model.store.state_dict()?;
    state.extend_prefixed("", heads.store.state_dict()?);
    Model::with_weights(card, Device::Cpu, &state)
}
