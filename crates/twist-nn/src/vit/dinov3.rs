//! DINOv3 (Siméoni et al., arXiv:2508.10104): patches of 16 pixels, four registers, scaled branches, keys without a bias, and
//! rotations instead of a table of positions; ViT-S+ and ViT-H+ with gates.
//!
//! The authors use the class token after the last norm. Their processor resizes images to squares of 224 pixels, bilinearly.

use serde_json::json;

use super::attention::bias_mask;
use super::class::{Class, zeros};
use super::facts::Facts;
use super::feature::VitFeature;
use super::rope::{BASE, periods};
use super::{VitSize, plain};
use crate::layout::{self, Absent, Form, Rest};
use crate::{Filter, Layout, Rule, Usual};

pub(super) const FACTS: Facts = Facts {
    name: "dinov3",
    sizes: &[
        VitSize::named("s", 384, 12, 6),
        VitSize::named("splus", 384, 12, 6).gated(),
        VitSize::named("b", 768, 12, 12),
        VitSize::named("l", 1024, 24, 16),
        VitSize::named("hplus", 1280, 32, 20).gated(),
    ],
    published: &[("s", 16, 4, 0), ("splus", 16, 4, 0), ("b", 16, 4, 0), ("l", 16, 4, 0), ("hplus", 16, 4, 0)],
    usual_patch: None,
    registers: 4,
    table_side: 0,
    features: &[VitFeature::ClassToken],
    eps: 1e-5,
    resample: None,
    layer_scale: Some(1e-5),
    masked_keys: true,
    marks: &["cls_token", "register_tokens", "blocks.0.ls1.gamma"],
    usual: Usual { filter: Filter::Bilinear, resize: 224, whole: true, ..plain::FACTS.usual },
    layouts: &[
        (|_, _, _| true, &HUB),
        (|_, _, _| true, &TIMM),
        (|size, _, _| size.gated, &HUGGING_FACE_GATED),
        (|size, _, _| !size.gated, &HUGGING_FACE),
    ],
    hugging_face: class,
    ..plain::FACTS
};

const MASK: Absent = Absent { ours: "blocks.*.attn.qkv.bias_mask", values: bias_mask };

const PERIODS: Absent = Absent { ours: "rope_embed.periods", values: periods };

/// The official repository.
static HUB: Layout = Layout {
    name: "torch hub",
    marks: &["storage_tokens", "patch_embed.proj.weight"],
    rules: &[&[
        Rule::same("register_tokens", &["storage_tokens"]),
        Rule::form("blocks.*.mlp.fc1.", Form::Rows(&[1, 1]), &["blocks.*.mlp.w1.", "blocks.*.mlp.w2."]),
        Rule::same("blocks.*.mlp.fc2.", &["blocks.*.mlp.w3."]),
    ]],
    ..Layout::OURS
};

/// timm, whose networks without `qkvb` in their name have no biases of queries and values either.
static TIMM: Layout = Layout {
    name: "timm",
    marks: &["reg_token", "blocks.0.gamma_1"],
    rules: &[&[
        Rule::same("register_tokens", &["reg_token"]),
        Rule::same("blocks.*.ls1.gamma", &["blocks.*.gamma_1"]),
        Rule::same("blocks.*.ls2.gamma", &["blocks.*.gamma_2"]),
        Rule::qkv("blocks.*.attn.qkv.bias", &["?blocks.*.attn.q_bias", "0", "?blocks.*.attn.v_bias"]),
        Rule::form("blocks.*.mlp.fc1.", Form::Rows(&[1, 1]), &["blocks.*.mlp.fc1_g.", "blocks.*.mlp.fc1_x."]),
    ]],
    absent: &[MASK, PERIODS, Absent { ours: "blocks.*.attn.qkv.bias", values: layout::zeros }],
    rest: Rest::Ours,
};

/// What `DINOv3ViTModel` has with and without gates, as `save_pretrained` writes it.
const HUGGING_FACE_RULES: &[Rule] = &[
    Rule::same("cls_token", &["embeddings.cls_token"]),
    Rule::same("register_tokens", &["embeddings.register_tokens"]),
    Rule::same("patch_embed.proj.", &["embeddings.patch_embeddings."]),
    Rule::same("blocks.*.norm1.", &["layer.*.norm1."]),
    Rule::qkv(
        "blocks.*.attn.qkv.",
        &["layer.*.attention.q_proj.", "?layer.*.attention.k_proj.", "layer.*.attention.v_proj."],
    ),
    Rule::same("blocks.*.attn.proj.", &["layer.*.attention.o_proj."]),
    Rule::same("blocks.*.ls1.gamma", &["layer.*.layer_scale1.lambda1"]),
    Rule::same("blocks.*.norm2.", &["layer.*.norm2."]),
    Rule::same("blocks.*.mlp.fc2.", &["layer.*.mlp.down_proj."]),
    Rule::same("blocks.*.ls2.gamma", &["layer.*.layer_scale2.lambda1"]),
    Rule::same("norm.", &["norm."]),
];

/// Without gates.
static HUGGING_FACE: Layout = Layout {
    name: "Hugging Face",
    marks: &["embeddings.register_tokens", "layer.0.attention.o_proj.weight"],
    rules: &[HUGGING_FACE_RULES, &[Rule::same("blocks.*.mlp.fc1.", &["layer.*.mlp.up_proj."])]],
    absent: &[MASK, PERIODS],
    rest: Rest::Theirs(&["embeddings.mask_token"]),
};

static HUGGING_FACE_GATED: Layout = Layout {
    name: "Hugging Face",
    marks: &["embeddings.register_tokens", "layer.0.mlp.gate_proj.weight"],
    rules: &[
        HUGGING_FACE_RULES,
        &[Rule::form(
            "blocks.*.mlp.fc1.",
            Form::Rows(&[1, 1]),
            &["layer.*.mlp.gate_proj.", "layer.*.mlp.up_proj."],
        )],
    ],
    absent: &[MASK, PERIODS],
    rest: Rest::Theirs(&["embeddings.mask_token"]),
};

/// `DINOv3ViTModel`.
fn class(size: &VitSize, registers: i64, _: VitFeature) -> Option<Class> {
    let VitSize { dim, hidden, gated, .. } = *size;
    Some(Class {
        name: "DINOv3ViTModel",
        config: json!({
            "model_type": "dinov3_vit",
            "intermediate_size": hidden,
            "hidden_act": if gated { "silu" } else { "gelu" },
            "use_gated_mlp": gated,
            "num_register_tokens": registers,
            "rope_theta": BASE,
            "query_bias": true,
            "key_bias": false,
            "value_bias": true,
            "proj_bias": true,
            "mlp_bias": true,
        }),
        beside: vec![("embeddings.mask_token", zeros(&[1, 1, dim]))],
        ..Class::default()
    })
}
