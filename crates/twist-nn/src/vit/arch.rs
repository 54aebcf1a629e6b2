//! Which vision transformer: its name, and how it is recognised.

use std::fmt;

use twist_io::StateDict;

use super::facts::{Facts, Told};
use super::family::Family;
use super::feature::VitFeature;
use super::hugging_face::Named;
use super::{VisionTransformer, VitSize};
use crate::hugging_face::{layout, no_class};
use crate::tensor_names::{Unrecognised, length};
use crate::{
    Architecture, Backbone, BackboneOptions, Builder, HuggingFace, Layout, MOST_CHANNELS, NnError,
    TensorNames, Usual,
};

/// Largest patch, and most registers.
const MOST_PATCH: i64 = 224;
const MOST_REGISTERS: i64 = 256;

/// Most pixels on a side of the images that a table is made for.
const MOST_SIDE: i64 = 1 << 12;

/// Which vision transformer.
///
/// Names are made of the family, the size and the patch (`dinov2_s14`), and of what is not usual in the family: registers
/// (`_reg4`), the side of the images that positions are made for (`_336`), another feature (`_avg`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VitArch {
    family: Family,
    /// Channels, blocks and heads.
    pub size: VitSize,
    /// Side of a patch in pixels.
    pub patch: i64,
    /// Tokens beside the class token that stand for no patch.
    pub(super) registers: i64,
    /// Side of the images that the table of positions is made for; 0 without a table.
    side: i64,
    pub(super) feature: VitFeature,
}

impl VitArch {
    /// What its name says of its class at Hugging Face.
    fn in_transformers(&self) -> Result<Named, NnError> {
        let Self { size, patch, registers, side: table_side, feature, .. } = *self;
        let facts = self.facts();
        let class = (facts.hugging_face)(&size, registers, feature).ok_or_else(|| no_class(self))?;
        Ok(Named { facts, class, size, patch, registers, table_side })
    }

    pub(crate) fn published() -> impl Iterator<Item = Self> {
        let order = [
            Family::Plain,
            Family::MocoV3,
            Family::Dinov2,
            Family::Dinov3,
            Family::Clip,
            Family::OpenClip,
            Family::Siglip2,
        ];
        order.into_iter().flat_map(|family| {
            let facts = family.facts();
            facts.published.iter().filter_map(move |&(name, patch, registers, side)| {
                let size = *facts.sizes.iter().find(|size| size.name == name)?;
                Some(Self { family, size, patch, registers, side, feature: facts.features[0] })
            })
        })
    }

    pub(super) fn facts(&self) -> &'static Facts {
        self.family.facts()
    }

    /// Patches on a side of the images that the table of positions is made for.
    pub(super) fn grid(&self) -> i64 {
        self.side / self.patch
    }

    /// Tokens in front of the patches.
    pub(super) fn prefix(&self) -> i64 {
        i64::from(self.facts().class_token) + self.registers
    }

    pub(super) fn features(&self) -> i64 {
        match self.feature {
            VitFeature::Projected => (self.facts().projected)(&self.size),
            _ => self.size.dim,
        }
    }

    /// `vit_s`, `vit_s16`, `dinov2_s14_reg4`; `vit_48x2x3p8`, with its patch.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (family, rest) = name.split_once('_')?;
        let family = Family::ALL.into_iter().find(|known| known.facts().name == family)?;
        let facts = family.facts();
        let mut parts = rest.split('_').peekable();
        let (size, patch) = size_and_patch(parts.next()?, facts)?;
        let registers = match parts.next_if(|part| part.starts_with("reg")) {
            Some(part) => {
                part.strip_prefix("reg")?.parse().ok().filter(|count| (1..=MOST_REGISTERS).contains(count))?
            }
            None => facts.registers,
        };
        let has_registers = facts.published.iter().any(|network| network.2 > 0);
        let mut side = usual_side(facts, patch);
        if let Some(part) = parts.next_if(|part| part.starts_with(|c: char| c.is_ascii_digit())) {
            side = part
                .parse()
                .ok()
                .filter(|side| facts.resample.is_some() && (patch..=MOST_SIDE).contains(side))?;
            if side != usual_side(facts, patch) && side % patch != 0 {
                return None;
            }
        }
        let feature = match parts.next() {
            Some(part) => *facts.features.iter().find(|feature| feature.suffix() == part)?,
            None => facts.features[0],
        };
        let turns = facts.resample.is_some() || size.dim / size.heads % 4 == 0;
        let fits = turns && parts.next().is_none() && (registers == 0 || has_registers);
        fits.then_some(Self { family, size, patch, registers, side, feature })
    }

    /// Its name, with `heads` in the place of their number.
    fn text(&self, heads: &str) -> String {
        let (facts, Self { size, patch, registers, side, feature, .. }) = (self.facts(), *self);
        let patch = match (facts.usual_patch == Some(patch), size.name.is_empty()) {
            (true, _) => String::new(),
            (false, true) => format!("p{patch}"),
            (false, false) => patch.to_string(),
        };
        let registers = if registers == facts.registers { String::new() } else { format!("_reg{registers}") };
        let side = if side == usual_side(facts, self.patch) { String::new() } else { format!("_{side}") };
        let feature =
            if feature == facts.features[0] { String::new() } else { format!("_{}", feature.suffix()) };
        format!("{}_{}{patch}{registers}{side}{feature}", facts.name, size.text(heads))
    }

    /// The number of heads leaves no trace in the tensors, so a size that is not a published one must be stated.
    pub(crate) fn recognise(names: &dyn TensorNames) -> Option<Result<Self, Unrecognised>> {
        if names.has("backbone.conv1.weight") {
            return None;
        }
        let &[dim, 3, patch, _] = names.shape("backbone.patch_embed.proj.weight")? else { return None };
        Some(Seen::of(names, length(dim), length(patch)).network(names))
    }
}

/// The side of the images that a table of this family is made for, where nobody says it; made of whole patches.
fn usual_side(facts: &Facts, patch: i64) -> i64 {
    facts.table_side / patch * patch
}

/// `s14`, `s`, `48x2x3p8`.
fn size_and_patch(text: &str, facts: &Facts) -> Option<(VitSize, i64)> {
    let patch = |digits: &str| match digits {
        "" => facts.usual_patch,
        digits => digits.parse().ok().filter(|patch| (1..=MOST_PATCH).contains(patch)),
    };
    let named = facts.sizes.iter().filter_map(|size| Some((size, text.strip_prefix(size.name)?)));
    let mut named = named.filter(|(_, digits)| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some((size, digits)) = named.next_back() {
        return Some((*size, patch(digits)?));
    }
    let (size, digits) = text.split_once('p').unwrap_or((text, ""));
    Some((VitSize::parse(size)?.known(facts.sizes), patch(digits)?))
}

/// What tensors say of a transformer.
struct Seen {
    size: VitSize,
    patch: i64,
    registers: i64,
    feature: VitFeature,
}

impl Seen {
    fn of(names: &dyn TensorNames, dim: i64, patch: i64) -> Self {
        let axis = |name: &str, axis: usize| {
            names
                .shape(&format!("backbone.{name}"))
                .and_then(|shape| shape.get(axis))
                .map(|&axis| length(axis))
        };
        let hidden = axis("blocks.0.mlp.fc2.weight", 1).unwrap_or_else(|| dim.saturating_mul(4));
        let gated = axis("blocks.0.mlp.fc1.weight", 0) == hidden.checked_mul(2);
        let depth = length(names.count("backbone.blocks.*.norm1.weight"));
        let feature = if names.has("backbone.attn_pool.latent") {
            VitFeature::Attended
        } else if names.has("backbone.projection.weight") {
            VitFeature::Projected
        } else if names.has("backbone.fc_norm.weight") && !names.has("backbone.norm.weight") {
            VitFeature::MeanOfPatches
        } else {
            VitFeature::ClassToken
        };
        let registers = axis("register_tokens", 1).unwrap_or(0);
        Self { size: VitSize { name: "", dim, depth, heads: 1, hidden, gated }, patch, registers, feature }
    }

    fn network(self, names: &dyn TensorNames) -> Result<VitArch, Unrecognised> {
        let Self { size, patch, registers, feature } = self;
        let VitSize { dim, depth, hidden, gated, .. } = size;
        let seen =
            format!("a transformer of {depth} blocks with {dim} channels and patches of {patch} pixels");
        if depth == 0 {
            let reason =
                format!("{seen}: none is called `blocks.N.norm1.weight`, but there are {}", names.summary());
            return Err(Unrecognised::seen(reason));
        }
        let has = |mark: &&str| names.has(&format!("backbone.{mark}"));
        let is_layout = |facts: &Facts| {
            names
                .layout()
                .is_some_and(|found| facts.layouts.iter().any(|(_, layout)| std::ptr::eq(*layout, found)))
        };
        let family = Family::ALL.into_iter().find(|family| {
            let facts = family.facts();
            facts.marks.iter().all(has)
                && facts.features.contains(&feature)
                && facts.resample.is_some() == names.has("backbone.pos_embed")
                && (facts.told_by != Told::Layout || is_layout(facts))
        });
        let Some(family) = family else {
            let without =
                if has(&"cls_token") { "in no family that is known" } else { "without a class token" };
            return Err(Unrecognised::seen(format!("{seen} {without}")));
        };
        let facts = family.facts();
        let side = match names.shape("backbone.pos_embed") {
            None => 0,
            Some(&[1, rows, _]) => {
                let patches = length(rows).saturating_sub(i64::from(facts.class_token));
                let grid = patches.max(0).isqrt();
                if grid == 0 || grid.checked_mul(grid) != Some(patches) {
                    return Err(Unrecognised::seen(format!(
                        "{seen} and {rows} positions, which are not those of a square of patches{}",
                        if facts.class_token { " and a class token" } else { "" }
                    )));
                }
                grid.saturating_mul(patch)
            }
            Some(shape) => {
                return Err(Unrecognised::seen(format!("{seen} and positions of shape {shape:?}")));
            }
        };
        let too_large =
            dim > MOST_CHANNELS || patch > MOST_PATCH || side > MOST_SIDE || registers > MOST_REGISTERS;
        if too_large {
            return Err(Unrecognised::seen(seen));
        }
        let described = names.described();
        // Rotations turn pairs of channels in two directions.
        let turns = |heads: i64| facts.resample.is_some() || dim / heads % 4 == 0;
        let fits = |heads: &i64| (1..=dim).contains(heads) && dim % heads == 0 && turns(*heads);
        let heads = described.heads.filter(fits);
        let published = facts
            .sizes
            .iter()
            .find(|size| (size.dim, size.depth, size.hidden, size.gated) == (dim, depth, hidden, gated));
        let known = match heads {
            Some(heads) => Some(VitSize { heads, ..size }.known(facts.sizes)),
            None => published.copied(),
        };
        let family = match (facts.told_by, described.activation) {
            (Told::People(_), Some("quick_gelu")) => Family::Clip,
            _ => family,
        };
        let arch = VitArch { family, size: known.unwrap_or(size), patch, registers, side, feature };
        match (known, family.facts().told_by) {
            (_, Told::People(reason)) if described.activation != Some("gelu") => Err(Unrecognised {
                reason: reason.to_owned(),
                remedy: Some(format!(
                    "say whose it is: --arch {} for OpenAI's (QuickGELU), --arch {} for LAION's and most others (GELU)",
                    VitArch { family: Family::Clip, ..arch }.text("HEADS"),
                    arch.text("HEADS")
                )),
            }),
            (Some(_), _) => Ok(arch),
            (None, _) => Err(Unrecognised {
                reason: format!("{seen}, whose tensors do not say how many attention heads it has"),
                remedy: Some(format!("give the number: --arch {}", arch.text("HEADS"))),
            }),
        }
    }
}

impl fmt::Display for VitArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&self.size.heads.to_string()))
    }
}

impl Architecture for VitArch {
    fn build(&self, b: &mut Builder<'_>, options: &BackboneOptions) -> Result<Box<dyn Backbone>, NnError> {
        Ok(Box::new(VisionTransformer::new(b, *self, options)?))
    }

    fn feature_dim(&self, _width: i64) -> i64 {
        self.features()
    }

    fn check(&self, options: &BackboneOptions) -> Result<(), NnError> {
        options.refuse_width(self)
    }

    /// Its authors', but for the side that positions are made for, and for the feature that it gives.
    fn usual(&self) -> Usual {
        let (usual, patch) = (self.facts().usual, self.patch as u32);
        let side = if self.side == usual_side(self.facts(), self.patch) {
            // 224 is a side of whole patches for every published patch.
            usual.side / patch * patch
        } else {
            self.side as u32
        };
        Usual { side, resize: usual.resize * side / usual.side, feature: Some(self.feature), ..usual }
    }

    fn side_multiple(&self) -> i64 {
        self.patch
    }

    fn is_called_in_timm(&self, name: &str) -> bool {
        name.contains("vit") || name.contains("deit")
    }

    fn classifier_in(&self, library: &str) -> Option<&'static str> {
        self.layouts().iter().any(|layout| library == "timm" && layout.name == library).then_some("head.")
    }

    fn layouts(&self) -> Vec<&'static Layout> {
        let Self { size, registers, feature, .. } = self;
        let serving = self.facts().layouts.iter().filter(|(serves, _)| serves(size, *registers, *feature));
        serving.map(|&(_, layout)| layout).collect()
    }

    fn hugging_face(&self, _width: i64, side: i64) -> Result<HuggingFace, NnError> {
        Ok(self.in_transformers()?.described(side))
    }

    fn hugging_face_state(&self, side: i64, state: &StateDict) -> Result<StateDict, NnError> {
        self.in_transformers()?.state(layout(self)?, side, state)
    }
}
