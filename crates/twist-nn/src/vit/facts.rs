//! All that the file of a family of vision transformers says.

use super::class::Class;
use super::feature::VitFeature;
use super::mlp::Gelu;
use super::positions::Resample;
use super::size::VitSize;
use crate::{Layout, Usual};

/// All that a family's file says.
#[derive(Debug)]
pub(super) struct Facts {
    /// What the names of its networks begin with.
    pub(super) name: &'static str,
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
    /// The class at Hugging Face for a network of this size, with so many registers and this feature; `None` where none of
    /// theirs computes the same.
    pub(super) hugging_face: fn(&VitSize, i64, VitFeature) -> Option<Class>,
}

/// Whether a layout is for a network of this size, with so many registers and this feature.
pub(super) type Fits = fn(&VitSize, i64, VitFeature) -> bool;

/// What tells a family from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Tensors,
    Layout,
    /// Nothing in the file; only people can say it, for this reason.
    People(&'static str),
}
