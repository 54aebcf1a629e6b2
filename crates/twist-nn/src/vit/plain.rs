//! Vision transformers as DeiT, DINO, MAE and timm define them: a class token, a table of positions for images of 224 pixels,
//! blocks without scales.
//!
//! DINO's and MAE's authors use the class token after the last norm, for nearest neighbours and for linear probing. A network
//! that MAE or timm fine-tuned on the mean of its patches (`fc_norm`) has the suffix `_avg`.

use serde_json::json;

use super::VitSize;
use super::class::{Class, identity, zeros};
use super::facts::{Facts, Told};
use super::feature::VitFeature;
use super::mlp::Gelu;
use super::positions::Resample;
use crate::architecture::IMAGENET;
use crate::layout::Rest;
use crate::{Activation, Filter, Layout, Rule, Usual};

pub(super) const FACTS: Facts = Facts {
    name: "vit",
    sizes: &[
        VitSize::named("t", 192, 12, 3),
        VitSize::named("s", 384, 12, 6),
        VitSize::named("b", 768, 12, 12),
        VitSize::named("l", 1024, 24, 16),
        VitSize::named("h", 1280, 32, 16),
        VitSize::named("g", 1408, 40, 16).hidden(6144),
    ],
    published: &[
        ("t", 16, 0, 224),
        ("s", 16, 0, 224),
        ("b", 16, 0, 224),
        ("l", 16, 0, 224),
        ("t", 8, 0, 224),
        ("s", 8, 0, 224),
        ("b", 8, 0, 224),
        ("h", 14, 0, 224),
        ("g", 14, 0, 224),
        ("s", 32, 0, 224),
        ("b", 32, 0, 224),
        ("l", 32, 0, 224),
    ],
    usual_patch: Some(16),
    registers: 0,
    table_side: 224,
    features: &[VitFeature::ClassToken, VitFeature::MeanOfPatches],
    projected: |size| size.dim,
    eps: 1e-6,
    gelu: Gelu::Exact,
    class_token: true,
    resample: Some(|_| Resample::WithTenth),
    layer_scale: None,
    patch_bias: true,
    pre_norm: false,
    masked_keys: false,
    marks: &["cls_token", "pos_embed"],
    told_by: Told::Tensors,
    usual: Usual {
        activation: Activation::Gelu,
        filter: Filter::Bicubic,
        side: 224,
        resize: 256,
        whole: false,
        normalisation: IMAGENET,
        feature: Some(VitFeature::ClassToken),
    },
    layouts: &[(|_, _, _| true, &TIMM), (|_, _, feature| feature == VitFeature::ClassToken, &HUGGING_FACE)],
    hugging_face: class,
};

/// Our own names.
pub(super) const OURS: Layout = Layout::OURS;

/// timm, DeiT, DINO and MAE: our own names.
pub(super) static TIMM: Layout = Layout { name: "timm", ..OURS };

/// What the transformers of Hugging Face share, as `save_pretrained` writes them.
pub(super) const HUGGING_FACE_RULES: &[Rule] = &[
    Rule::same("cls_token", &["embeddings.cls_token"]),
    Rule::same("pos_embed", &["embeddings.position_embeddings"]),
    Rule::same("patch_embed.proj.", &["embeddings.patch_embeddings.projection."]),
    Rule::qkv(
        "blocks.*.attn.qkv.",
        &[
            "encoder.layer.*.attention.attention.query.",
            "encoder.layer.*.attention.attention.key.",
            "encoder.layer.*.attention.attention.value.",
        ],
    ),
    Rule::same("blocks.*.attn.proj.", &["encoder.layer.*.attention.output.dense."]),
    Rule::same("norm.", &["layernorm."]),
];

/// `ViTModel` and `ViTMAEModel`.
static HUGGING_FACE: Layout = Layout {
    name: "Hugging Face",
    marks: &["embeddings.patch_embeddings.projection.weight", "encoder.layer.0.layernorm_before.weight"],
    rules: &[
        HUGGING_FACE_RULES,
        &[
            Rule::same("blocks.*.norm1.", &["encoder.layer.*.layernorm_before."]),
            Rule::same("blocks.*.norm2.", &["encoder.layer.*.layernorm_after."]),
            Rule::same("blocks.*.mlp.fc1.", &["encoder.layer.*.intermediate.dense."]),
            Rule::same("blocks.*.mlp.fc2.", &["encoder.layer.*.output.dense."]),
        ],
    ],
    absent: &[],
    rest: Rest::Theirs(&["embeddings.mask_token", "pooler.", "classifier."]),
};

/// `ViTModel`, whose last layer is made to pass the class token on.
fn class(size: &VitSize, _: i64, _: VitFeature) -> Option<Class> {
    let VitSize { dim, hidden, gated, .. } = *size;
    (!gated).then(|| Class {
        name: "ViTModel",
        config: json!({
            "model_type": "vit",
            "intermediate_size": hidden,
            "qkv_bias": true,
            "pooler_output_size": dim,
            "pooler_act": "linear",
        }),
        beside: vec![("pooler.dense.weight", identity(dim)), ("pooler.dense.bias", zeros(&[dim]))],
        ..Class::default()
    })
}
