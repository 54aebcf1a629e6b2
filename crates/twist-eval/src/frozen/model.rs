//! The model that a trained head becomes.

use tch::Device;
use torch_ext::Precision;
use twist_data::{EvalTransform, Interpolation};
use twist_io::StateDict;
use twist_model::{FeatureScaling, HeadCard, Model, ModelCard};
use twist_train::frozen::HeadPlan;

use crate::EvalError;

/// A model of `backbone`'s images, or of features from elsewhere, with the head of `plan` whose tensors are `head`
/// (`projection_heads.*`). `recipe` is named in its card.
///
/// # Errors
/// A head of other sizes than the plan's.
pub fn with_head(
    backbone: Option<&Model>,
    plan: &HeadPlan,
    head: StateDict,
    recipe: &str,
    device: Device,
) -> Result<Model, EvalError> {
    let net = &plan.net;
    let made = format!("twist {}, recipe {recipe}", env!("CARGO_PKG_VERSION"));
    let head_card = HeadCard {
        hidden_dim: net.hidden_dim,
        dim: net.dim,
        activation: net.activation,
        norm: net.norm,
        splits: Vec::new(),
    };
    let feature_scaling = match plan.config.features.unit_length {
        true => FeatureScaling::UnitLength,
        false => FeatureScaling::None,
    };
    let card = match backbone {
        Some(model) => ModelCard {
            head: Some(head_card),
            classifier: None,
            feature_scaling,
            origin: format!("{made}; a head on {}", network_of(&model.card.origin)),
            ..model.card.clone()
        },
        None => ModelCard {
            backbone: None,
            feature_dim: plan.features.width,
            head: Some(head_card),
            classifier: None,
            // Without a backbone, nothing reads how images are to be treated.
            mean: [0.0; 3],
            std: [1.0; 3],
            transform: EvalTransform::new(1, 1, Interpolation::Bilinear),
            precision: Precision::Fp32,
            feature_scaling,
            origin: format!("{made}; a head on features that another program computed"),
        },
    };
    let mut state = match backbone {
        Some(model) => model.store.state_dict()?,
        None => StateDict::default(),
    };
    state.0.retain(|(name, _)| name.starts_with("backbone."));
    state.0.extend(head.0);
    Ok(Model::with_weights(card, device, &state)?)
}

/// The network that a card's origin describes, for the middle of a sentence: of `imported from net.pth`, `the network imported from
/// net.pth`.
fn network_of(origin: &str) -> String {
    match origin.split(' ').next() {
        Some("imported" | "fine-tuned" | "trained") => format!("the network {origin}"),
        Some("twist") => format!("the network of {origin}"),
        _ => origin.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_stand_in_the_middle_of_a_sentence() {
        for (origin, expected) in [
            ("imported from net.pth (key model)", "the network imported from net.pth (key model)"),
            ("fine-tuned on 9 labelled images", "the network fine-tuned on 9 labelled images"),
            ("twist 0.1.0, recipe cifar10", "the network of twist 0.1.0, recipe cifar10"),
            ("EfficientNet-Lite0, its features learned", "EfficientNet-Lite0, its features learned"),
        ] {
            assert_eq!(network_of(origin), expected);
        }
    }
}
