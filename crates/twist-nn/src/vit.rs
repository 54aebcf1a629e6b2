//! Vision transformers (Dosovitskiy et al., arXiv:2010.11929) as DeiT and DINO define them, read top-down: network,
//! embedding, blocks.
//!
//! Images are cut into patches, each a token; a class token goes in front of them and its last state is the feature.
//! Positions are a learned table for images of 224 pixels and are interpolated for every other size.

use std::fmt;

use tch::Tensor;

use crate::arch::{Unrecognised, length};
use crate::layers::{LayerNorm, Linear, thinned};
use crate::{
    Activation, Architecture, Backbone, BackboneConfig, Builder, Filter, Init, MOST_CHANNELS, Mode, NnError,
    TensorNames, Usual,
};

/// Added to variances.
const EPS: f64 = 1e-6;

/// Side of the images that the table of positions is made for, in pixels.
const TABLE_SIDE: i64 = 224;

/// The published sizes, all with twelve blocks and 64 channels in each head; and any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VitSize {
    /// 192 channels, 3 heads.
    Tiny,
    /// 384 channels, 6 heads.
    Small,
    /// 768 channels, 12 heads.
    Base,
    /// No published one. [`VitSize::of`] makes it, so that each network has one name.
    Other {
        /// Channels.
        dim: i64,
        /// Blocks.
        depth: i64,
        /// Attention heads.
        heads: i64,
    },
}

impl VitSize {
    const NAMED: [Self; 3] = [Self::Tiny, Self::Small, Self::Base];

    /// The size with so many channels, blocks and attention heads: the published one where there is one.
    pub fn of(dim: i64, depth: i64, heads: i64) -> Self {
        let named = Self::NAMED.into_iter().find(|size| size.sizes() == (dim, depth, heads));
        named.unwrap_or(Self::Other { dim, depth, heads })
    }

    /// The published size with so many channels and blocks; what tensors cannot say, the heads, follows from it.
    pub fn published(dim: i64, depth: i64) -> Option<Self> {
        Self::NAMED.into_iter().find(|size| (size.sizes().0, size.sizes().1) == (dim, depth))
    }

    /// Channels, blocks, and attention heads.
    pub fn sizes(self) -> (i64, i64, i64) {
        match self {
            Self::Tiny => (192, 12, 3),
            Self::Small => (384, 12, 6),
            Self::Base => (768, 12, 12),
            Self::Other { dim, depth, heads } => (dim, depth, heads),
        }
    }
}

impl fmt::Display for VitSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tiny => f.write_str("t"),
            Self::Small => f.write_str("s"),
            Self::Base => f.write_str("b"),
            Self::Other { dim, depth, heads } => write!(f, "{dim}x{depth}x{heads}"),
        }
    }
}

/// Which vision transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VitArch {
    /// Channels, blocks and heads.
    pub size: VitSize,
    /// Side of a patch in pixels: 16, or 8 with the suffix `8` (`p8` behind a size that is not a published one).
    pub patch: i64,
}

/// Most blocks; the deepest published one has 48.
const MOST_BLOCKS: i64 = 1 << 10;

/// The patch that a name need not say.
const USUAL_PATCH: i64 = 16;

impl VitArch {
    /// Every published size with patches of 16 pixels, then of 8.
    pub(crate) fn published() -> impl Iterator<Item = Self> {
        let all = |patch| VitSize::NAMED.into_iter().map(move |size| Self { size, patch });
        all(USUAL_PATCH).chain(all(8))
    }

    /// `vit_s`, `vit_s16`, `vit_s8`; `vit_48x2x3`, with its patch.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let short = name.strip_suffix("16").filter(|name| name.starts_with("vit_")).unwrap_or(name);
        if let Some(named) = Self::published().find(|arch| arch.to_string() == short) {
            return Some(named);
        }
        let rest = name.strip_prefix("vit_")?;
        let (size, patch) = match rest.split_once('p') {
            Some((size, patch)) => (size, patch.parse().ok()?),
            None => (rest, USUAL_PATCH),
        };
        let numbers: Vec<i64> = size.split('x').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let [dim, depth, heads] = numbers.try_into().ok()?;
        let possible = (1..=MOST_CHANNELS).contains(&dim) && (1..=MOST_BLOCKS).contains(&depth);
        let fits =
            possible && (1..=dim).contains(&heads) && dim % heads == 0 && (1..=TABLE_SIDE).contains(&patch);
        fits.then(|| Self { size: VitSize::of(dim, depth, heads), patch })
    }

    /// The number of heads leaves no trace in the tensors, so a size that is not a published one must be stated.
    pub(crate) fn recognise(names: &dyn TensorNames) -> Option<Result<Self, Unrecognised>> {
        if names.has("backbone.conv1.weight") {
            return None;
        }
        let &[dim, 3, patch, _] = names.shape("backbone.patch_embed.proj.weight")? else { return None };
        let (dim, patch) = (length(dim), length(patch));
        let depth = length(names.count("backbone.blocks.*.norm1.weight"));
        let seen =
            format!("a transformer of {depth} blocks with {dim} channels and patches of {patch} pixels");
        Some(match VitSize::published(dim, depth) {
            Some(size) if names.has("backbone.cls_token") => Ok(Self { size, patch }),
            Some(_) => Err(Unrecognised::seen(format!("{seen} without a class token"))),
            None if depth == 0 => Err(Unrecognised::seen(format!(
                "{seen}: none is called `blocks.N.norm1.weight`, but there are {}",
                names.summary()
            ))),
            None if dim > MOST_CHANNELS => Err(Unrecognised::seen(seen)),
            None => {
                let patch = if patch == USUAL_PATCH { String::new() } else { format!("p{patch}") };
                Err(Unrecognised {
                    reason: format!("{seen}, whose tensors do not say how many attention heads it has"),
                    remedy: Some(format!("give the number: --arch vit_{dim}x{depth}xHEADS{patch}")),
                })
            }
        })
    }
}

impl fmt::Display for VitArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { size, patch: USUAL_PATCH } => write!(f, "vit_{size}"),
            Self { size: size @ VitSize::Other { .. }, patch } => write!(f, "vit_{size}p{patch}"),
            Self { size, patch } => write!(f, "vit_{size}{patch}"),
        }
    }
}

impl Architecture for VitArch {
    fn build(&self, b: &mut Builder<'_>, config: &BackboneConfig) -> Result<Box<dyn Backbone>, NnError> {
        Ok(Box::new(VisionTransformer::new(b, *self, config)?))
    }

    fn feature_dim(&self, _width: i64) -> i64 {
        self.size.sizes().0
    }

    fn check(&self, config: &BackboneConfig) -> Result<(), NnError> {
        config.refuse_width()
    }

    fn usual(&self) -> Usual {
        Usual {
            activation: Activation::Gelu,
            filter: Filter::Bicubic,
            ..Usual::bilinear(TABLE_SIDE as u32, 256)
        }
    }

    fn side_multiple(&self) -> i64 {
        self.patch
    }

    fn width_tensor(&self) -> Option<&'static str> {
        None
    }
}

/// A vision transformer without its classifier.
#[derive(Debug)]
pub struct VisionTransformer {
    class_token: Tensor,
    positions: Positions,
    patches: Patches,
    blocks: Vec<Block>,
    norm: LayerNorm,
    dim: i64,
}

impl VisionTransformer {
    /// Adds the network's tensors under the builder's prefix.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(b: &mut Builder<'_>, arch: VitArch, config: &BackboneConfig) -> Result<Self, NnError> {
        let (patch, (dim, depth, heads)) = (arch.patch, arch.size.sizes());
        let class_token = b.parameter("cls_token", &[1, 1, dim], Init::TRANSFORMER)?;
        let positions = Positions::new(b, TABLE_SIDE / patch, dim)?;
        let patches = Patches::new(&mut b.sub("patch_embed.proj"), patch, dim, config.freeze_embedding)?;
        let chance = |block: i64| config.drop_path * block as f64 / (depth - 1).max(1) as f64;
        let blocks: Result<Vec<_>, _> = (0..depth)
            .map(|index| Block::new(&mut b.sub(format_args!("blocks.{index}")), dim, heads, chance(index)))
            .collect();
        let (blocks, norm) = (blocks?, LayerNorm::new(&mut b.sub("norm"), dim, EPS)?);
        Ok(Self { class_token, positions, patches, blocks, norm, dim })
    }

    /// Images `[B, 3, H, W]` to tokens `[B, 1 + P, D]`, the class token first.
    fn embed(&self, images: &Tensor) -> Result<Tensor, NnError> {
        let (batch, channels, height, width) = images.size4()?;
        let patch = self.patches.side;
        if channels != 3 || height % patch != 0 || width % patch != 0 || height == 0 || width == 0 {
            return Err(NnError::Patches { patch, got: images.size() });
        }
        let patches = self.patches.forward(images)?;
        let class = self.class_token.f_expand([batch, 1, self.dim], false)?.f_to_kind(patches.f_kind()?)?;
        let tokens = Tensor::f_cat(&[class, patches], 1)?;
        Ok(tokens.f_add(&self.positions.of(height / patch, width / patch)?)?)
    }

    /// Runs the blocks and shows the tokens after each.
    fn each_block(
        &self,
        images: &Tensor,
        mode: Mode,
        mut seen: impl FnMut(usize, &Tensor) -> Result<(), NnError>,
    ) -> Result<(), NnError> {
        let mut x = self.embed(images)?;
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, mode)?;
            seen(index, &x)?;
        }
        Ok(())
    }
}

impl Backbone for VisionTransformer {
    /// The embedding, each block, and the norm of the class token.
    fn segments(&self) -> usize {
        2 + self.blocks.len()
    }

    fn segment(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        if index == 0 {
            return self.embed(x);
        }
        match self.blocks.get(index - 1) {
            Some(block) => block.forward(x, mode),
            // The norm works on each token for itself, so the others need none.
            None if index + 1 == self.segments() => self.norm.forward(&x.f_select(1, 0)?),
            None => Err(NnError::Segment { index, segments: self.segments() }),
        }
    }

    fn last_class_tokens(&self, images: &Tensor, n: usize, mode: Mode) -> Result<Tensor, NnError> {
        let first = self.blocks.len().saturating_sub(n);
        let mut tokens = Vec::with_capacity(n);
        self.each_block(images, mode, |index, x| {
            if index >= first {
                tokens.push(self.norm.forward(x)?.f_select(1, 0)?);
            }
            Ok(())
        })?;
        Ok(Tensor::f_cat(&tokens, -1)?)
    }

    fn feature_dim(&self) -> i64 {
        self.dim
    }
}

/// Patches of the image to tokens: a convolution whose stride is its kernel.
#[derive(Debug)]
struct Patches {
    weight: Tensor,
    bias: Tensor,
    side: i64,
}

impl Patches {
    fn new(b: &mut Builder<'_>, side: i64, dim: i64, frozen: bool) -> Result<Self, NnError> {
        let init = Init::linear(3 * side * side);
        let shape = [dim, 3, side, side];
        let (weight, bias) = if frozen {
            (b.frozen("weight", &shape, init)?, b.frozen("bias", &[dim], init)?)
        } else {
            (b.parameter("weight", &shape, init)?, b.parameter("bias", &[dim], init)?)
        };
        Ok(Self { weight, bias, side })
    }

    /// `[B, 3, H, W]` to `[B, P, D]`, rows first.
    fn forward(&self, images: &Tensor) -> Result<Tensor, NnError> {
        let stride = [self.side; 2];
        let x = images.f_conv2d(&self.weight, Some(&self.bias), stride, [0, 0], [1, 1], 1)?;
        Ok(x.f_flatten(2, 3)?.f_transpose(1, 2)?)
    }
}

/// The learned table of positions, for the class token and a grid of patches.
#[derive(Debug)]
struct Positions {
    /// `[1, 1 + side², D]`.
    table: Tensor,
    side: i64,
    dim: i64,
}

impl Positions {
    fn new(b: &mut Builder<'_>, side: i64, dim: i64) -> Result<Self, NnError> {
        let table = b.parameter("pos_embed", &[1, 1 + side * side, dim], Init::TRANSFORMER)?;
        Ok(Self { table, side, dim })
    }

    /// Positions `[1, 1 + h w, D]` of a grid: the table itself, or its bicubic interpolation by the factors
    /// `(h + 0.1) / side` and `(w + 0.1) / side`, as released (the tenth keeps rounding from losing a row).
    fn of(&self, height: i64, width: i64) -> Result<Tensor, NnError> {
        if height == self.side && width == self.side {
            return Ok(self.table.shallow_clone());
        }
        let class = self.table.f_narrow(1, 0, 1)?;
        let grid = self.table.f_narrow(1, 1, self.side * self.side)?;
        let grid = grid.f_reshape([1, self.side, self.side, self.dim])?.f_permute([0, 3, 1, 2])?;
        let factor = |length: i64| (length as f64 + 0.1) / self.side as f64;
        let factors = [factor(height), factor(width)];
        let grid = grid.f_upsample_bicubic2d_vec(None::<&[i64]>, false, factors.as_slice())?;
        let grid = grid.f_permute([0, 2, 3, 1])?.f_reshape([1, height * width, self.dim])?;
        Ok(Tensor::f_cat(&[class, grid], 1)?)
    }
}

/// `x + attention(norm1(x))`, then `x + mlp(norm2(x))`.
#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    drop: f64,
}

impl Block {
    fn new(b: &mut Builder<'_>, dim: i64, heads: i64, drop: f64) -> Result<Self, NnError> {
        Ok(Self {
            norm1: LayerNorm::new(&mut b.sub("norm1"), dim, EPS)?,
            attention: Attention::new(&mut b.sub("attn"), dim, heads)?,
            norm2: LayerNorm::new(&mut b.sub("norm2"), dim, EPS)?,
            fc1: Linear::small_normal(&mut b.sub("mlp.fc1"), dim, 4 * dim)?,
            fc2: Linear::small_normal(&mut b.sub("mlp.fc2"), 4 * dim, dim)?,
            drop,
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        let branch = self.attention.forward(&self.norm1.forward(x)?)?;
        let x = x.f_add(&thinned(branch, self.drop, mode)?)?;
        let hidden = self.fc1.forward(&self.norm2.forward(&x)?)?.f_gelu("none")?;
        Ok(x.f_add(&thinned(self.fc2.forward(&hidden)?, self.drop, mode)?)?)
    }
}

/// Multi-head self-attention by libtorch's fused kernel.
#[derive(Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: i64,
}

impl Attention {
    fn new(b: &mut Builder<'_>, dim: i64, heads: i64) -> Result<Self, NnError> {
        let qkv = Linear::small_normal(&mut b.sub("qkv"), dim, 3 * dim)?;
        Ok(Self { qkv, proj: Linear::small_normal(&mut b.sub("proj"), dim, dim)?, heads })
    }

    /// `[B, N, D]`, of the same shape.
    fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        let (batch, tokens, dim) = x.size3()?;
        let qkv = self.qkv.forward(x)?.f_reshape([batch, tokens, 3, self.heads, dim / self.heads])?;
        // [3, B, heads, N, D / heads]
        let parts = qkv.f_permute([2, 0, 3, 1, 4])?.f_unbind(0)?;
        let mixed = Tensor::f_scaled_dot_product_attention(
            &parts[0],
            &parts[1],
            &parts[2],
            None::<&Tensor>,
            0.0,
            false,
            None,
            false,
        )?;
        self.proj.forward(&mixed.f_transpose(1, 2)?.f_reshape([batch, tokens, dim])?)
    }
}
