//! Vision transformers (Dosovitskiy et al., arXiv:2010.11929), read top-down: network, embedding, blocks, feature.
//!
//! Images are cut into patches, each a token. In front of them there may be a class token and registers. Positions are a
//! learned table, which is interpolated for images of another size, or rotations of queries and keys. What one family has
//! and another does not stands in its [`Facts`], one file a family.

mod arch;
mod class;
mod facts;
mod family;
mod feature;
mod size;

mod clip;
mod dinov2;
mod dinov3;
mod mocov3;
mod plain;
mod siglip2;

mod hugging_face;

mod attention;
mod block;
mod mlp;
mod patches;
mod pool;
mod positions;
mod rope;

use tch::Tensor;

pub use arch::VitArch;
pub(crate) use family::layouts;
pub use feature::VitFeature;
pub use size::VitSize;

use block::Block;
use facts::Facts;
use patches::Patches;
use pool::Pool;
use positions::Positions;
use rope::{Rope, Rotation};

use crate::layers::LayerNorm;
use crate::{Backbone, BackboneOptions, Builder, Graph, Init, Mode, NnError, Value};

/// A vision transformer without its classifier.
#[derive(Debug)]
pub struct VisionTransformer {
    class_token: Option<Tensor>,
    positions: Option<Positions>,
    registers: Option<Tensor>,
    patches: Patches,
    rope: Option<Rope>,
    pre_norm: Option<LayerNorm>,
    blocks: Vec<Block>,
    pool: Pool,
    /// Tokens in front of the patches.
    prefix: i64,
    features: i64,
}

impl VisionTransformer {
    /// Adds the network's tensors under the builder's prefix.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(b: &mut Builder<'_>, arch: VitArch, options: &BackboneOptions) -> Result<Self, NnError> {
        let (facts, VitSize { dim, depth, heads, .. }) = (arch.facts(), arch.size);
        let class = i64::from(facts.class_token);
        let mut token = |name, count: i64| match count {
            0 => Ok(None),
            count => b.parameter(name, &[1, count, dim], Init::TRANSFORMER).map(Some),
        };
        let class_token = token("cls_token", class)?;
        let positions = match facts.resample {
            Some(resample) => Some(Positions::new(b, class, arch.grid(), dim, resample(arch.registers))?),
            None => None,
        };
        let registers = match arch.registers {
            0 => None,
            count => Some(b.parameter("register_tokens", &[1, count, dim], Init::TRANSFORMER)?),
        };
        let mut embed = b.sub("patch_embed.proj");
        let patches = Patches::new(&mut embed, arch.patch, dim, facts.patch_bias, options.freeze_embedding)?;
        let rope = match facts.resample {
            Some(_) => None,
            None => Some(Rope::new(&mut b.sub("rope_embed"), dim / heads)?),
        };
        let pre_norm = match facts.pre_norm {
            true => Some(LayerNorm::new(&mut b.sub("norm_pre"), dim, facts.eps)?),
            false => None,
        };
        let chance = |block: i64| options.drop_path * block as f64 / (depth - 1).max(1) as f64;
        let blocks: Result<Vec<_>, _> = (0..depth)
            .map(|index| {
                Block::new(&mut b.sub(format_args!("blocks.{index}")), &arch.size, facts, chance(index))
            })
            .collect();
        let (blocks, pool) = (blocks?, Pool::new(b, &arch, facts)?);
        let (prefix, features) = (arch.prefix(), arch.features());
        Ok(Self {
            class_token,
            positions,
            registers,
            patches,
            rope,
            pre_norm,
            blocks,
            pool,
            prefix,
            features,
        })
    }

    /// Images `[B, 3, H, W]` to tokens `[B, N, D]`: the class token first, then registers, then patches.
    fn embed(&self, images: &Tensor) -> Result<Tensor, NnError> {
        let (batch, channels, height, width) = images.size4()?;
        let patch = self.patches.side;
        if channels != 3 || height % patch != 0 || width % patch != 0 || height == 0 || width == 0 {
            return Err(NnError::Patches { patch, got: images.size() });
        }
        if self.rope.is_some() && height != width {
            let expected = "[B, 3, S, S]: the positions of its patches are those of squares";
            return Err(NnError::Shape { what: "images for this network", expected, got: images.size() });
        }
        let mut tokens = self.patches.forward(images)?;
        let kind = tokens.f_kind()?;
        let for_each = |token: &Tensor| token.f_expand([batch, -1, -1], false)?.f_to_kind(kind);
        if let Some(class) = &self.class_token {
            tokens = Tensor::f_cat(&[for_each(class)?, tokens], 1)?;
        }
        if let Some(positions) = &self.positions {
            tokens = tokens.f_add(&positions.of(height / patch, width / patch)?)?;
        }
        if let Some(registers) = &self.registers {
            let (class, patches) = (tokens.f_narrow(1, 0, 1)?, tokens.f_narrow(1, 1, tokens.size()[1] - 1)?);
            tokens = Tensor::f_cat(&[class, for_each(registers)?, patches], 1)?;
        }
        match &self.pre_norm {
            Some(norm) => norm.forward(&tokens),
            None => Ok(tokens),
        }
    }

    /// [`Self::embed`] in a graph.
    fn record_embedding(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError> {
        let (height, width, patch) = (images.shape[1], images.shape[2], self.patches.side);
        if height != width || height % patch != 0 {
            return Err(NnError::Patches { patch, got: images.shape.clone() });
        }
        let mut tokens = self.patches.record(graph, images)?;
        if let Some(class) = &self.class_token {
            let class = graph.for_each(class, &tokens)?;
            tokens = graph.cat(&[&class, &tokens], 1);
        }
        if let Some(positions) = &self.positions {
            let positions = graph.constant(&positions.of(height / patch, width / patch)?);
            tokens = graph.with("Add", &tokens, &positions);
        }
        if let Some(registers) = &self.registers {
            let class = graph.slice(&tokens, 1, 0, 1, 1)?;
            let patches = graph.slice(&tokens, 1, 1, tokens.shape[0] - 1, 1)?;
            let registers = graph.for_each(registers, &tokens)?;
            tokens = graph.cat(&[&class, &registers, &patches], 1);
        }
        Ok(self.pre_norm.as_ref().map_or(tokens.clone(), |norm| norm.record(graph, &tokens)))
    }

    /// The rotations for the patches of a square among these tokens.
    fn rotation(&self, tokens: &Tensor) -> Result<Option<Rotation>, NnError> {
        let Some(rope) = &self.rope else { return Ok(None) };
        rope.of((tokens.size3()?.1 - self.prefix).isqrt()).map(Some)
    }

    /// Runs the blocks and shows the tokens after each.
    fn each_block(
        &self,
        images: &Tensor,
        mode: Mode,
        mut seen: impl FnMut(usize, &Tensor) -> Result<(), NnError>,
    ) -> Result<(), NnError> {
        let mut x = self.embed(images)?;
        let rotation = self.rotation(&x)?;
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, rotation.as_ref(), mode)?;
            seen(index, &x)?;
        }
        Ok(())
    }
}

impl Backbone for VisionTransformer {
    /// The embedding, each block, and what makes a feature of the last tokens.
    fn segments(&self) -> usize {
        2 + self.blocks.len()
    }

    fn segment(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        if index == 0 {
            return self.embed(x);
        }
        match self.blocks.get(index - 1) {
            Some(block) => {
                let rotation = self.rotation(x)?;
                match self.pool.seen() {
                    Some(count) if index == self.blocks.len() => {
                        block.forward_first(x, rotation.as_ref(), count, mode)
                    }
                    _ => block.forward(x, rotation.as_ref(), mode),
                }
            }
            None if index + 1 == self.segments() => self.pool.forward(x),
            None => Err(NnError::Segment { index, segments: self.segments() }),
        }
    }

    fn record(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError> {
        let mut x = self.record_embedding(graph, images)?;
        let rotation =
            self.rope.as_ref().map(|rope| rope.of(images.shape[1] / self.patches.side)).transpose()?;
        for block in &self.blocks {
            x = block.record(graph, &x, rotation.as_ref())?;
        }
        self.pool.record(graph, &x)
    }

    fn last_class_tokens(&self, images: &Tensor, n: usize, mode: Mode) -> Result<Tensor, NnError> {
        let first = self.blocks.len().saturating_sub(n);
        let mut tokens = Vec::with_capacity(n);
        self.each_block(images, mode, |index, x| {
            if index >= first {
                tokens.push(self.pool.class_token(x)?);
            }
            Ok(())
        })?;
        Ok(Tensor::f_cat(&tokens, -1)?)
    }

    fn feature_dim(&self) -> i64 {
        self.features
    }
}
