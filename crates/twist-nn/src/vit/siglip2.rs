//! The image towers of SigLIP 2 (Tschannen et al., arXiv:2502.14786): no class token, an approximation of GELU, and one learned
//! query that attends to all patches, which gives the feature that its authors use.
//!
//! The authors resize images to squares, bilinearly, without a crop. SigLIP (arXiv:2303.15343) has the same networks.

use serde_json::json;

use super::class::Class;
use super::facts::{Facts, Told};
use super::feature::VitFeature;
use super::mlp::Gelu;
use super::positions::Resample;
use super::{VitSize, clip, plain};
use crate::layout::{Form, Rest};
use crate::{Filter, Layout, Normalisation, Rule, Usual};

pub(super) const FACTS: Facts = Facts {
    name: "siglip2",
    sizes: &[
        VitSize::named("b", 768, 12, 12),
        VitSize::named("l", 1024, 24, 16),
        VitSize::named("so400m", 1152, 27, 16).hidden(4304),
        VitSize::named("gopt", 1536, 40, 16),
    ],
    published: &[
        ("b", 16, 0, 224),
        ("b", 16, 0, 256),
        ("b", 16, 0, 384),
        ("b", 16, 0, 512),
        ("b", 32, 0, 256),
        ("l", 16, 0, 256),
        ("l", 16, 0, 384),
        ("l", 16, 0, 512),
        ("so400m", 14, 0, 224),
        ("so400m", 14, 0, 378),
        ("so400m", 16, 0, 256),
        ("so400m", 16, 0, 384),
        ("so400m", 16, 0, 512),
        ("gopt", 16, 0, 256),
        ("gopt", 16, 0, 384),
    ],
    usual_patch: None,
    features: &[VitFeature::Attended],
    gelu: Gelu::Tanh,
    class_token: false,
    resample: Some(|_| Resample::Antialiased),
    marks: &["pos_embed", "attn_pool.latent"],
    told_by: Told::Tensors,
    usual: Usual {
        filter: Filter::Bilinear,
        resize: 224,
        whole: true,
        normalisation: Normalisation { mean: [0.5; 3], std: [0.5; 3] },
        feature: Some(VitFeature::Attended),
        ..plain::FACTS.usual
    },
    layouts: &[
        (|_, _, _| true, &TIMM),
        (|_, _, _| true, &HUGGING_FACE_PIXELS),
        (|_, _, _| true, &HUGGING_FACE),
    ],
    hugging_face: class,
    ..plain::FACTS
};

/// timm, and OpenCLIP, whose tower is timm's.
static TIMM: Layout = Layout {
    name: "timm",
    marks: &["attn_pool.latent", "attn_pool.kv.weight"],
    rules: &[&[Rule::form("attn_pool.qkv.", Form::Rows(&[1, 2]), &["attn_pool.q.", "attn_pool.kv."])]],
    ..Layout::OURS
};

/// What both classes of Hugging Face share.
const HUGGING_FACE_RULES: &[Rule] = &[
    Rule::same("patch_embed.proj.bias", &["embeddings.patch_embedding.bias"]),
    Rule::same("attn_pool.latent", &["head.probe"]),
    Rule::same("attn_pool.qkv.weight", &["head.attention.in_proj_weight"]),
    Rule::same("attn_pool.qkv.bias", &["head.attention.in_proj_bias"]),
    Rule::same("attn_pool.proj.", &["head.attention.out_proj."]),
    Rule::same("attn_pool.norm.", &["head.layernorm."]),
    Rule::same("attn_pool.mlp.fc1.", &["head.mlp.fc1."]),
    Rule::same("attn_pool.mlp.fc2.", &["head.mlp.fc2."]),
];

/// `SiglipVisionModel`, and `Siglip2VisionModel`, whose kernel is a matrix.
static HUGGING_FACE_PIXELS: Layout = Layout {
    name: "Hugging Face, any proportions",
    marks: &["embeddings.patch_embedding.weight", "head.probe"],
    rules: &[
        &[Rule::form("patch_embed.proj.weight", Form::PixelRows, &["embeddings.patch_embedding.weight"])],
        KERNEL,
        clip::HUGGING_FACE_RULES,
        HUGGING_FACE_RULES,
    ],
    absent: &[],
    rest: Rest::Theirs(&["embeddings.position_ids"]),
};

/// `SiglipVisionModel`, to write it.
static HUGGING_FACE: Layout = Layout {
    name: "Hugging Face",
    marks: &[],
    rules: &[KERNEL, clip::HUGGING_FACE_RULES, HUGGING_FACE_RULES],
    absent: &[],
    rest: Rest::Theirs(&[]),
};

const KERNEL: &[Rule] = &[Rule::same("patch_embed.proj.weight", &["embeddings.patch_embedding.weight"])];

/// `SiglipVisionModel`.
fn class(size: &VitSize, _: i64, _: VitFeature) -> Option<Class> {
    let VitSize { hidden, gated, .. } = *size;
    (!gated).then(|| Class {
        name: "SiglipVisionModel",
        prefix: "vision_model.",
        config: json!({
            "model_type": "siglip_vision_model",
            "intermediate_size": hidden,
            "vision_use_head": true,
        }),
        ..Class::default()
    })
}
