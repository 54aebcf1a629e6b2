//! What one family of vision transformers has and another does not.

use std::fmt;

use super::mlp::Gelu;
use super::positions::Resample;
use super::{VitArch, VitSize, clip, dinov2, dinov3, mocov3, plain, siglip2};
use crate::{Layout, Usual};

/// A family, whose networks differ in size only. Its file has its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Family {
    /// DeiT, DINO, MAE, timm.
    Plain,
    /// MoCo v3.
    MocoV3,
    /// DINOv2.
    Dinov2,
    /// DINOv3.
    Dinov3,
    /// OpenAI's CLIP.
    Clip,
    /// OpenCLIP.
    OpenClip,
    /// SigLIP 2.
    Siglip2,
}

/// What a network gives for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VitFeature {
    /// The class token after the last norm.
    ClassToken,
    /// The mean of all patches, through a norm of its own.
    MeanOfPatches,
    /// The class token after the last norm, projected into the space that images share with texts.
    Projected,
    /// What a learned query attends to.
    Attended,
}

/// All that a family's file says.
#[derive(Debug)]
pub(super) struct Facts {
    /// What the names of its networks begin with.
    pub(super) name: &'static str,
    /// Its published sizes.
    pub(super) sizes: &'static [VitSize],
    /// Its published networks: size, patch, registers, side of the images that the table is made for.
    pub(super) published: &'static [(&'static str, i64, i64, i64)],
    /// The patch that a name need not say.
    pub(super) usual_patch: Option<i64>,
    /// The registers that a name need not say.
    pub(super) registers: i64,
    /// The side of the images that the table of positions is made for, where a name does not say it.
    pub(super) table_side: i64,
    /// What a network may give, the usual feature first.
    pub(super) features: &'static [VitFeature],
    /// Channels of a projected feature.
    pub(super) projected: fn(&VitSize) -> i64,
    /// Added to variances.
    pub(super) eps: f64,
    pub(super) gelu: Gelu,
    pub(super) class_token: bool,
    /// How a table of positions is stretched, from the number of registers; `None`: positions are rotations.
    pub(super) resample: Option<fn(i64) -> Resample>,
    /// What the scales of branches start from.
    pub(super) layer_scale: Option<f64>,
    /// Whether patches are projected with a bias.
    pub(super) patch_bias: bool,
    /// Whether there is a norm before the first block.
    pub(super) pre_norm: bool,
    /// Whether keys have no bias.
    pub(super) masked_keys: bool,
    /// Tensors that its files have, and the files of other families do not, by Twist's names.
    pub(super) marks: &'static [&'static str],
    /// What tells its files from those of other families with the same tensors.
    pub(super) told_by: Told,
    /// What its authors use.
    pub(super) usual: Usual,
    /// How publishers store it, each with the networks that it is for.
    pub(super) layouts: &'static [(Fits, &'static Layout)],
}

/// Whether a layout is for a network.
type Fits = fn(&VitArch) -> bool;

/// What tells a family from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Its tensors.
    Tensors,
    /// The layout of its files.
    Layout,
    /// Nothing in the file; only people can say it, for this reason.
    People(&'static str),
}

impl Family {
    /// In the order in which a file is compared with them: the ones with more to see first.
    pub(super) const ALL: [Self; 7] =
        [Self::Siglip2, Self::Clip, Self::OpenClip, Self::Dinov3, Self::Dinov2, Self::MocoV3, Self::Plain];

    pub(super) const fn facts(self) -> &'static Facts {
        match self {
            Self::Plain => &plain::FACTS,
            Self::MocoV3 => &mocov3::FACTS,
            Self::Dinov2 => &dinov2::FACTS,
            Self::Dinov3 => &dinov3::FACTS,
            Self::Clip => &clip::OPENAI,
            Self::OpenClip => &clip::OPEN_CLIP,
            Self::Siglip2 => &siglip2::FACTS,
        }
    }
}

/// Every layout of every family.
pub(crate) fn layouts() -> impl Iterator<Item = &'static Layout> {
    Family::ALL.into_iter().flat_map(|family| family.facts().layouts).map(|&(_, layout)| layout)
}

impl VitFeature {
    /// What a name ends in where a network gives this and it is not the usual feature of its family.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::ClassToken => "class",
            Self::MeanOfPatches => "avg",
            Self::Projected => "projected",
            Self::Attended => "attended",
        }
    }
}

impl fmt::Display for VitFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClassToken => "class token after the last norm",
            Self::MeanOfPatches => "mean of the patches, then a norm",
            Self::Projected => "class token after the last norm, projected",
            Self::Attended => "attention pooling",
        })
    }
}
