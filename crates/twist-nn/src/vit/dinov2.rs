//! DINOv2 (Oquab et al., arXiv:2304.07193), without and with registers (Darcet et al., arXiv:2309.16588): patches of 14 pixels,
//! a table of positions for images of 518 pixels, scaled branches; ViT-g with gates.
//!
//! The authors use the class token after the last norm for nearest neighbours, and evaluate on images of 224 pixels. They
//! stretch positions by the factor of DINO; those of networks with registers to the new size, smoothed.

use serde_json::json;

use super::class::{Class, zeros};
use super::facts::Facts;
use super::feature::VitFeature;
use super::positions::Resample;
use super::{VitSize, plain};
use crate::layout::{Form, Rest};
use crate::{Layout, Rule};

pub(super) const FACTS: Facts = Facts {
    name: "dinov2",
    sizes: &[
        VitSize::named("s", 384, 12, 6),
        VitSize::named("b", 768, 12, 12),
        VitSize::named("l", 1024, 24, 16),
        VitSize::named("g", 1536, 40, 24).hidden(4096).gated(),
    ],
    published: &[
        ("s", 14, 0, 518),
        ("b", 14, 0, 518),
        ("l", 14, 0, 518),
        ("g", 14, 0, 518),
        ("s", 14, 4, 518),
        ("b", 14, 4, 518),
        ("l", 14, 4, 518),
        ("g", 14, 4, 518),
    ],
    usual_patch: None,
    table_side: 518,
    features: &[VitFeature::ClassToken],
    resample: Some(|registers| if registers == 0 { Resample::WithTenth } else { Resample::Antialiased }),
    layer_scale: Some(1e-5),
    marks: &["cls_token", "pos_embed", "blocks.0.ls1.gamma"],
    layouts: &[
        (|size, _, _| !size.gated, &HUB),
        (|size, _, _| size.gated, &HUB_GATED),
        (|_, registers, _| registers == 0, &plain::TIMM),
        (|_, registers, _| registers > 0, &TIMM_REGISTERS),
        (|size, _, _| !size.gated, &HUGGING_FACE),
        (|size, _, _| size.gated, &HUGGING_FACE_GATED),
    ],
    hugging_face: class,
    ..plain::FACTS
};

/// The official repository: our own names.
static HUB: Layout = Layout { name: "torch hub", ..plain::OURS };

/// The same with gates.
static HUB_GATED: Layout = Layout {
    name: "torch hub",
    marks: &["blocks.0.mlp.w12.weight"],
    rules: &[&[
        Rule::same("blocks.*.mlp.fc1.", &["blocks.*.mlp.w12."]),
        Rule::same("blocks.*.mlp.fc2.", &["blocks.*.mlp.w3."]),
    ]],
    ..Layout::OURS
};

/// timm, with registers: the class token has no row in the table of positions.
static TIMM_REGISTERS: Layout = Layout {
    name: "timm",
    marks: &["reg_token", "pos_embed", "blocks.0.ls1.gamma"],
    rules: &[&[
        Rule::same("register_tokens", &["reg_token"]),
        Rule::form("pos_embed", Form::ClassRow, &["pos_embed"]),
    ]],
    ..Layout::OURS
};

/// What `Dinov2Model` and `Dinov2WithRegistersModel` have beside every transformer of Hugging Face.
const HUGGING_FACE_RULES: &[Rule] = &[
    Rule::same("register_tokens", &["embeddings.register_tokens"]),
    Rule::same("blocks.*.norm1.", &["encoder.layer.*.norm1."]),
    Rule::same("blocks.*.ls1.gamma", &["encoder.layer.*.layer_scale1.lambda1"]),
    Rule::same("blocks.*.norm2.", &["encoder.layer.*.norm2."]),
    Rule::same("blocks.*.ls2.gamma", &["encoder.layer.*.layer_scale2.lambda1"]),
];

/// Without gates.
static HUGGING_FACE: Layout = Layout {
    name: "Hugging Face",
    marks: &["embeddings.patch_embeddings.projection.weight", "encoder.layer.0.mlp.fc1.weight"],
    rules: &[
        plain::HUGGING_FACE_RULES,
        HUGGING_FACE_RULES,
        &[Rule::same("blocks.*.mlp.fc1.", &["encoder.layer.*.mlp.fc1."])],
        &[Rule::same("blocks.*.mlp.fc2.", &["encoder.layer.*.mlp.fc2."])],
    ],
    absent: &[],
    rest: Rest::Theirs(BYSTANDERS),
};

static HUGGING_FACE_GATED: Layout = Layout {
    marks: &["embeddings.patch_embeddings.projection.weight", "encoder.layer.0.mlp.weights_in.weight"],
    rules: &[
        plain::HUGGING_FACE_RULES,
        HUGGING_FACE_RULES,
        &[Rule::same("blocks.*.mlp.fc1.", &["encoder.layer.*.mlp.weights_in."])],
        &[Rule::same("blocks.*.mlp.fc2.", &["encoder.layer.*.mlp.weights_out."])],
    ],
    name: "Hugging Face",
    absent: &[],
    rest: Rest::Theirs(BYSTANDERS),
};

/// What masks patches in pretraining, and a classifier.
const BYSTANDERS: &[&str] = &["embeddings.mask_token", "classifier."];

/// Most hidden units for each channel that are looked for.
const MOST_RATIO: i64 = 64;

/// `Dinov2Model`, or `Dinov2WithRegistersModel`, which stretches positions as its authors do.
fn class(size: &VitSize, registers: i64, _: VitFeature) -> Option<Class> {
    let VitSize { dim, hidden, gated, .. } = *size;
    // Gates take two thirds of the hidden units, in eights.
    let units = |ratio: i64| if gated { (dim * ratio * 2 / 3 + 7) / 8 * 8 } else { dim * ratio };
    let ratio = (1..=MOST_RATIO).find(|&ratio| units(ratio) == hidden)?;
    let (name, model_type) = match registers {
        0 => ("Dinov2Model", "dinov2"),
        _ => ("Dinov2WithRegistersModel", "dinov2_with_registers"),
    };
    let mut config = json!({
        "model_type": model_type,
        "mlp_ratio": ratio,
        "use_swiglu_ffn": gated,
        "qkv_bias": true,
    });
    if registers > 0 {
        config["num_register_tokens"] = registers.into();
    }
    Some(Class {
        name,
        config,
        beside: vec![("embeddings.mask_token", zeros(&[1, dim]))],
        stretches_alike: registers > 0,
        ..Class::default()
    })
}
