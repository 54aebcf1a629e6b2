//! The transformers of MoCo v3 (Chen, Xie and He, arXiv:2104.02057): ViT-S has 12 heads instead of 6, and positions are fixed
//! sines and cosines, which lie in the file as a table.
//!
//! The authors use the class token after the last norm for linear probing, and resize bilinearly. A file tells them from
//! other transformers by the name of the encoder that it was trained with.

use super::VitSize;
use super::facts::{Facts, Told};
use super::feature::VitFeature;
use super::plain;
use crate::{Filter, Layout, Usual};

pub(super) const FACTS: Facts = Facts {
    name: "mocov3",
    sizes: &[VitSize::named("s", 384, 12, 12), VitSize::named("b", 768, 12, 12)],
    published: &[("s", 16, 0, 224), ("b", 16, 0, 224)],
    usual_patch: None,
    features: &[VitFeature::ClassToken],
    told_by: Told::Layout,
    usual: Usual { filter: Filter::Bilinear, ..plain::FACTS.usual },
    layouts: &[(|_, _, _| true, &OFFICIAL)],
    hugging_face: |_, _, _| None,
    ..plain::FACTS
};

/// The checkpoints of the released code, of which the encoder that learns by gradients is used.
static OFFICIAL: Layout = Layout {
    name: "MoCo v3",
    marks: &["base_encoder.patch_embed.proj.weight", "momentum_encoder.patch_embed.proj.weight"],
    rules: &[],
    ..Layout::OURS
};
