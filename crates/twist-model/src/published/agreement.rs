//! Whether a network computes what the `config.json` beside its weights says.

use serde_json::{Map, Value};
use twist_nn::{Arch, Architecture, VitFeature};

/// Fields that change no feature of Twist, or that tensors and other fields say as well.
const FREE: [&str; 7] = [
    "model_type",
    "image_size",
    "pooler_act",
    "pooler_output_size",
    "layer_scale_init_value",
    "projection_dim",
    "vision_use_head",
];

/// Arguments of timm that change no feature of Twist, or that tensors say as well. Another pooling is said, not refused.
const FREE_IN_TIMM: [&str; 21] = [
    "num_classes",
    "in_chans",
    "img_size",
    "global_pool",
    "drop_rate",
    "drop_path_rate",
    "pos_drop_rate",
    "patch_drop_rate",
    "proj_drop_rate",
    "attn_drop_rate",
    "dynamic_img_size",
    "dynamic_img_pad",
    "patch_size",
    "embed_dim",
    "depth",
    "depths",
    "dims",
    "mlp_ratio",
    "reg_tokens",
    "init_values",
    "ls_init_value",
];

/// Arguments of timm, and what transformers calls them.
const FIELDS_OF_TIMM: [(&str, &str); 2] = [("num_heads", "num_attention_heads"), ("act_layer", "hidden_act")];

/// What is added to variances may differ by this much: features differ by less than rounding does.
const EPS_APART: f64 = 1e-5;

/// Names of one non-linearity, the one that Twist writes first.
const ACTIVATIONS: [&[&str]; 4] = [
    &["gelu", "gelu_python"],
    &["gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_accurate"],
    &["quick_gelu"],
    &["silu", "swish"],
];

/// A field of `config` (that of transformers or of timm, of the image tower alone) in which it says something else than the network
/// of this width for images of this side computes: a sentence.
pub(crate) fn disagreement(
    config: &Map<String, Value>,
    arch: &dyn Architecture,
    width: i64,
    side: i64,
) -> Option<String> {
    if config.contains_key("pretrained_cfg") {
        let name = config.get("architecture")?.as_str()?;
        let other =
            || format!("timm's `{name}` has the tensors of {arch} and computes something else with them");
        return match arch.is_called_in_timm(name) {
            true => other_argument(config, arch, width, side),
            false => Some(other()),
        };
    }
    // Networks without a class there are compared by their tensors alone.
    let own = arch.hugging_face(width, side).ok()?.config;
    if let Some(why) = other_family(config, arch, &own) {
        return Some(why);
    }
    let told = |field: &String| config.get(field).filter(|said| !said.is_null());
    let fields = own.iter().filter(|(field, _)| !FREE.contains(&field.as_str()));
    let (field, said, own) = fields
        .filter_map(|(field, own)| Some((field, told(field)?, own)))
        .find(|(field, said, own)| !agrees(field, said, own))?;
    Some(format!("config.json says `{field}` = {said}, and {arch} of Twist computes with {own}"))
}

/// A family of networks that Twist knows and that is not the one of the tensors: a sentence. Other families (`deit`, `vit_mae`) may
/// have the tensors of one that Twist knows.
fn other_family(
    config: &Map<String, Value>,
    arch: &dyn Architecture,
    own: &Map<String, Value>,
) -> Option<String> {
    let (said, own) = (config.get("model_type")?.as_str()?, own.get("model_type")?.as_str()?);
    let is_known = || {
        Arch::all().any(|other| {
            let other = other.kind();
            let described = other.hugging_face(64, other.usual().side.into());
            described.is_ok_and(|described| described.config.get("model_type").is_some_and(|own| own == said))
        })
    };
    (said != own && is_known()).then(|| {
        format!("config.json says `model_type` = \"{said}\", and the tensors are those of {arch} (\"{own}\")")
    })
}

/// An argument with which timm makes another network of the same tensors: a sentence.
fn other_argument(
    config: &Map<String, Value>,
    arch: &dyn Architecture,
    width: i64,
    side: i64,
) -> Option<String> {
    let fields = arch.hugging_face(width, side).map(|described| described.config).unwrap_or_default();
    let own = |name: &str| FIELDS_OF_TIMM.iter().find(|row| row.0 == name).and_then(|row| fields.get(row.1));
    let arguments = config.get("model_args")?.as_object()?;
    let (name, said) = arguments
        .iter()
        .filter(|(name, said)| !FREE_IN_TIMM.contains(&name.as_str()) && !said.is_null())
        .find(|(name, said)| !own(name).is_some_and(|own| agrees(name, said, own)))?;
    Some(match own(name) {
        Some(own) => {
            format!(
                "config.json says that timm makes it with `{name}` = {said}, and {arch} of Twist computes with {own}"
            )
        }
        None => {
            format!("config.json says that timm makes it with `{name}` = {said}, which Twist does not know")
        }
    })
}

/// What is added to variances there, where it is nearly the number here: a sentence.
pub(crate) fn other_eps(
    config: &Map<String, Value>,
    arch: &dyn Architecture,
    width: i64,
    side: i64,
) -> Option<String> {
    let own = arch.hugging_face(width, side).ok()?.config;
    let (said, own) = (config.get("layer_norm_eps")?.as_f64()?, own.get("layer_norm_eps")?.as_f64()?);
    (said != own).then(|| {
        format!("config.json says that layer norms add {said:e} to variances; {own:e} is added here, as the authors of this network do")
    })
}

/// Which feature timm takes, where it is another than Twist's.
pub(crate) fn other_feature(config: &Map<String, Value>, feature: Option<VitFeature>) -> Option<String> {
    let argument = config.get("model_args").and_then(|arguments| arguments.get("global_pool"));
    let said = argument.or(config.get("global_pool"))?.as_str()?;
    let (own, words) = match feature {
        Some(VitFeature::ClassToken | VitFeature::Projected) => ("token", "the class token"),
        Some(VitFeature::MeanOfPatches) => ("avg", "the mean of the patches"),
        Some(VitFeature::Attended) => ("map", "what its query attends to"),
        None => ("avg", "the mean over all positions"),
    };
    (said != own).then(|| {
        format!("its config.json says that timm pools by `{said}`; the feature here is {words}, as the authors of this network use it")
    })
}

fn agrees(field: &str, said: &Value, own: &Value) -> bool {
    match (said, own) {
        (Value::Number(said), Value::Number(own)) => {
            let apart =
                said.as_f64().zip(own.as_f64()).map_or(f64::INFINITY, |(said, own)| (said - own).abs());
            apart <= if field.ends_with("_eps") { EPS_APART } else { 0.0 }
        }
        (Value::Array(said), Value::Array(own)) => {
            said.len() == own.len() && said.iter().zip(own).all(|(said, own)| agrees(field, said, own))
        }
        // A length for both sides.
        (Value::Array(said), own) => said.iter().all(|said| agrees(field, said, own)),
        (Value::String(said), Value::String(own)) => {
            said == own
                || ACTIVATIONS
                    .iter()
                    .any(|names| names.contains(&said.as_str()) && names.contains(&own.as_str()))
        }
        (said, own) => said == own,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_config_agrees_with_the_network_that_it_was_written_for_and_with_no_other() {
        let mut compared = 0;
        for arch in twist_nn::Arch::all() {
            let arch = arch.kind();
            let side = i64::from(arch.usual().side);
            let Ok(described) = arch.hugging_face(64, side) else { continue };
            compared += 1;
            assert_eq!(disagreement(&described.config, arch, 64, side), None, "{arch}");
            let Some(said) = described.config.get("hidden_act") else { continue };
            let changed = fields(json!({ "hidden_act": if said == "relu" { "silu" } else { "relu" } }));
            let why = disagreement(&changed, arch, 64, side).unwrap();
            assert!(why.contains("`hidden_act`"), "{why}");
        }
        assert!(compared > 30, "{compared}");
    }

    #[test]
    fn fields_that_change_features_are_named_and_others_are_not() {
        let cases = [
            ("vit_s", json!({ "layer_norm_eps": 1e-3 }), Some("layer_norm_eps")),
            ("vit_s", json!({ "model_type": "dinov2" }), Some("model_type")),
            ("vit_s", json!({ "model_type": "deit" }), None),
            (
                "vit_s",
                json!({ "layer_norm_eps": 1e-12, "image_size": 384, "hidden_act": "gelu_python" }),
                None,
            ),
            (
                "vit_s",
                json!({ "patch_size": [16, 16], "num_channels": null, "hidden_dropout_prob": 0.1 }),
                None,
            ),
            ("vit_s", json!({ "hidden_act": "gelu_new" }), Some("hidden_act")),
            ("vit_s", json!({ "patch_size": 14 }), Some("patch_size")),
            ("siglip2_b16", json!({ "hidden_act": "gelu_new" }), None),
            ("resnet50", json!({ "downsample_in_first_stage": true }), Some("downsample_in_first_stage")),
            ("resnet50", json!({ "downsample_in_bottleneck": true }), Some("downsample_in_bottleneck")),
            ("dinov3_s16", json!({ "rope_theta": 10000.0 }), Some("rope_theta")),
            ("dinov3_s16", json!({ "key_bias": true }), Some("key_bias")),
            ("resnet50", json!({ "pretrained_cfg": {}, "architecture": "resnet50" }), None),
            (
                "resnet50",
                json!({ "pretrained_cfg": {}, "architecture": "resnetblur50" }),
                Some("resnetblur50"),
            ),
            (
                "efficientnet_lite0",
                json!({ "pretrained_cfg": {}, "architecture": "efficientnet_lite0" }),
                Some("something else"),
            ),
            (
                "efficientnet_lite0",
                json!({ "pretrained_cfg": {}, "architecture": "tf_efficientnet_lite0" }),
                None,
            ),
        ];
        for (name, config, expected) in cases {
            let arch: twist_nn::Arch = name.parse().unwrap();
            let why = disagreement(&fields(config.clone()), arch.kind(), 64, 224);
            assert_eq!(why.is_some(), expected.is_some(), "{name} {config}: {why:?}");
            assert!(why.is_none_or(|why| why.contains(expected.unwrap())));
        }
    }

    #[test]
    fn another_epsilon_is_said_with_both_numbers() {
        let arch: twist_nn::Arch = "vit_s".parse().unwrap();
        let said = |eps: f64| other_eps(&fields(json!({ "layer_norm_eps": eps })), arch.kind(), 64, 224);
        let sentence = said(1e-12).unwrap();
        assert!(sentence.contains("1e-12") && sentence.contains("1e-6"), "{sentence}");
        assert_eq!(said(1e-6), None);
        assert_eq!(other_eps(&Map::new(), arch.kind(), 64, 224), None);
    }

    #[test]
    fn another_pooling_of_timm_is_said() {
        let config = fields(json!({ "global_pool": "avg" }));
        let said = other_feature(&config, Some(VitFeature::ClassToken)).unwrap();
        assert!(said.contains("`avg`") && said.contains("class token"), "{said}");
        assert_eq!(other_feature(&config, Some(VitFeature::MeanOfPatches)), None);
        assert_eq!(other_feature(&config, None), None);
        for config in [json!({ "global_pool": "max" }), json!({ "model_args": { "global_pool": "max" } })] {
            let said = other_feature(&fields(config), None).unwrap();
            assert!(said.contains("`max`") && said.contains("mean over all positions"), "{said}");
        }
    }

    #[test]
    fn arguments_with_which_timm_makes_another_network_are_named() {
        let cases = [
            (
                "vit_s",
                "vit_small_patch16_224",
                json!({ "num_classes": 3, "drop_path_rate": 0.1, "num_heads": 6 }),
                None,
            ),
            ("vit_s", "vit_small_patch16_224", json!({ "num_heads": 3 }), Some("`num_heads` = 3")),
            ("vit_s", "vit_small_patch16_224", json!({ "act_layer": "gelu" }), None),
            ("vit_s", "vit_small_patch16_224", json!({ "act_layer": "relu" }), Some("`act_layer`")),
            ("vit_s", "deit_small_patch16_224", json!({}), None),
            ("vit_s", "resnet50", json!({}), Some("timm's `resnet50`")),
            ("convnext_t", "convnext_tiny", json!({}), None),
            ("convnext_t", "vit_tiny_patch16_224", json!({}), Some("timm's `vit_tiny_patch16_224`")),
            ("vit_s", "vit_small_patch16_224", json!({ "fc_norm": true }), Some("does not know")),
            ("resnet18", "resnet18", json!({ "output_stride": 16 }), Some("`output_stride` = 16")),
            ("resnet18", "resnet18", json!({ "act_layer": "silu" }), Some("`act_layer`")),
            ("resnet18", "resnet18", json!({ "global_pool": "max", "in_chans": null }), None),
        ];
        for (arch, name, arguments, expected) in cases {
            let arch: twist_nn::Arch = arch.parse().unwrap();
            let config = json!({ "architecture": name, "pretrained_cfg": {}, "model_args": arguments });
            let why = disagreement(&fields(config), arch.kind(), 64, 224);
            match expected {
                None => assert_eq!(why, None, "{arguments}"),
                Some(words) => assert!(why.as_deref().is_some_and(|why| why.contains(words)), "{why:?}"),
            }
        }
    }
}
