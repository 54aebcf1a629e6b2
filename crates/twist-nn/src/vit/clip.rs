//! The image towers of CLIP (Radford et al., arXiv:2103.00020) and of OpenCLIP (arXiv:2212.07143): a norm before the first block,
//! patches without a bias, and a projection of the class token into the space of texts.
//!
//! OpenAI's networks have another approximation of GELU than most of OpenCLIP, which leaves no trace in the tensors: the one is
//! `clip_b32`, the other `openclip_b32`. The feature is the projected one, as `encode_image` gives it: the authors' example of
//! linear probing, nearest neighbours and texts use it. The suffix `_class` leaves the projection out, as the paper's linear
//! probes and `CLIPVisionModel` do.

use serde_json::json;

use super::class::Class;
use super::facts::{Facts, Told};
use super::feature::VitFeature;
use super::mlp::Gelu;
use super::positions::Resample;
use super::{VitSize, plain};
use crate::layout::{Form, Rest};
use crate::{Layout, Normalisation, Rule, Usual};

const NORMALISATION: Normalisation = Normalisation {
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
};

pub(super) const OPENAI: Facts = Facts {
    name: "clip",
    sizes: &[
        VitSize::named("b", 768, 12, 12),
        VitSize::named("l", 1024, 24, 16),
        VitSize::named("h", 1280, 32, 16),
        VitSize::named("g", 1408, 40, 16).hidden(6144),
        VitSize::named("bigg", 1664, 48, 16).hidden(8192),
    ],
    published: &[("b", 32, 0, 224), ("b", 16, 0, 224), ("l", 14, 0, 224), ("l", 14, 0, 336)],
    usual_patch: None,
    features: &[VitFeature::Projected, VitFeature::ClassToken],
    projected,
    eps: 1e-5,
    gelu: Gelu::Quick,
    resample: Some(|_| Resample::Antialiased),
    patch_bias: false,
    pre_norm: true,
    marks: &["cls_token", "norm_pre.weight", "input_resolution"],
    usual: Usual {
        resize: 224,
        normalisation: NORMALISATION,
        feature: Some(VitFeature::Projected),
        ..plain::FACTS.usual
    },
    layouts: &[
        (|_, _, _| true, &OFFICIAL),
        (|_, _, feature| feature == VitFeature::Projected, &HUGGING_FACE),
        (|_, _, feature| feature != VitFeature::Projected, &HUGGING_FACE_CLASS),
        (|_, _, feature| feature != VitFeature::Projected, &plain::TIMM),
    ],
    hugging_face: class,
    ..plain::FACTS
};

pub(super) const OPEN_CLIP: Facts = Facts {
    name: "openclip",
    gelu: Gelu::Exact,
    published: &[
        ("b", 32, 0, 224),
        ("b", 16, 0, 224),
        ("l", 14, 0, 224),
        ("h", 14, 0, 224),
        ("g", 14, 0, 224),
        ("bigg", 14, 0, 224),
    ],
    marks: &["cls_token", "norm_pre.weight"],
    told_by: Told::People(
        "the image tower of CLIP, whose tensors do not say which approximation of GELU it computes with",
    ),
    ..OPENAI
};

fn projected(size: &VitSize) -> i64 {
    match size.name {
        "b" => 512,
        "l" => 768,
        "h" | "g" => 1024,
        "bigg" => 1280,
        _ => size.dim,
    }
}

/// The files of OpenAI and of OpenCLIP.
static OFFICIAL: Layout = Layout {
    name: "OpenCLIP",
    marks: &["class_embedding", "conv1.weight", "transformer.resblocks.0.ln_1.weight"],
    rules: &[&[
        Rule::form("cls_token", Form::Squeezed(2), &["class_embedding"]),
        Rule::form("pos_embed", Form::Squeezed(1), &["positional_embedding"]),
        Rule::same("patch_embed.proj.weight", &["conv1.weight"]),
        Rule::same("norm_pre.", &["ln_pre."]),
        Rule::same("blocks.*.norm1.", &["transformer.resblocks.*.ln_1."]),
        Rule::same("blocks.*.attn.qkv.weight", &["transformer.resblocks.*.attn.in_proj_weight"]),
        Rule::same("blocks.*.attn.qkv.bias", &["transformer.resblocks.*.attn.in_proj_bias"]),
        Rule::same("blocks.*.attn.proj.", &["transformer.resblocks.*.attn.out_proj."]),
        Rule::same("blocks.*.norm2.", &["transformer.resblocks.*.ln_2."]),
        Rule::same("blocks.*.mlp.fc1.", &["transformer.resblocks.*.mlp.c_fc."]),
        Rule::same("blocks.*.mlp.fc2.", &["transformer.resblocks.*.mlp.c_proj."]),
        Rule::same("norm.", &["ln_post."]),
        Rule::form("projection.weight", Form::Transposed, &["proj"]),
    ]],
    absent: &[],
    rest: Rest::Theirs(&[]),
};

/// What the towers of CLIP and SigLIP at Hugging Face share.
pub(super) const HUGGING_FACE_RULES: &[Rule] = &[
    Rule::form("pos_embed", Form::Squeezed(1), &["embeddings.position_embedding.weight"]),
    Rule::same("blocks.*.norm1.", &["encoder.layers.*.layer_norm1."]),
    Rule::qkv(
        "blocks.*.attn.qkv.",
        &[
            "encoder.layers.*.self_attn.q_proj.",
            "encoder.layers.*.self_attn.k_proj.",
            "encoder.layers.*.self_attn.v_proj.",
        ],
    ),
    Rule::same("blocks.*.attn.proj.", &["encoder.layers.*.self_attn.out_proj."]),
    Rule::same("blocks.*.norm2.", &["encoder.layers.*.layer_norm2."]),
    Rule::same("blocks.*.mlp.fc1.", &["encoder.layers.*.mlp.fc1."]),
    Rule::same("blocks.*.mlp.fc2.", &["encoder.layers.*.mlp.fc2."]),
    Rule::same("norm.", &["post_layernorm."]),
];

/// What they share only among CLIPs.
const CLIP_RULES: &[Rule] = &[
    Rule::form("cls_token", Form::Squeezed(2), &["embeddings.class_embedding"]),
    Rule::same("patch_embed.proj.weight", &["embeddings.patch_embedding.weight"]),
    Rule::same("norm_pre.", &["pre_layrnorm."]),
];

/// `CLIPModel` and `CLIPVisionModelWithProjection`.
static HUGGING_FACE: Layout = Layout {
    name: "Hugging Face",
    marks: &["embeddings.class_embedding", "pre_layrnorm.weight"],
    rules: &[
        CLIP_RULES,
        HUGGING_FACE_RULES,
        &[Rule::same("projection.weight", &["^visual_projection.weight"])],
    ],
    absent: &[],
    rest: Rest::Theirs(&["embeddings.position_ids"]),
};

/// `CLIPVisionModel`.
static HUGGING_FACE_CLASS: Layout = Layout {
    name: "Hugging Face",
    marks: &[],
    rules: &[CLIP_RULES, HUGGING_FACE_RULES],
    absent: &[],
    rest: Rest::Theirs(&[]),
};

/// `CLIPVisionModelWithProjection`; without the projection, `CLIPVisionModel`.
fn class(size: &VitSize, _: i64, feature: VitFeature) -> Option<Class> {
    let VitSize { hidden, gated, .. } = *size;
    let (name, output) = match feature {
        VitFeature::Projected => ("CLIPVisionModelWithProjection", "image_embeds"),
        _ => ("CLIPVisionModel", "pooler_output"),
    };
    (!gated).then(|| Class {
        name,
        output,
        prefix: "vision_model.",
        config: json!({
            "model_type": "clip_vision_model",
            "intermediate_size": hidden,
            "projection_dim": projected(size),
        }),
        ..Class::default()
    })
}
